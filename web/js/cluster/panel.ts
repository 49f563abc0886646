// The cluster view: what runs in the session's namespaces, live. A panel beside the page, fetched when its tab is first
// shown. It follows the cluster only while somebody can see it.
import { make } from "../terminal/element";
import { Calls, Refused } from "./calls";
import { Drawer } from "./drawer";
import { type Filter, List } from "./list";
import { State } from "./state";
import type { Panel, PanelContext } from "../panels";
import { KINDS, plural } from "./words";

/** How long the stream stays open when the panel is hidden, in milliseconds. */
const KEPT_HIDDEN_MS = 15_000;
const RETRY_MS = [1000, 2000, 5000, 10_000];
const AGES_EVERY_MS = 20_000;
/** Below this width the drawer covers the list, in pixels. */
const WIDE = 720;

export function mount(element: HTMLElement, context: PanelContext): Panel {
  return new ClusterPanel(element, context);
}

class ClusterPanel implements Panel {
  private readonly calls: Calls;
  private readonly state = new State();
  private readonly list: List;
  private readonly drawer: Drawer;
  private readonly root: HTMLElement;
  private readonly filter: Filter = { text: "", kind: "", namespace: "", changed: false, system: false };
  private readonly line = make("p", { class: "cluster-note", role: "status" });
  private readonly passing = make("p", { class: "cluster-passing", role: "status" });
  private readonly empty = make("div", { class: "cluster-empty", hidden: true });
  private readonly namespaces = make("select", {
    "aria-label": "Namespace",
    hidden: true,
    onchange: () => this.narrow({ namespace: this.namespaces.value }),
  });
  private readonly search: HTMLInputElement;
  private readonly observer: IntersectionObserver;
  private readonly resizing: ResizeObserver;
  private readonly ages: ReturnType<typeof setInterval>;
  private stream?: AbortController;
  private tries = 0;
  private timer?: ReturnType<typeof setTimeout>;
  private pausing?: ReturnType<typeof setTimeout>;
  private isInView = true;
  private isDisposed = false;
  /** Why the server will not say more; no more tries then. */
  private isOver = false;
  private passingTimer?: ReturnType<typeof setTimeout>;

  constructor(
    private readonly element: HTMLElement,
    context: PanelContext,
  ) {
    this.calls = new Calls(context.session);
    this.list = new List(this.state, (id) => void this.openObject(id));
    this.drawer = new Drawer(this.state, this.calls, (text) => this.tell(text), () => this.drawerClosed(), (id) => void this.openObject(id));
    this.search = make("input", {
      type: "search",
      placeholder: "Filter",
      "aria-label": "Filter by name, state or label",
      oninput: () => this.narrow({ text: this.search.value.trim() }),
    });
    this.root = make(
      "div",
      { class: "cluster-panel" },
      this.toolbar(),
      this.line,
      make("div", { class: "cluster-split" }, make("div", { class: "cluster-main" }, this.empty, this.list.element), this.drawer.element),
      this.passing,
    );
    this.element.append(this.root);
    this.observer = new IntersectionObserver((entries) => {
      this.isInView = entries.some((entry) => entry.isIntersecting);
      this.considerPause();
    });
    this.observer.observe(this.root);
    this.resizing = new ResizeObserver(() => this.root.classList.toggle("is-narrow", this.root.clientWidth < WIDE));
    this.resizing.observe(this.root);
    document.addEventListener("visibilitychange", this.considerPause);
    this.ages = setInterval(() => this.isVisible && this.draw(), AGES_EVERY_MS);
    this.say("Asking the cluster…");
    void this.follow();
  }

  focus() {
    if (this.drawer.openId && this.root.classList.contains("is-narrow")) this.drawer.element.querySelector("h3")?.focus();
    else if (!this.list.focusFirst()) this.search.focus();
  }

  dispose() {
    this.isDisposed = true;
    this.stream?.abort();
    for (const timer of [this.timer, this.pausing, this.passingTimer]) clearTimeout(timer);
    clearInterval(this.ages);
    this.observer.disconnect();
    this.resizing.disconnect();
    document.removeEventListener("visibilitychange", this.considerPause);
    this.drawer.dispose();
    this.root.remove();
  }

  private get isVisible(): boolean {
    return this.isInView && document.visibilityState === "visible";
  }

  private toolbar(): HTMLElement {
    const kinds = make(
      "select",
      { "aria-label": "Kind", onchange: () => this.narrow({ kind: kinds.value }) },
      make("option", { value: "" }, "All kinds"),
      ...KINDS.filter(([kind]) => kind !== "ReplicaSet").map(([kind, name]) => make("option", { value: kind }, name)),
    );
    const changed = make("input", { type: "checkbox", onchange: () => this.narrow({ changed: changed.checked }) });
    const system = make("input", { type: "checkbox", onchange: () => this.narrow({ system: system.checked }) });
    const remember = () => {
      this.state.remember();
      this.draw();
      this.tell("From now on, what changes is marked.");
    };
    return make(
      "div",
      { class: "cluster-bar", role: "group", "aria-label": "Filter" },
      this.search,
      kinds,
      this.namespaces,
      make("label", {}, changed, " Only changes"),
      make("label", { title: "What Kubernetes puts into every namespace" }, system, " System objects"),
      make("button", { type: "button", class: "button small", title: "Forget the marks new, changed and removed", onclick: remember }, "Clear marks"),
    );
  }

