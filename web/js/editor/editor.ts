// The editor: puts the tree, the search, the tabs and the text together.
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { Files, Problem, isAbsent } from "../files/api";
import { absolute, folderOf, isWithin, nameOf, shown } from "../files/paths";
import { ask, button, make, messageOf, nextId, save } from "../files/ui";
import { type FileChange, type Following, follow } from "../files/watch";
import { Documents, type OpenFile, difference, fromDisk } from "./documents";
import type { Edit } from "./edits";
import { languageOf } from "./languages";
import { followDarkness, look } from "./look";
import { remove, rename } from "./manage";
import { recall, remember } from "./memory";
import { Search } from "./search";
import { setup } from "./setup";
import { fillSide } from "./side";
import { StatusLine } from "./status";
import { Tabs } from "./tabs";
import { Tree } from "./tree";
import { TroubleBar } from "./trouble";

/** Below this width, in pixels, the files lie over the text. */
const NARROW = 620;

export class Editor {
  readonly files: Files;
  readonly documents: Documents;
  readonly view: EditorView;
  home = "~";
  private started: Promise<void>;
  private hasFailed = false;
  private readonly root = make("div", { class: "editor" });
  private readonly side = make("div", { class: "editor-side" });
  private readonly main: HTMLElement;
  private readonly text = make("div", { class: "editor-text" });
  private readonly empty = make("div", { class: "editor-empty" });
  private readonly tabs: Tabs;
  private readonly status: StatusLine;
  private readonly trouble: TroubleBar;
  tree?: Tree;
  search?: Search;
  private following?: Following;
  private readonly unfollowDarkness: () => void;
  private readonly sizes: ResizeObserver;
  /** Nothing while another tab is in front. */
  private width = 0;
  private turn = 0;

  constructor(
    element: HTMLElement,
    private readonly session: string,
    readonly notify: (text: string) => void,
  ) {
    this.files = new Files(session);
    const panelId = nextId("editor");
    this.main = make("div", { class: "editor-main", id: panelId, role: "tabpanel", "aria-label": "Editor" });
    this.view = new EditorView({ parent: this.text });
    this.documents = new Documents(this.files, {
      view: this.view,
      makeState: (path, text, isReadOnly) => this.makeState(path, text, isReadOnly),
      onChange: () => this.render(),
    });
    this.tabs = new Tabs({ show: (path) => void this.show(path), close: (path) => void this.close(path) }, panelId);
    this.status = new StatusLine(() => this.toggleSide());
    this.trouble = new TroubleBar(this.documents, this.root, () => void this.close(this.documents.current?.path ?? ""));
    this.main.append(this.trouble.element, this.text, this.empty);
    this.root.append(this.side, make("div", { class: "editor-column" }, this.tabs.element, this.main, this.status.element));
    element.append(this.root);
    this.unfollowDarkness = followDarkness(this.root, (effects) => {
      this.view.dispatch({ effects });
      for (const file of this.documents.open.values()) file.state = file.state.update({ effects }).state;
    });
    this.sizes = new ResizeObserver(() => this.onSize());
    this.sizes.observe(this.root);
    addEventListener("pagehide", this.onLeave);
    document.addEventListener("visibilitychange", this.onLeave);
    this.render();
    this.started = this.begin();
  }

  /** Waits until the files can be worked on, and tries once more if they could not be. */
  ready(): Promise<void> {
    if (this.hasFailed) this.started = this.begin();
    return this.started;
  }

  private begin(): Promise<void> {
    this.hasFailed = false;
    const started = this.start();
    started.catch((error) => {
      this.hasFailed = true;
      const text = `The files cannot be shown. ${messageOf(error)}`;
      this.empty.replaceChildren(make("p", { role: "alert" }, text), button("Try again", () => void this.ready().catch(() => {})));
    });
    return started;
  }

  private async start() {
    const memory = recall(this.session);
    const { path: home } = await this.files.list("~");
    this.home = home;
    this.render();
    this.tree = new Tree(this.files, home, {
      openFile: (path) => void this.show(path).then(() => this.view.focus()),
      remove: (path, isFolder) => void remove(this, path, isFolder),
      rename: (path) => void rename(this, path),
      onFolders: () => this.follow(),
    });
    this.search = new Search(this.files, home, (match, length) => void this.showMatch(match, length));
    this.chooseSide = fillSide(this, this.side, this.tree, this.search);
    this.following = follow(this.session, this.files, (change) => this.onChange(change), () => this.onReady());
    await this.tree.start(memory.expanded);
    this.root.classList.toggle("side-hidden", memory.isSideHidden);
    for (const { path, anchor, head } of memory.open) {
      // a file that is gone is no longer open
      const file = await this.documents.load(path).catch(() => undefined);
      const end = file?.state.doc.length ?? 0;
      if (file) file.state = file.state.update({ selection: { anchor: Math.min(anchor, end), head: Math.min(head, end) } }).state;
    }
    const current = this.documents.open.get(memory.current) ?? [...this.documents.open.values()][0];
    if (current) this.bring(current);
  }

