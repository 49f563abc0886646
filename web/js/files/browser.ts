// The list of a folder, with what can be done to what is in it.
import type { PanelContext } from "../panels";
import { type FileEntry, Files, sizeOf } from "./api";
import { faultOf, folderOf, isWithin, join, nameOf, shown } from "./paths";
import { preview } from "./preview";
import { ask, button, make, messageOf, nextId, save } from "./ui";
import { Uploads, droppedFiles } from "./uploads";
import { type FileChange, type Following, follow } from "./watch";

export class FilesPanel {
  readonly files: Files;
  readonly uploads: Uploads;
  home = "~";
  private folder = "~";
  private readonly root = make("div", { class: "files-panel" });
  private readonly crumbs = make("nav", { class: "files-crumbs", "aria-label": "Folder" });
  private readonly status = make("p", { class: "files-status", role: "status" });
  private readonly place = make("div", { class: "files-list" });
  private readonly following: Following;
  private asked = 0;
  private timer?: number;

  constructor(
    element: HTMLElement,
    private readonly context: PanelContext,
  ) {
    this.files = new Files(context.session);
    this.uploads = new Uploads(this.files, () => void this.refresh());
    this.root.append(this.bar(), this.crumbs, this.status, this.uploads.element, this.place);
    element.append(this.root);
    this.acceptDrops();
    this.following = follow(context.session, this.files, (change) => this.onChange(change), () => void this.refresh());
    void this.open("~");
  }

  private bar(): HTMLElement {
    const id = nextId("upload");
    const input = make("input", { id, type: "file", multiple: true, class: "visually-hidden" });
    input.addEventListener("change", () => {
      const chosen = [...(input.files ?? [])].map((file) => ({ path: join(this.folder, file.name), file }));
      input.value = "";
      void this.uploads.send(chosen);
    });
    const label = make("label", { for: id, class: "button small primary" }, "Upload files");
    return make(
      "div",
      { class: "files-bar" },
      make("span", { class: "files-upload" }, input, label),
      button("New folder", () => void this.createFolder()),
      button("Download this folder", () => save(this.files.archiveUrl(this.folder))),
      make("span", { class: "faint" }, "or drop files here"),
    );
  }

