// The tree of files. Folders are read when they are opened, and follow what happens on the disk.
import type { FileEntry, Files } from "../files/api";
import { folderOf, isWithin, join } from "../files/paths";
import { make } from "../files/ui";
import type { FileChange } from "../files/watch";

/** More entries of one folder are not shown. */
const MOST_SHOWN = 500;

interface Host {
  openFile(path: string): void;
  remove(path: string, isFolder: boolean): void;
  rename(path: string): void;
  /** The folders that are shown changed. */
  onFolders(folders: string[]): void;
}

interface Row {
  path: string;
  name: string;
  level: number;
  isFolder: boolean;
  place: number;
  among: number;
}

export class Tree {
  readonly element = make("ul", { class: "file-tree", role: "tree", "aria-label": "Files" });
  private readonly entries = new Map<string, FileEntry[]>();
  private readonly cut = new Set<string>();
  readonly expanded = new Set<string>();
  private rows: Row[] = [];
  private selected = "";
  private typed = "";
  private typedAt = 0;

  constructor(
    private readonly files: Files,
    private readonly home: string,
    private readonly host: Host,
  ) {
    this.element.addEventListener("click", (event) => this.onClick(event));
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("focusin", (event) => {
      const path = (event.target as HTMLElement).dataset.path;
      if (path) this.select(path);
    });
  }

  /** The folder in which something new is made. */
  folder(): string {
    const row = this.rows.find(({ path }) => path === this.selected);
    return row ? (row.isFolder ? row.path : folderOf(row.path)) : this.home;
  }

  selection(): { path: string; isFolder: boolean } | undefined {
    return this.rows.find(({ path }) => path === this.selected);
  }

  async start(expanded: string[]) {
    for (const folder of expanded) if (isWithin(folder, this.home)) this.expanded.add(folder);
    this.expanded.add(this.home);
    await this.refresh();
  }

  /** Reads all open folders again. */
  async refresh() {
    await Promise.all([...this.expanded].map((folder) => this.read(folder)));
    this.render();
  }

  private async read(folder: string) {
    try {
      const listing = await this.files.list(folder);
      const folders = ({ kind }: FileEntry) => (kind === "folder" ? 0 : 1);
      const sorted = listing.entries.sort((a, b) => folders(a) - folders(b) || a.name.localeCompare(b.name));
      this.entries.set(folder, sorted.slice(0, MOST_SHOWN));
      if (listing.is_cut || sorted.length > MOST_SHOWN) this.cut.add(folder);
      else this.cut.delete(folder);
    } catch {
      // deleted or not to be read: it is shown closed
      this.entries.delete(folder);
      if (folder !== this.home) this.expanded.delete(folder);
    }
  }

  onChange({ path, change }: FileChange) {
    const folder = change === "missed" ? path : folderOf(path);
    if (change === "changed" || !this.expanded.has(folder)) return;
    void this.read(folder).then(() => this.render());
  }

  private list(folder: string, level: number): Row[] {
    const entries = this.entries.get(folder) ?? [];
    return entries.flatMap((entry, at) => {
      const path = join(folder, entry.name);
      const isFolder = entry.kind === "folder";
      const row = { path, name: entry.name, level, isFolder, place: at + 1, among: entries.length };
      return isFolder && this.expanded.has(path) ? [row, ...this.list(path, level + 1)] : [row];
    });
  }