  private makeState(path: string, text: string, isReadOnly: boolean): EditorState {
    const language = new Compartment();
    const name = nameOf(path);
    const state = EditorState.create({
      doc: text,
      extensions: [
        setup(text, () => this.saveNow()),
        look(this.root),
        language.of([]),
        EditorState.readOnly.of(isReadOnly),
        EditorView.contentAttributes.of({ "aria-label": `Text of ${name}. Ctrl+M makes Tab leave the text.` }),
        EditorView.updateListener.of((update) => {
          const file = this.documents.current;
          if (!file || update.view !== this.view) return;
          if (update.docChanged) {
            const isOurs = update.transactions.some((each) => each.docChanged && !each.annotation(fromDisk));
            this.documents.changed(file, isOurs);
          }
          if (update.selectionSet || update.docChanged) this.onSelection();
        }),
      ],
    });
    const chosen = languageOf(name, text.slice(0, 100).split("\n")[0] ?? "");
    void chosen.load().then(
      (extension) => {
        const file = [...this.documents.open.values()].find((each) => each.path === path);
        const effects = language.reconfigure(extension);
        if (file === this.documents.current) this.view.dispatch({ effects });
        else if (file) file.state = file.state.update({ effects }).state;
      },
      () => this.notify(`The colours of ${chosen.name} couldn't be loaded.`),
    );
    return state;
  }

  private chooseSide: (isSearch: boolean) => void = () => {};

  openSearch(text?: string) {
    this.root.classList.remove("side-hidden");
    this.chooseSide(true);
    this.search?.focus(text);
  }