  private narrow(part: Partial<Filter>) {
    Object.assign(this.filter, part);
    this.draw();
  }

  private async openObject(id: string) {
    await this.drawer.open(id);
    this.root.classList.toggle("is-open", this.drawer.openId !== undefined);
    this.draw();
  }

  private drawerClosed() {
    const last = this.list.element.querySelector<HTMLElement>('[aria-pressed="true"]');
    this.root.classList.remove("is-open");
    this.draw();
    if (last?.isConnected) last.focus();
    else this.focus();
  }

  private draw() {
    const shown = this.list.draw(this.filter, this.drawer.openId);
    this.drawer.draw();
    const { namespaces } = this.state;
    this.namespaces.hidden = namespaces.length < 2;
    if (namespaces.length > 1 && this.namespaces.options.length !== namespaces.length + 1) {
      const options = namespaces.map((name) => make("option", { value: name }, name));
      this.namespaces.replaceChildren(make("option", { value: "" }, "All namespaces"), ...options);
    }
    this.empty.hidden = shown > 0 || !this.state.isComplete;
    if (!this.empty.hidden) this.empty.replaceChildren(...this.teach());
  }

  private teach(): Node[] {
    const { text, kind, namespace, changed } = this.filter;
    if (text || kind || namespace || changed) {
      return [make("p", {}, changed && !text && !kind && !namespace ? "Nothing has changed since you began to look." : "Nothing here matches the filter.")];
    }
    const example = "kubectl create deployment web --image=httpd";
    return [
      make("h3", {}, "Nothing runs here yet"),
      make("p", {}, "What you create in your namespace appears here by itself. Try this in a terminal:"),
      make("pre", {}, make("code", {}, example)),
    ];
  }

  private async follow() {
    this.stream?.abort();
    const stream = new AbortController();
    this.stream = stream;
    try {
      await this.calls.follow((name, data) => name === "changes" && this.take(JSON.parse(data)), stream.signal);
    } catch (error) {
      if (stream.signal.aborted) return;
      if (error instanceof Refused && [401, 404, 409].includes(error.status)) {
        this.isOver = true;
        this.say(error.message, "bad");
        return;
      }
      const why = error instanceof Refused ? error.message : "The connection was lost.";
      this.say(`${why} What you see may be old; trying again…`, "bad");
    }
    if (stream.signal.aborted || this.isDisposed) return;
    this.timer = setTimeout(() => void this.follow(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  private take(changes: Parameters<State["take"]>[0]) {
    this.tries = 0;
    const before = new Map([...this.state.objects].map(([id, { condition }]) => [id, condition.severity]));
    const wasComplete = this.state.isComplete;
    this.state.take(changes);
    if (!this.state.isComplete) this.say("Asking the cluster…");
    else this.say(this.limits());
    if (wasComplete && this.state.isComplete) this.announce(before);
    this.draw();
  }

  // What has gone wrong since is told to screen readers, once for each object that the learner made.
  private announce(before: Map<string, string>) {
    const all = [...this.state.objects.values()];
    const bad = all.find((one) => one.condition.severity === "bad" && before.get(one.id) !== "bad" && one.condition.cause && !one.owner);
    if (bad) this.say(`${bad.kind} ${bad.name}: ${bad.condition.cause}`, "off-screen");
  }

  private limits(): string {
    const said: string[] = [];
    if (this.state.isCut) said.push("There are more objects than are shown here.");
    const hidden = this.state.leftOut.map((kind) => plural(kind).toLowerCase());
    if (hidden.length > 0) said.push(`You may not see ${hidden.join(", ")} in this lab.`);
    return said.join(" ");
  }

  private readonly considerPause = () => {
    clearTimeout(this.pausing);
    if (this.isDisposed || this.isOver) return;
    if (!this.isVisible) {
      this.pausing = setTimeout(() => {
        clearTimeout(this.timer);
        this.stream?.abort();
        this.stream = undefined;
      }, KEPT_HIDDEN_MS);
    } else if (!this.stream) {
      void this.follow();
    } else {
      this.draw();
    }
  };

  private say(text: string, kind = "") {
    if (this.line.textContent === text) return;
    this.line.className = kind === "off-screen" ? "off-screen" : `cluster-note ${kind && `is-${kind}`}`;
    this.line.textContent = text;
  }

  private tell(text: string) {
    this.passing.textContent = text;
    clearTimeout(this.passingTimer);
    this.passingTimer = setTimeout(() => (this.passing.textContent = ""), 8000);
  }
}