  private render() {
    const hadFocus = this.element.contains(document.activeElement);
    this.rows = this.list(this.home, 1);
    if (!this.rows.some(({ path }) => path === this.selected)) this.selected = this.rows[0]?.path ?? "";
    this.element.replaceChildren(
      ...this.rows.map((row) => {
        const isOpen = row.isFolder && this.expanded.has(row.path);
        const sign = make("span", { class: "file-sign", "aria-hidden": "true" }, row.isFolder ? (isOpen ? "▾" : "▸") : "");
        const more = isOpen && this.cut.has(row.path) ? " (not all shown)" : "";
        const item = make(
          "li",
          {
            role: "treeitem",
            "data-path": row.path,
            "aria-level": String(row.level),
            "aria-posinset": String(row.place),
            "aria-setsize": String(row.among),
            "aria-expanded": row.isFolder ? String(isOpen) : undefined,
            "aria-selected": String(row.path === this.selected),
            tabindex: row.path === this.selected ? "0" : "-1",
            class: row.isFolder ? "folder" : "file",
            title: row.name,
          },
          sign,
          row.name + more,
        );
        item.style.paddingInlineStart = `${row.level * 0.9 - 0.5}rem`;
        return item;
      }),
    );
    this.element.classList.toggle("empty", !this.rows.length);
    if (hadFocus) this.item(this.selected)?.focus();
    this.host.onFolders([...this.expanded]);
  }

  private item(path: string): HTMLElement | undefined {
    return [...this.element.children].find((item) => (item as HTMLElement).dataset.path === path) as HTMLElement;
  }

  /** Marks a file, and opens the folders above it. */
  async reveal(path: string) {
    if (!isWithin(path, this.home)) return;
    for (let folder = folderOf(path); isWithin(folder, this.home); folder = folderOf(folder)) {
      if (!this.expanded.has(folder)) {
        this.expanded.add(folder);
        await this.read(folder);
      }
      if (folder === this.home) break;
    }
    this.selected = path;
    this.render();
    this.item(path)?.scrollIntoView({ block: "nearest" });
  }

  private select(path: string) {
    if (path === this.selected) return;
    for (const each of [this.selected, path]) {
      const item = this.item(each);
      item?.setAttribute("aria-selected", String(each === path));
      item?.setAttribute("tabindex", each === path ? "0" : "-1");
    }
    this.selected = path;
  }

  private async toggle(row: Row, open = !this.expanded.has(row.path)) {
    if (open) {
      this.expanded.add(row.path);
      await this.read(row.path);
    } else {
      this.expanded.delete(row.path);
    }
    this.render();
  }

  private onClick(event: Event) {
    const path = (event.target as HTMLElement).closest<HTMLElement>("[data-path]")?.dataset.path;
    const row = this.rows.find((each) => each.path === path);
    if (!row) return;
    this.select(row.path);
    this.item(row.path)?.focus();
    this.act(row);
  }

  private act(row: Row) {
    if (row.isFolder) void this.toggle(row);
    else this.host.openFile(row.path);
  }

  private onKey(event: KeyboardEvent) {
    const at = this.rows.findIndex(({ path }) => path === this.selected);
    const row = this.rows[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const go = (index: number) => this.item(this.rows[index]?.path ?? "")?.focus();
    const isOpen = this.expanded.has(row.path);
    const keys: Record<string, () => void> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(this.rows.length - 1),
      ArrowRight: () => (row.isFolder ? (isOpen ? go(at + 1) : void this.toggle(row, true)) : undefined),
      ArrowLeft: () => (row.isFolder && isOpen ? void this.toggle(row, false) : this.item(folderOf(row.path))?.focus()),
      Enter: () => this.act(row),
      " ": () => this.act(row),
      F2: () => this.host.rename(row.path),
      Delete: () => this.host.remove(row.path, row.isFolder),
    };
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key.length === 1) {
      this.find(event.key, at);
    }
  }

  /** Goes to the next name that begins with what is typed. */
  private find(key: string, at: number) {
    const now = Date.now();
    this.typed = (now - this.typedAt < 700 ? this.typed : "") + key.toLowerCase();
    this.typedAt = now;
    const from = this.typed.length > 1 ? at : at + 1;
    const order = [...this.rows.slice(from), ...this.rows.slice(0, from)];
    const found = order.find(({ name }) => name.toLowerCase().startsWith(this.typed));
    if (found) this.item(found.path)?.focus();
  }
}
