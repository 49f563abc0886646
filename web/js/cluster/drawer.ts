// One object in full: overview, events, log, YAML; and what can be done with it.
import { copyText } from "../clipboard";
import { make } from "../terminal/element";
import { type Calls, Refused } from "./calls";
import { confirm } from "./confirm";
import { LogView } from "./log_view";
import type { State } from "./state";
import { TextView } from "./text_view";
import type { ClusterObject } from "./types";
import { age, badge, changeMark, shellCommand, used } from "./words";

type Tab = "Overview" | "Events" | "Log" | "YAML";

export class Drawer {
  readonly element: HTMLElement;
  private readonly title = make("h3", { tabindex: "-1" });
  private readonly tabs = make("div", { role: "tablist", "aria-label": "About this object" });
  private readonly body = make("div", { class: "cluster-drawer-body", role: "tabpanel", tabindex: "0" });
  private readonly actions = make("div", { class: "cluster-actions" });
  private view?: LogView | TextView;
  private tab: Tab = "Overview";
  private shown = "";
  private object?: ClusterObject;

  constructor(
    private readonly state: State,
    private readonly calls: Calls,
    private readonly notify: (text: string) => void,
    private readonly onClose: () => void,
    private readonly onOpen: (id: string) => void,
  ) {
    const close = make("button", { type: "button", class: "button small", onclick: () => void this.close() }, "Close");
    this.element = make(
      "section",
      { class: "cluster-drawer", hidden: true, "aria-label": "Object", onkeydown: (event) => this.key(event as KeyboardEvent) },
      make("header", {}, this.title, close),
      this.actions,
      this.tabs,
      this.body,
    );
  }

  get openId(): string | undefined {
    return this.object?.id;
  }

  async open(id: string) {
    const object = this.state.find(id);
    if (!object || !(await this.mayLeave())) return;
    this.leave();
    this.object = object;
    this.element.hidden = false;
    this.element.setAttribute("aria-label", `${object.kind} ${object.name}`);
    this.tab = "Overview";
    this.shown = "";
    this.draw();
    this.title.focus();
  }

  /** Draws what has changed. */
  draw() {
    if (!this.object) return;
    const { id } = this.object;
    const exists = this.state.exists(id);
    this.object = this.state.find(id) ?? this.object;
    const heading = JSON.stringify([id, exists, this.tab, this.object.containers?.length]);
    if (heading !== this.shown) {
      this.shown = heading;
      this.drawHead(this.object, exists);
      this.drawBody(this.object);
    } else if (this.tab === "Overview" || this.tab === "Events") {
      this.drawBody(this.object);
    }
  }

  dispose() {
    this.view?.dispose();
  }

  async close() {
    if (!(await this.mayLeave())) return;
    this.leave();
    this.object = undefined;
    this.element.hidden = true;
    this.onClose();
  }

  private leave() {
    this.view?.dispose();
    this.view = undefined;
  }

  private async mayLeave(): Promise<boolean> {
    if (!(this.view instanceof TextView) || !this.view.isDirty) return true;
    return confirm(this.element, "Discard your changes?", "What you edited has not been saved.", "Discard");
  }

  private key(event: KeyboardEvent) {
    if (event.key !== "Escape" || event.defaultPrevented || (event.target as Element).closest("dialog")) return;
    event.stopPropagation();
    void this.close();
  }

  private drawHead(object: ClusterObject, exists: boolean) {
    this.title.replaceChildren(make("span", { class: "cluster-kind" }, object.kind), ` ${object.name}`);
    const tabs: Tab[] = ["Overview", "Events", ...(object.kind === "Pod" ? (["Log"] as Tab[]) : []), "YAML"];
    const buttons = tabs.map((tab) =>
      make(
        "button",
        {
          type: "button",
          role: "tab",
          "aria-selected": String(tab === this.tab),
          tabindex: tab === this.tab ? "0" : "-1",
          onclick: () => void this.turnTo(tab),
          onkeydown: (event) => this.turnByKey(event as KeyboardEvent, tabs, tab),
        },
        tab,
      ),
    );
    const hadFocus = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(...buttons);
    if (hadFocus) buttons[tabs.indexOf(this.tab)]?.focus();
    this.body.setAttribute("aria-label", this.tab);
    this.actions.replaceChildren();
    if (!exists) return;
    if (object.kind === "Pod") {
      const container = object.containers?.find((one) => !one.init)?.name ?? "";
      const shell = () => void this.copyShell(object, container);
      this.actions.append(make("button", { type: "button", class: "button small", onclick: shell }, "Copy shell command"));
    }
    const remove = () => void this.remove(object);
    this.actions.append(make("button", { type: "button", class: "button small", onclick: remove }, "Delete…"));
  }

  private async turnTo(tab: Tab) {
    if (tab === this.tab || !(await this.mayLeave())) return;
    this.tab = tab;
    this.draw();
  }

