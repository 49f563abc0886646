// The bar above a terminal: its name, its program's title, and what can be done with it.
import type { Terminal } from "@xterm/xterm";
import { canPasteByClick, copySelection, pasteClipboard } from "./clipboard";
import { make } from "./element";
import { list } from "./keys";
import { resizeText, setScreenReader, settings } from "./settings";

// few fonts have a character for it
const CORNERS =
  '<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6">' +
  '<path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/></svg>';

export class Tools {
  private readonly bar: HTMLElement;
  private readonly title: HTMLElement;
  private readonly menu: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly copy: HTMLButtonElement;
  private readonly closeOutside = (event: Event) => {
    if (!this.bar.contains(event.target as Node)) this.show(false);
  };

  constructor(
    private readonly frame: HTMLElement,
    private readonly terminal: Terminal,
    name: string,
    find: () => void,
  ) {
    this.title = make("span", { class: "terminal-title", "data-testid": `terminal-title-${name}` });
    const item = (label: string, act: () => void) =>
      make(
        "button",
        {
          type: "button",
          onclick: () => {
            this.show(false);
            terminal.focus();
            act();
          },
        },
        label,
      );
    this.copy = item("Copy", () => copySelection(terminal));
    const reader = make("input", {
      type: "checkbox",
      "data-testid": "screen-reader",
      checked: settings.screenReader,
      onchange: (event) => setScreenReader((event.target as HTMLInputElement).checked),
    });
    const paste = item("Paste", () => void pasteClipboard(terminal));
    paste.hidden = !canPasteByClick();
    this.menu = make(
      "div",
      { class: "terminal-menu", hidden: true, onkeydown: (event) => this.key(event as KeyboardEvent) },
      this.copy,
      paste,
      item("Select all", () => terminal.selectAll()),
      item("Clear", () => terminal.clear()),
      item("Larger text", () => resizeText("larger")),
      item("Smaller text", () => resizeText("smaller")),
      make("label", {}, reader, "Readable for screen readers (slower)"),
      keysTable(),
    );
    this.button = make(
      "button",
      {
        type: "button",
        "aria-expanded": "false",
        "aria-label": `Menu of terminal ${name}`,
        title: "Menu and keys",
        "data-testid": `terminal-menu-${name}`,
        onclick: () => this.show(this.menu.hidden),
      },
      "☰",
    );
    const full = make(
      "button",
      { type: "button", "aria-label": `Full screen for terminal ${name}`, title: "Full screen", onclick: () => void this.toggleFullScreen() },
    );
    full.innerHTML = CORNERS;
    full.hidden = !document.fullscreenEnabled;
    this.bar = make(
      "div",
      { class: "terminal-tools" },
      make("span", { class: "terminal-name", "aria-hidden": "true" }, name),
      this.title,
      make("button", { type: "button", "aria-label": `Find in terminal ${name}`, title: "Find (Ctrl+Shift+F)", onclick: find }, "⌕"),
      full,
      this.button,
      this.menu,
    );
    frame.prepend(this.bar);
    document.addEventListener("pointerdown", this.closeOutside);
    this.menu.addEventListener("focusout", (event) => {
      const next = (event as FocusEvent).relatedTarget as Node | null;
      if (next && !this.bar.contains(next)) this.show(false);
    });
  }

  setTitle(title: string) {
    this.title.textContent = title;
    this.title.title = title;
  }

  /** Shows for a moment that the program rang the bell. */
  ring() {
    this.bar.classList.add("rang");
    setTimeout(() => this.bar.classList.remove("rang"), 900);
  }

  private async toggleFullScreen() {
    try {
      if (document.fullscreenElement === this.frame) await document.exitFullscreen();
      else await this.frame.requestFullscreen();
    } catch {
      // the browser refused: nothing changes
    }
    this.terminal.focus();
  }

  private show(open: boolean) {
    this.menu.hidden = !open;
    this.button.setAttribute("aria-expanded", `${open}`);
    if (!open) return;
    this.copy.disabled = !this.terminal.hasSelection();
    this.menu.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
  }

  private key(event: KeyboardEvent) {
    if (event.key === "Escape") {
      this.show(false);
      this.button.focus();
      event.stopPropagation();
    }
  }

  dispose() {
    document.removeEventListener("pointerdown", this.closeOutside);
    this.bar.remove();
  }
}

function keysTable(): HTMLElement {
  const rows = list.flatMap(([deed, key]) => [make("dt", {}, deed), make("dd", {}, make("kbd", {}, key))]);
  return make("dl", {}, ...rows);
}
