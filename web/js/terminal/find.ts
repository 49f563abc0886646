// The search bar of a terminal.
import { SearchAddon } from "@xterm/addon-search";
import type { Terminal } from "@xterm/xterm";
import { make } from "./element";
import { searchColours } from "./theme";

export class FindBar {
  private readonly search = new SearchAddon({ highlightLimit: 1000 });
  private readonly bar: HTMLElement;
  private readonly field: HTMLInputElement;
  private readonly count: HTMLElement;

  constructor(
    frame: HTMLElement,
    private readonly terminal: Terminal,
    name: string,
  ) {
    terminal.loadAddon(this.search);
    this.field = make("input", {
      type: "search",
      "aria-label": `Find in terminal ${name}`,
      placeholder: "Find",
      "data-testid": `terminal-find-${name}`,
      oninput: () => this.go("next", true),
      onkeydown: (event) => this.key(event as KeyboardEvent),
    });
    this.count = make("span", { role: "status", class: "find-count" });
    this.bar = make(
      "div",
      { class: "terminal-find", hidden: true },
      this.field,
      this.count,
      make("button", { type: "button", "aria-label": "Previous match", onclick: () => this.go("previous") }, "↑"),
      make("button", { type: "button", "aria-label": "Next match", onclick: () => this.go("next") }, "↓"),
      make("button", { type: "button", "aria-label": "Close the search", onclick: () => this.close() }, "✕"),
    );
    frame.append(this.bar);
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      if (!this.field.value) this.count.textContent = "";
      else if (resultCount === 0) this.count.textContent = "No match";
      else this.count.textContent = resultIndex < 0 ? `${resultCount}` : `${resultIndex + 1} of ${resultCount}`;
    });
  }

  open() {
    this.bar.hidden = false;
    const selected = this.terminal.getSelection();
    if (selected && !selected.includes("\n")) this.field.value = selected;
    this.field.focus();
    this.field.select();
    this.go("next", true);
  }

  private close() {
    this.bar.hidden = true;
    this.search.clearDecorations();
    this.terminal.focus();
  }

  private key(event: KeyboardEvent) {
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") this.go(event.shiftKey ? "previous" : "next");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private go(where: "next" | "previous", incremental = false) {
    const options = { decorations: searchColours, incremental };
    if (!this.field.value) this.search.clearDecorations();
    if (where === "next") this.search.findNext(this.field.value, options);
    else this.search.findPrevious(this.field.value, options);
  }

  dispose() {
    this.bar.remove();
  }
}
