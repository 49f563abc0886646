// Sending files to the workbench, with how far each has got.
import { type Files, isChanged, sizeOf } from "./api";
import { nameOf } from "./paths";
import { ask, button, make, messageOf } from "./ui";

/** What the server takes. */
const MAX_BYTES = 1024 ** 3;
/** Files of one folder that is dropped. */
const MOST_FILES = 2000;
/** How long what was sent is shown. */
const SHOWN_MS = 6000;

export interface Chosen {
  path: string;
  file: File;
}

export class Uploads {
  readonly element = make("ul", { class: "files-uploads", "aria-label": "Uploads" });
  private readonly stop = new AbortController();

  constructor(
    private readonly files: Files,
    private readonly onDone: () => void,
  ) {
    this.element.hidden = true;
  }

  /** Sends files one after another. Returns how many arrived; a file that is there already is asked about. */
  async send(chosen: Chosen[], mayReplace = false): Promise<number> {
    let arrived = 0;
    let replace = mayReplace;
    for (const { path, file } of chosen) {
      if (this.stop.signal.aborted) break;
      const outcome = await this.one(path, file, replace);
      if (outcome === "exists") {
        const text = `There is a file ${nameOf(path)} already.${chosen.length > 1 ? " Others of that name are replaced, too." : ""}`;
        const answer = await ask({ title: "Replace it?", text, action: "Replace", cancel: "Keep what is there", isDangerous: true });
        if (answer === undefined) continue;
        replace = true;
        if ((await this.one(path, file, true)) === "sent") arrived++;
      } else if (outcome === "sent") {
        arrived++;
      }
      this.onDone();
    }
    return arrived;
  }

  private async one(path: string, file: File, replace: boolean): Promise<"sent" | "failed" | "exists"> {
    const name = nameOf(path);
    const progress = make("progress", { max: "1", value: "0", "aria-label": `Sending ${name}` });
    const words = make("span", { role: "status" }, `${name}: 0 of ${sizeOf(file.size)}`);
    const cancel = new AbortController();
    this.stop.signal.addEventListener("abort", () => cancel.abort());
    const stop = button("Cancel", () => cancel.abort(), { "aria-label": `Cancel ${name}` });
    const item = make("li", {}, words, progress, stop);
    this.element.append(item);
    this.element.hidden = false;
    const end = (text: string, isBad: boolean) => {
      words.textContent = text;
      item.classList.toggle("bad", isBad);
      progress.remove();
      stop.remove();
      const away = () => {
        item.remove();
        this.element.hidden = !this.element.childElementCount;
      };
      if (isBad) item.append(button("Dismiss", away, { "aria-label": `Dismiss ${name}` }));
      else setTimeout(away, SHOWN_MS);
    };
    if (file.size > MAX_BYTES) {
      end(`${name} has ${sizeOf(file.size)}, and ${sizeOf(MAX_BYTES)} is the most that can be sent.`, true);
      return "failed";
    }
    try {
      await this.files.upload(path, file, !replace, (part) => {
        progress.value = part;
        words.textContent = `${name}: ${sizeOf(Math.round(part * file.size))} of ${sizeOf(file.size)}`;
      }, cancel.signal);
      end(`${name} was sent.`, false);
      return "sent";
    } catch (error) {
      if (!replace && isChanged(error)) {
        item.remove();
        this.element.hidden = !this.element.childElementCount;
        return "exists";
      }
      end(`${name}: ${messageOf(error)}`, true);
      return "failed";
    }
  }

  dispose() {
    this.stop.abort();
  }
}

/** What was dropped, with the folders in it. */
export async function droppedFiles(transfer: DataTransfer): Promise<Chosen[]> {
  // all at once: afterwards the browser has forgotten them
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = [...transfer.files].map((file) => ({ path: file.name, file }));
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const all: Chosen[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", all);
  return all;
}

async function walk(entry: FileSystemEntry, folder: string, all: Chosen[]): Promise<void> {
  if (all.length >= MOST_FILES) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    all.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // it gives some at a time
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, `${path}/`, all);
  }
}