  private turnByKey(event: KeyboardEvent, tabs: Tab[], tab: Tab) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    void this.turnTo(tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]);
  }

  private drawBody(object: ClusterObject) {
    if (this.tab === "Overview" || this.tab === "Events") {
      this.leave();
      const content = this.tab === "Overview" ? this.overview(object) : this.events(object);
      const focused = this.body.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.id : undefined;
      this.body.replaceChildren(...content);
      if (focused) this.body.querySelector<HTMLElement>(`[data-id="${CSS.escape(focused)}"]`)?.focus();
      return;
    }
    this.leave();
    if (!this.state.exists(object.id)) {
      this.body.replaceChildren(make("p", {}, `${object.kind} ${object.name} does not exist any more.`));
      return;
    }
    this.view = this.tab === "Log" ? new LogView(this.calls, object, this.notify) : new TextView(this.calls, object, this.notify);
    this.body.replaceChildren(this.view.element);
  }

  private overview(object: ClusterObject): Node[] {
    const content: Node[] = [];
    if (!this.state.exists(object.id)) content.push(make("p", { class: "note" }, "It does not exist any more."));
    const mark = changeMark(this.state.changeOf(object.id));
    content.push(make("p", {}, badge(object.condition), ...(mark ? [" ", mark] : [])));
    if (object.condition.cause) content.push(make("p", { class: `cluster-why is-${object.condition.severity}` }, object.condition.cause));
    const facts: [string, string][] = [["Namespace", object.namespace]];
    if (object.created_at) facts.push(["Age", age(object.created_at)]);
    if (object.ready) facts.push(["Ready", `${object.ready.ready} of ${object.ready.wanted}`]);
    const usage = this.state.usage[object.id];
    if (usage) facts.push(["Uses", used(usage)]);
    facts.push(...(object.facts ?? []));
    const list = make("dl", { class: "cluster-facts" });
    for (const [name, value] of facts) list.append(make("dt", {}, name), make("dd", {}, value));
    content.push(list);
    const containers = object.containers ?? [];
    if (containers.length > 0) {
      const items = containers.map((one) => {
        const restarts = one.restarts ? `, ${one.restarts === 1 ? "1 restart" : `${one.restarts} restarts`}` : "";
        return make("li", {}, make("b", {}, one.name), `${one.init ? " (init)" : ""}: ${one.state}${restarts}`, make("br", {}), make("code", {}, one.image));
      });
      content.push(make("h4", {}, "Containers"), make("ul", {}, ...items));
    }
    const owner = object.owner ? this.state.find(object.owner) : undefined;
    const related = [...(owner ? [owner] : []), ...this.state.below(object.id)];
    if (related.length > 0) {
      const links = related.map((one) => {
        const link = make("button", { type: "button", class: "cluster-link", onclick: () => this.onOpen(one.id) }, `${one.kind} ${one.name}`);
        link.dataset.id = one.id;
        return make("li", {}, badge(one.condition), " ", link);
      });
      content.push(make("h4", {}, "Belongs together"), make("ul", { class: "cluster-related" }, ...links));
    }
    return content;
  }

  private events(object: ClusterObject): Node[] {
    const events = this.state.eventsAbout(object.id);
    if (events.length === 0) return [make("p", { class: "faint" }, "Nothing was recorded about it in the last hour or so.")];
    const items = events.map((event) => {
      const about = event.about === object.id ? "" : ` (${event.about.split("/")[0]} ${event.about.split("/")[2]})`;
      const times = event.count > 1 ? `, ${event.count} times` : "";
      const kind = event.is_warning ? badge({ severity: "warning", word: event.reason }) : make("b", {}, event.reason);
      return make("li", {}, kind, make("span", { class: "faint" }, `${about} ${age(event.last_at)} ago${times}`), make("br", {}), event.message);
    });
    return [make("ul", { class: "cluster-events" }, ...items)];
  }

  private async copyShell(object: ClusterObject, container: string) {
    const command = shellCommand(object, container, this.state.namespaces[0]);
    const isCopied = await copyText(command);
    this.notify(isCopied ? `Copied. Paste it into a terminal: ${command}` : `Type this into a terminal: ${command}`);
  }

  private async remove(object: ClusterObject) {
    const below = this.state.below(object.id).length;
    const owner = object.owner ? this.state.find(object.owner) : undefined;
    const consequence = owner
      ? `${owner.kind} ${owner.name} will replace it. Delete that to get rid of it.`
      : below > 0
        ? "What belongs to it is deleted, too. This can't be undone."
        : "This can't be undone.";
    if (!(await confirm(this.element, `Delete ${object.kind} ${object.name}?`, consequence, "Delete"))) return;
    try {
      await this.calls.remove(object);
      this.notify(`${object.kind} ${object.name} is being deleted.`);
    } catch (error) {
      this.notify(error instanceof Refused ? error.message : String(error));
    }
  }
}