  private acceptDrops() {
    let depth = 0;
    const over = (by: number) => {
      depth = by ? depth + by : 0;
      this.root.classList.toggle("dropping", depth > 0);
    };
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    this.root.addEventListener("dragenter", (event) => hasFiles(event) && over(1));
    this.root.addEventListener("dragleave", (event) => hasFiles(event) && over(-1));
    this.root.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.dataTransfer!.dropEffect = "copy";
    });
    this.root.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      over(0);
      const folder = this.folder;
      void droppedFiles(event.dataTransfer!).then((dropped) =>
        this.uploads.send(dropped.map(({ path, file }) => ({ path: join(folder, path), file }))),
      );
    });
  }

  /** Shows a folder. */
  async open(folder: string) {
    const asked = ++this.asked;
    try {
      const listing = await this.files.list(folder);
      if (asked !== this.asked) return;
      if (folder === "~") this.home = listing.path;
      const isOther = this.folder !== listing.path;
      this.folder = listing.path;
      this.following.setFolders([this.folder]);
      this.render(listing.entries, listing.is_cut, isOther);
    } catch (error) {
      if (asked !== this.asked) return;
      this.status.textContent = messageOf(error);
      this.place.replaceChildren(
        button("Try again", () => void this.open(folder)),
        button("Go to the home folder", () => void this.open("~")),
      );
    }
  }

  refresh() {
    return this.open(this.folder);
  }

  private onChange({ path, change }: FileChange) {
    if (folderOf(path) !== this.folder && !(change === "missed" && path === this.folder)) return;
    // sizes change often while a program writes
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.refresh(), change === "changed" ? 1000 : 100);
  }

  private renderCrumbs() {
    const isHome = isWithin(this.folder, this.home);
    const base = isHome ? this.home : "";
    const parts = this.folder.slice(base.length).split("/").filter(Boolean);
    const steps = [{ name: isHome ? "Home" : "/", path: base || "/" }];
    for (const part of parts) steps.push({ name: part, path: join(steps[steps.length - 1]!.path, part) });
    const items = steps.map(({ name, path }, at) => {
      const isLast = at === steps.length - 1;
      const item = make("button", { type: "button", "aria-current": isLast ? "location" : undefined }, name);
      item.addEventListener("click", () => void this.open(path));
      return make("li", {}, item);
    });
    this.crumbs.replaceChildren(make("ol", {}, ...items));
  }

  private render(entries: FileEntry[], isCut: boolean, isOther: boolean) {
    this.renderCrumbs();
    const folders = ({ kind }: FileEntry) => (kind === "folder" ? 0 : 1);
    entries.sort((a, b) => folders(a) - folders(b) || a.name.localeCompare(b.name));
    const count = entries.length === 1 ? "1 entry" : `${entries.length} entries`;
    const text = isCut ? `The first ${count} of this folder.` : entries.length ? `${count}.` : "This folder is empty.";
    if (this.status.textContent !== text || isOther) this.status.textContent = text;
    // whoever is at a button of a row stays there
    const focused = document.activeElement;
    const at = focused && this.place.contains(focused) ? focused.getAttribute("data-key") : null;
    const head = ["Name", "Size", "Changed"].map((name) => make("th", { scope: "col" }, name));
    head.push(make("th", { scope: "col" }, make("span", { class: "visually-hidden" }, "What to do")));
    const rows = entries.map((entry) => this.row(entry));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
    table.setAttribute("aria-label", `Files in ${shown(this.folder, this.home)}`);
    this.place.replaceChildren(...(entries.length ? [table] : []));
    if (at !== null) {
      const same = [...this.place.querySelectorAll<HTMLElement>("[data-key]")].find((each) => each.dataset.key === at);
      same?.focus();
    }
  }

  private row(entry: FileEntry): HTMLElement {
    const path = join(this.folder, entry.name);
    const isFolder = entry.kind === "folder";
    const act = (label: string, key: string, run: () => void) =>
      button(label, run, { class: "files-act", "aria-label": `${label} ${entry.name}`, "data-key": `${key} ${entry.name}` });
    const name = make("button", { type: "button", class: `files-name ${entry.kind}`, "data-key": `name ${entry.name}` }, entry.name + (isFolder ? "/" : ""));
    name.addEventListener("click", () => void this.show(path, entry.kind));
    const acts = [
      act("Download", "download", () => save(isFolder ? this.files.archiveUrl(path) : this.files.contentUrl(path), isFolder ? undefined : entry.name)),
      act("Rename", "rename", () => void this.rename(path)),
      act("Delete", "delete", () => void this.remove(path, isFolder)),
    ];
    if (!isFolder && this.context.onOpenFile) acts.unshift(act("Edit", "edit", () => this.context.onOpenFile?.(path)));
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", {}, entry.kind === "file" ? sizeOf(entry.size_bytes) : entry.kind === "link" ? "link" : ""),
      make("td", {}, whenOf(entry.modified_ms)),
      make("td", { class: "files-acts" }, ...acts),
    );
  }

  private async show(path: string, kind: FileEntry["kind"]) {
    try {
      // a link may lead to a folder
      const found = kind === "link" ? await this.files.find(path) : { path, entry: { kind } };
      if (found.entry.kind === "folder") await this.open(found.path);
      else await this.preview(path);
    } catch (error) {
      await this.tell("Couldn't open it", `${nameOf(path)}: ${messageOf(error)}`);
    }
  }

  /** Shows what a file holds. */
  preview(path: string) {
    const edit = this.context.onOpenFile && (() => this.context.onOpenFile?.(path));
    return preview(this.files, path, edit);
  }

  tell(title: string, text: string) {
    return ask({ title, text, action: "OK", cancel: "Close" });
  }

  private async createFolder() {
    const label = `Name, in ${shown(this.folder, this.home)}`;
    const name = await ask({ title: "New folder", action: "Create", field: { label, value: "", fault: faultOf } });
    if (name === undefined) return;
    await this.attempt("create", name, () => this.files.makeFolder(join(this.folder, name)));
  }

  private async rename(path: string) {
    const field = { label: `New name of ${nameOf(path)}`, value: nameOf(path), fault: faultOf };
    const name = await ask({ title: "Rename", action: "Rename", field });
    if (!name || name === nameOf(path)) return;
    await this.attempt("rename", path, () => this.files.move(path, join(folderOf(path), name)));
  }

  private async remove(path: string, isFolder: boolean) {
    const what = isFolder ? "the folder and everything in it" : "the file";
    const text = `This deletes ${what} for good: ${shown(path, this.home)}`;
    const answer = await ask({ title: `Delete ${nameOf(path)}?`, text, action: "Delete", isDangerous: true });
    if (answer !== undefined) await this.attempt("delete", path, () => this.files.remove(path));
  }

  private async attempt(what: string, path: string, work: () => Promise<unknown>) {
    try {
      await work();
    } catch (error) {
      await this.tell(`Couldn't ${what} it`, `${nameOf(path)}: ${messageOf(error)}`);
    }
    await this.refresh();
    this.place.querySelector<HTMLElement>("button")?.focus();
  }

  focus() {
    this.root.querySelector<HTMLElement>("button, input")?.focus();
  }

  dispose() {
    clearTimeout(this.timer);
    this.following.dispose();
    this.uploads.dispose();
    this.root.remove();
  }
}

function whenOf(ms: number): string {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date().toDateString();
  const time: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  return isToday ? date.toLocaleTimeString([], time) : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
