// The files that are open in the editor: reading, saving by themselves, and what happens to them on the disk.
import { Annotation, EditorState, type Text, type TransactionSpec } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { Files, Problem, isAbsent, isChanged, sizeOf, textOf } from "../files/api";
import { nameOf } from "../files/paths";
import { messageOf } from "../files/ui";

/** The largest file that is shown. */
const MAX_BYTES = 5 * 1024 * 1024;
/** How long nobody types before a file is saved. */
const QUIET_MS = 1000;
const RETRY_MS = 5000;

/** Marks changes that were read from the disk, which need no saving. */
export const fromDisk = Annotation.define<boolean>();

/** What keeps a file from being saved. */
export type Trouble =
  | { kind: "changed"; disk: string; revision: string }
  | { kind: "deleted" }
  | { kind: "failed"; message: string };

export interface OpenFile {
  path: string;
  /** Current unless the file is shown; ask [`Documents.stateOf`]. */
  state: EditorState;
  /** Why the file is not shown, as a sentence. */
  refusal?: string;
  revision: string;
  lineEnd: string;
  saved: Text;
  trouble?: Trouble;
  saving?: Promise<void>;
  timer?: number;
}

interface Host {
  view: EditorView;
  makeState(path: string, text: string, isReadOnly: boolean): EditorState;
  /** Something about a file changed that is shown around it. */
  onChange(file: OpenFile): void;
}

export class Documents {
  readonly open = new Map<string, OpenFile>();
  private readonly loading = new Map<string, Promise<OpenFile>>();
  current?: OpenFile;

  constructor(
    private readonly files: Files,
    private readonly host: Host,
  ) {}

  stateOf(file: OpenFile): EditorState {
    return file === this.current ? this.host.view.state : file.state;
  }

  isDirty(file: OpenFile): boolean {
    return !file.refusal && !this.stateOf(file).doc.eq(file.saved);
  }

  /** Opens a file, or returns it if it is open. */
  load(path: string): Promise<OpenFile> {
    const open = this.open.get(path);
    if (open) return Promise.resolve(open);
    const loading = this.loading.get(path) ?? this.read(path).finally(() => this.loading.delete(path));
    this.loading.set(path, loading);
    return loading;
  }