  openTree() {
    this.root.classList.remove("side-hidden");
    this.chooseSide(false);
    this.tree?.element.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  toggleSide() {
    this.root.classList.toggle("side-hidden");
    this.remember();
  }

  path(given: string): string {
    return absolute(given, this.home);
  }

  /** Opens a file and shows it. */
  async show(given: string): Promise<OpenFile> {
    await this.ready();
    const turn = ++this.turn;
    let file: OpenFile;
    try {
      file = await this.documents.load(this.path(given));
    } catch (error) {
      const message = isAbsent(error) ? `There is no file ${given}.` : messageOf(error);
      if (error instanceof Problem) throw new Problem(error.status, error.code, message);
      throw error;
    }
    await this.documents.check(file);
    // somebody asked for another one meanwhile
    if (turn === this.turn) this.bring(file);
    return file;
  }

  private bring(file: OpenFile) {
    const before = this.documents.current;
    if (before !== file) {
      if (before) {
        before.state = this.view.state;
        void this.documents.save(before).catch(() => {});
      }
      this.documents.current = file;
      this.view.setState(file.state);
      // the place of the cursor is known only when the text has been laid out
      this.view.dispatch({ effects: EditorView.scrollIntoView(file.state.selection.main.head, { y: "center" }) });
    }
    if (this.root.classList.contains("narrow")) this.root.classList.add("side-hidden");
    this.render();
    this.follow();
    void this.tree?.reveal(file.path);
    this.remember();
  }

  /** Makes an edit in a file, shows and selects it, and saves the file. */
  async edit(file: OpenFile, edit: Edit, mustSave = true) {
    this.bring(file);
    const before = this.view.state.doc.toString();
    const changes = difference(before, edit.text);
    this.view.dispatch({
      changes: before === edit.text ? undefined : changes,
      selection: { anchor: edit.from, head: edit.to },
      effects: EditorView.scrollIntoView(edit.from, { y: "center" }),
      userEvent: "input.action",
    });
    if (mustSave) await this.documents.save(file);
  }

  saveNow() {
    const file = this.documents.current;
    if (file) this.documents.save(file).catch((error) => this.notify(messageOf(error)));
  }

  async close(path: string) {
    const file = this.documents.open.get(path);
    if (!file) return;
    try {
      await this.documents.save(file);
    } catch (error) {
      const text = `${messageOf(error)} What you changed since the last save is lost if you close it.`;
      const answer = await ask({ title: `Close ${nameOf(path)}?`, text, action: "Close it", isDangerous: true });
      if (answer === undefined) return;
    }
    const all = [...this.documents.open.values()];
    const next = all[all.indexOf(file) + 1] ?? all[all.indexOf(file) - 1];
    const wasCurrent = this.documents.current === file;
    this.documents.close(file);
    if (wasCurrent && next) this.bring(next);
    this.render();
    this.follow();
    this.remember();
  }

  private async showMatch({ path, line, column }: { path: string; line: number; column: number }, length: number) {
    try {
      const file = await this.show(path);
      const at = this.view.state.doc.line(Math.min(line, this.view.state.doc.lines));
      const from = Math.min(at.from + column - 1, at.to);
      await this.edit(file, { text: this.view.state.doc.toString(), from, to: Math.min(from + length, at.to) }, false);
      this.view.focus();
    } catch (error) {
      this.notify(messageOf(error));
    }
  }

  /** Moves a file or folder; what is open of it stays open under its new path. */
  async move(from: string, to: string, overwrite: boolean) {
    const inside = [...this.documents.open.values()].filter((file) => isWithin(file.path, from));
    for (const file of inside) await this.documents.save(file);
    await this.files.move(from, to, overwrite);
    const replaced = this.documents.open.get(to);
    if (replaced && !inside.includes(replaced)) this.documents.close(replaced);
    for (const file of inside) this.documents.rename(file.path, to + file.path.slice(from.length));
    await this.afterChange();
  }

  async delete(path: string) {
    await this.files.remove(path);
    for (const file of [...this.documents.open.values()]) {
      if (!isWithin(file.path, path)) continue;
      const wasCurrent = this.documents.current === file;
      this.documents.close(file);
      const next = [...this.documents.open.values()][0];
      if (wasCurrent && next) this.bring(next);
    }
    await this.afterChange();
  }

  /** Shows the files as they are now. */
  async afterChange() {
    await this.tree?.refresh();
    this.render();
    this.follow();
    this.remember();
  }

  private onChange(change: FileChange) {
    this.tree?.onChange(change);
    for (const file of this.documents.open.values()) {
      if (change.path === file.path || change.change === "missed") void this.documents.check(file);
    }
  }

  private onReady() {
    void this.tree?.refresh();
    for (const file of this.documents.open.values()) void this.documents.check(file);
  }

  private follow() {
    const open = [...this.documents.open.keys()].map(folderOf);
    this.following?.setFolders([...new Set([...open, ...(this.tree?.expanded ?? [])])]);
  }

  private readonly onLeave = () => {
    if (!document.hidden) return;
    for (const file of this.documents.open.values()) void this.documents.save(file).catch(() => {});
    this.remember();
  };

  private onSize() {
    const width = this.root.clientWidth;
    // what was shown while another tab was in front is now scrolled to
    if (width && !this.width) {
      const { head } = this.view.state.selection.main;
      this.view.dispatch({ effects: EditorView.scrollIntoView(head, { y: "center" }) });
    }
    if (width) this.root.classList.toggle("narrow", width < NARROW);
    this.width = width;
  }

  private onSelection() {
    this.status.showPlace(this.view.state);
    this.remember();
  }

  private remember() {
    const open = [...this.documents.open.values()].map((file) => {
      const { anchor, head } = this.documents.stateOf(file).selection.main;
      return { path: file.path, anchor, head };
    });
    remember(this.session, {
      open,
      current: this.documents.current?.path ?? "",
      expanded: [...(this.tree?.expanded ?? [])],
      isSideHidden: this.root.classList.contains("side-hidden"),
    });
  }

  private render() {
    const { current } = this.documents;
    const tabs = [...this.documents.open.values()].map((file) => ({
      path: file.path,
      title: shown(file.path, this.home),
      isDirty: this.documents.isDirty(file),
      isTroubled: file.trouble !== undefined,
    }));
    this.tabs.render(tabs, current?.path ?? "");
    this.main.setAttribute("role", current ? "tabpanel" : "group");
    this.main.setAttribute("aria-label", current ? nameOf(current.path) : "Editor");
    this.text.hidden = !current || current.refusal !== undefined;
    this.empty.hidden = !this.text.hidden;
    if (!current) {
      this.empty.replaceChildren(make("p", {}, "No file is open. Choose one in the tree, or let a step of the lab open it."));
    } else if (current.refusal !== undefined) {
      const path = current.path;
      const download = button("Download", () => save(this.files.contentUrl(path), nameOf(path)));
      this.empty.replaceChildren(make("p", {}, `${nameOf(path)}: ${current.refusal}`), download);
    }
    this.trouble.render(current);
    this.status.render(current, current ? this.documents.isDirty(current) : false, this.home);
    if (current) this.status.showPlace(this.view.state);
  }

  focus() {
    if (this.documents.current) this.view.focus();
    else this.openTree();
  }

  dispose() {
    for (const file of this.documents.open.values()) {
      void this.documents.save(file).catch(() => {});
      clearTimeout(file.timer);
    }
    this.remember();
    this.following?.dispose();
    this.unfollowDarkness();
    this.sizes.disconnect();
    removeEventListener("pagehide", this.onLeave);
    document.removeEventListener("visibilitychange", this.onLeave);
    this.view.destroy();
    this.root.remove();
  }
}
