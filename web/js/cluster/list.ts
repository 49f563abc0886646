// The list of objects: workloads with their pods below them, then what leads to them, then settings and storage.
import { make } from "../terminal/element";
import type { State } from "./state";
import type { ClusterObject } from "./types";
import { age, badge, changeMark, used } from "./words";

export interface Filter {
  text: string;
  kind: string;
  namespace: string;
  changed: boolean;
  system: boolean;
}

interface Placed {
  object: ClusterObject;
  depth: number;
}

const SECTIONS: [string, string[]][] = [
  ["Workloads", ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"]],
  ["Network", ["Service", "Ingress"]],
  ["Settings and storage", ["ConfigMap", "Secret", "PersistentVolumeClaim"]],
];

/** Draws the list, and changes only what differs from what is shown: so focus and scroll position stay. */
export class List {
  readonly element = make("div", { class: "cluster-list" });
  private readonly rows = new Map<string, { element: HTMLElement; button: HTMLButtonElement; shown: string }>();
  private readonly sections = new Map<string, { box: HTMLElement; list: HTMLElement }>();

  constructor(
    private readonly state: State,
    private readonly onOpen: (id: string) => void,
  ) {
    for (const [title] of SECTIONS) {
      const id = `cluster-${title.split(" ")[0].toLowerCase()}-${Math.random().toString(36).slice(2, 7)}`;
      const list = make("ul", { role: "list", "aria-labelledby": id });
      const box = make("section", { hidden: true }, make("h3", { id }, title), list);
      this.sections.set(title, { box, list });
      this.element.append(box);
    }
  }

  /** Returns how many objects are shown. */
  draw(filter: Filter, open: string | undefined): number {
    const shown = new Set<string>();
    for (const [title, kinds] of SECTIONS) {
      const { box, list } = this.sections.get(title)!;
      const placed = this.place(kinds, filter);
      box.hidden = placed.length === 0;
      placed.forEach((one, at) => {
        shown.add(one.object.id);
        const element = this.row(one, open === one.object.id);
        if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
      });
      while (list.children.length > placed.length) list.lastElementChild!.remove();
    }
    for (const id of this.rows.keys()) if (!shown.has(id)) this.rows.delete(id);
    return shown.size;
  }

  focus(id: string): boolean {
    const row = this.rows.get(id);
    row?.button.focus();
    return row !== undefined;
  }

  focusFirst(): boolean {
    const first = this.element.querySelector<HTMLButtonElement>("section:not([hidden]) .cluster-row");
    first?.focus();
    return first !== null;
  }

  private place(kinds: string[], filter: Filter): Placed[] {
    const ranks = new Map(kinds.map((kind, rank) => [kind, rank]));
    const all = this.state.all().filter((object) => ranks.has(object.kind) && !isOldVersion(object, this.state));
    const wanted = new Set(all.filter((object) => this.matches(object, filter)).map((object) => object.id));
    const byId = new Map(all.map((object) => [object.id, object]));
    const parentOf = (object: ClusterObject): ClusterObject | undefined => {
      let owner = object.owner;
      while (owner !== undefined) {
        const found = byId.get(owner);
        if (found) return found;
        owner = this.state.find(owner)?.owner;
      }
      return undefined;
    };
    const children = new Map<string, ClusterObject[]>();
    const tops: ClusterObject[] = [];
    for (const object of all) {
      const parent = parentOf(object);
      if (!parent) tops.push(object);
      else children.set(parent.id, [...(children.get(parent.id) ?? []), object]);
    }
    const order = (a: ClusterObject, b: ClusterObject) =>
      ranks.get(a.kind)! - ranks.get(b.kind)! || a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);
    const found: Placed[] = [];
    const add = (object: ClusterObject, depth: number): boolean => {
      const at = found.length;
      let isShown = wanted.has(object.id);
      found.push({ object, depth });
      for (const child of (children.get(object.id) ?? []).sort(order)) isShown = add(child, depth + 1) || isShown;
      // what a shown object belongs to is shown, too
      if (!isShown) found.length = at;
      return isShown;
    };
    for (const object of tops.sort(order)) add(object, 0);
    return found;
  }

  private matches(object: ClusterObject, { text, kind, namespace, changed, system }: Filter): boolean {
    if (object.is_system && !system) return false;
    if (kind && object.kind !== kind) return false;
    if (namespace && object.namespace !== namespace) return false;
    if (changed && !this.state.changeOf(object.id)) return false;
    const facts = (object.facts ?? []).map(([, value]) => value);
    const words = [object.kind, object.name, object.condition.word, object.condition.cause ?? "", ...facts];
    return !text || words.join(" ").toLowerCase().includes(text.toLowerCase());
  }

  private row({ object, depth }: Placed, isOpen: boolean): HTMLElement {
    const change = this.state.changeOf(object.id);
    const usage = this.state.usage[object.id];
    const shown = JSON.stringify([object, depth, change, usage, isOpen, age(object.created_at), this.state.namespaces.length]);
    let row = this.rows.get(object.id);
    if (row?.shown === shown) return row.element;
    if (!row) {
      const button = make("button", { type: "button", class: "cluster-row", onclick: () => this.onOpen(object.id) });
      button.dataset.testid = `cluster-${object.id}`;
      row = { button, element: make("li", {}, button), shown };
      this.rows.set(object.id, row);
    }
    row.shown = shown;
    row.element.style.setProperty("--depth", String(Math.min(depth, 3)));
    row.button.classList.toggle("is-gone", change === "removed");
    row.button.setAttribute("aria-pressed", String(isOpen));
    row.button.replaceChildren(...this.cells(object, change));
    return row.element;
  }

  private cells(object: ClusterObject, change: ReturnType<State["changeOf"]>): Node[] {
    const name = make("span", { class: "cluster-name" }, make("span", { class: "cluster-kind" }, object.kind), ` ${object.name}`);
    if (this.state.namespaces.length > 1) name.append(make("span", { class: "faint" }, ` in ${object.namespace}`));
    const mark = change === "removed" ? undefined : changeMark(change);
    if (mark) name.append(" ", mark);
    const numbers: string[] = [];
    if (object.ready) numbers.push(`${object.ready.ready}/${object.ready.wanted} ${object.kind === "Job" ? "done" : "ready"}`);
    if (object.restarts) numbers.push(object.restarts === 1 ? "1 restart" : `${object.restarts} restarts`);
    const usage = this.state.usage[object.id];
    if (usage) numbers.push(used(usage));
    const fact = object.facts?.find(([key]) => ["Ports", "Paths", "Schedule", "Keys", "Size"].includes(key));
    if (fact) numbers.push(fact[1]);
    const state = change === "removed" ? make("span", { class: "cluster-state is-over" }, "Removed") : badge(object.condition);
    const cells: Node[] = [
      state,
      name,
      make("span", { class: "cluster-numbers" }, numbers.join(" · ")),
      make("span", { class: "cluster-age", title: `Created ${object.created_at ?? ""}` }, age(object.created_at)),
    ];
    const cause = change === "removed" ? undefined : object.condition.cause;
    if (cause) cells.push(make("span", { class: "cluster-cause" }, cause));
    return cells;
  }
}

// Replica sets are a detail of their deployment, unless they stand alone.
function isOldVersion(object: ClusterObject, state: State): boolean {
  return object.kind === "ReplicaSet" && object.owner !== undefined && state.find(object.owner) !== undefined;
}