  private async read(path: string): Promise<OpenFile> {
    let text = "";
    let revision = "";
    let refusal: string | undefined;
    try {
      const { bytes, revision: found } = await this.files.read(path, MAX_BYTES);
      const content = textOf(bytes);
      if (content === undefined) refusal = `This is not a text file (${sizeOf(bytes.length)}).`;
      [text, revision] = [content ?? "", found];
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "file_too_large") throw error;
      refusal = error.message;
    }
    const state = this.host.makeState(path, text, refusal !== undefined);
    const lineEnd = /\r\n/.test(text) ? "\r\n" : "\n";
    const file: OpenFile = { path, state, refusal, revision, lineEnd, saved: state.doc };
    this.open.set(path, file);
    return file;
  }

  dispatch(file: OpenFile, spec: TransactionSpec) {
    if (file === this.current) {
      this.host.view.dispatch(spec);
      return;
    }
    file.state = file.state.update(spec).state;
    if (!spec.annotations) this.changed(file);
  }

  /** To be called when the text of a file has changed. */
  changed(file: OpenFile, isOurs = true) {
    if (isOurs) this.saveSoon(file, QUIET_MS);
    this.host.onChange(file);
  }

  private saveSoon(file: OpenFile, ms: number) {
    clearTimeout(file.timer);
    file.timer = window.setTimeout(() => void this.save(file).catch(() => {}), ms);
  }

  /** Saves what is not saved. Fails with a sentence for the learner. */
  async save(file: OpenFile): Promise<void> {
    clearTimeout(file.timer);
    while (file.saving) await file.saving.catch(() => {});
    if (!this.isDirty(file) && file.trouble?.kind !== "deleted") return;
    const name = nameOf(file.path);
    if (file.trouble?.kind === "changed") {
      throw new Error(`${name} was changed by another program. Choose in the editor which one to keep.`);
    }
    if (file.trouble?.kind === "deleted") throw new Error(`${name} was deleted by another program.`);
    await this.write(file, file.revision);
  }

  private async write(file: OpenFile, revision: string | null | undefined) {
    const text = this.stateOf(file).doc;
    const saving = this.files.write(file.path, text.sliceString(0, text.length, file.lineEnd), revision).then(
      (status) => {
        [file.saved, file.revision, file.trouble] = [text, status.revision, undefined];
      },
      async (error) => {
        if (isChanged(error)) await this.compare(file);
        else file.trouble = { kind: "failed", message: messageOf(error) };
        // the network, or a server that is busy
        if (error instanceof Problem && (error.status === 0 || error.status >= 500)) this.saveSoon(file, RETRY_MS);
        if (file.trouble) throw error;
      },
    );
    file.saving = saving.finally(() => {
      file.saving = undefined;
      this.host.onChange(file);
    });
    this.host.onChange(file);
    await file.saving;
  }

  /** Finds out what is on the disk instead of what was expected there. */
  private async compare(file: OpenFile) {
    try {
      const { bytes, revision } = await this.files.read(file.path, MAX_BYTES);
      const disk = (textOf(bytes) ?? "").replace(/\r\n?/g, "\n");
      const ours = this.stateOf(file).doc.toString();
      if (disk === ours) {
        [file.saved, file.revision, file.trouble] = [this.stateOf(file).doc, revision, undefined];
      } else if (this.isDirty(file)) {
        file.trouble = { kind: "changed", disk, revision };
      } else {
        this.take(file, disk, revision);
      }
    } catch (error) {
      file.trouble = isAbsent(error) ? { kind: "deleted" } : { kind: "failed", message: messageOf(error) };
    }
  }

  /** Looks at the disk, and takes over what is new there unless it would cost what is not saved. */
  async check(file: OpenFile): Promise<void> {
    if (file.refusal) return;
    while (file.saving) await file.saving.catch(() => {});
    try {
      const { revision } = await this.files.find(file.path);
      if (revision === file.revision && file.trouble?.kind !== "deleted") return;
      if (file.trouble?.kind === "changed" && file.trouble.revision === revision) return;
    } catch (error) {
      if (!isAbsent(error)) return;
      file.trouble = { kind: "deleted" };
      this.host.onChange(file);
      return;
    }
    await this.compare(file);
    this.host.onChange(file);
  }

  /** Takes over a text from the disk; the cursor stays where it was in the text. */
  private take(file: OpenFile, disk: string, revision: string) {
    file.trouble = undefined;
    this.dispatch(file, { changes: difference(this.stateOf(file).doc.toString(), disk), annotations: fromDisk.of(true) });
    [file.saved, file.revision] = [this.stateOf(file).doc, revision];
    this.host.onChange(file);
  }

  /** Decides in favour of what is on the disk. */
  takeDisk(file: OpenFile) {
    if (file.trouble?.kind === "changed") this.take(file, file.trouble.disk, file.trouble.revision);
  }

  /** Decides in favour of what is in the editor. */
  async keepOurs(file: OpenFile): Promise<void> {
    const revision = file.trouble?.kind === "changed" ? file.trouble.revision : null;
    file.trouble = undefined;
    await this.write(file, revision);
  }

  /** Gives a file that was renamed its new path. */
  rename(from: string, to: string) {
    const file = this.open.get(from);
    if (!file) return;
    this.open.delete(from);
    file.path = to;
    this.open.set(to, file);
  }

  close(file: OpenFile) {
    clearTimeout(file.timer);
    this.open.delete(file.path);
    if (this.current === file) this.current = undefined;
  }
}

/** The one change that makes a text of another. */
export function difference(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0;
  const shorter = Math.min(before.length, after.length);
  while (from < shorter && before[from] === after[from]) from++;
  let [to, end] = [before.length, after.length];
  while (to > from && end > from && before[to - 1] === after[end - 1]) [to, end] = [to - 1, end - 1];
  return { from, to, insert: after.slice(from, end) };
}
