// The log of a container, as it grows.
import { copyText } from "../clipboard";
import { make } from "../terminal/element";
import { type Calls, Refused } from "./calls";
import type { ClusterObject } from "./types";

const MAX_LINES = 5000;
/** How near to its end a log counts as being read at its end, in pixels. */
const NEAR_END = 40;

export class LogView {
  readonly element: HTMLElement;
  private readonly text = make("pre", { class: "cluster-log", tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off" });
  private readonly note = make("p", { class: "cluster-note", role: "status" });
  private readonly again = make("button", { type: "button", class: "button small", hidden: true, onclick: () => this.open() }, "Read again");
  private readonly container: HTMLSelectElement;
  private readonly previous: HTMLInputElement;
  private readonly batches: number[] = [];
  private lines = 0;
  private isCut = false;
  private running?: AbortController;

  constructor(
    private readonly calls: Calls,
    private readonly pod: ClusterObject,
    private readonly notify: (text: string) => void,
  ) {
    this.container = make("select", { "aria-label": "Container", onchange: () => this.open() });
    const all = pod.containers ?? [];
    // the main containers first: theirs is the log that people look for
    for (const one of [...all.filter((one) => !one.init), ...all.filter((one) => one.init)]) {
      this.container.append(make("option", { value: one.name }, one.init ? `${one.name} (init)` : one.name));
    }
    this.previous = make("input", { type: "checkbox", onchange: () => this.open() });
    const wrap = make("input", {
      type: "checkbox",
      checked: true,
      onchange: () => this.text.classList.toggle("wrapped", wrap.checked),
    });
    this.text.classList.add("wrapped");
    const copy = make("button", { type: "button", class: "button small", onclick: () => void this.copy() }, "Copy");
    const bar = make("div", { class: "cluster-bar" });
    if (all.length > 1) bar.append(this.container);
    bar.append(
      make("label", {}, this.previous, " Previous run"),
      make("label", {}, wrap, " Wrap lines"),
      copy,
      this.again,
    );
    this.element = make("div", { class: "cluster-fill" }, bar, this.note, this.text);
    // a container that was started again has another log to look at first
    const crashed = all.find((one) => one.name === this.container.value);
    this.previous.checked = crashed !== undefined && crashed.state === "CrashLoopBackOff";
    this.open();
  }

  dispose() {
    this.running?.abort();
  }

  private open() {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.text.replaceChildren();
    this.batches.length = 0;
    this.lines = 0;
    this.isCut = false;
    this.again.hidden = true;
    const { previous } = this;
    this.say(previous.checked ? "Reading the log of the run before…" : "Following the log…");
    let hasEnded = false;
    const take = (name: string, data: string) => {
      if (name === "end") hasEnded = true;
      else if (name === "lines") this.add(JSON.parse(data).lines);
    };
    this.calls.log(this.pod, this.container.value, previous.checked, take, running.signal).then(
      () => {
        if (running.signal.aborted) return;
        const end = previous.checked ? "This is the log of the run before the present one." : "The log ends here: the container has ended.";
        this.stop(hasEnded ? end : "The connection was lost, so lines may be missing.");
      },
      (error) => {
        if (running.signal.aborted) return;
        this.stop(error instanceof Refused ? error.message : "The connection was lost, so lines may be missing.");
      },
    );
  }

  private stop(text: string) {
    this.say(this.lines === 0 ? `${text} There are no lines.` : text);
    this.again.hidden = false;
  }

  private say(text: string) {
    this.note.textContent = this.isCut ? `${text} Earlier lines are left out.` : text;
  }

  private add(lines: string[]) {
    const { text } = this;
    const isAtEnd = text.scrollHeight - text.scrollTop - text.clientHeight < NEAR_END;
    text.append(lines.map((line) => `${line}\n`).join(""));
    this.batches.push(lines.length);
    this.lines += lines.length;
    while (this.lines > MAX_LINES && this.batches.length > 1) {
      text.firstChild?.remove();
      this.lines -= this.batches.shift()!;
      if (!this.isCut) {
        this.isCut = true;
        this.say("Following the log…");
      }
    }
    if (isAtEnd) text.scrollTop = text.scrollHeight;
  }

  private async copy() {
    const selected = getSelection();
    const part = selected && !selected.isCollapsed && this.text.contains(selected.anchorNode) ? selected.toString() : "";
    const isCopied = await copyText(part || (this.text.textContent ?? ""));
    this.notify(isCopied ? "The log was copied." : "The browser did not allow copying.");
  }
}
