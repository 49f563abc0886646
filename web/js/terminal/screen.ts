// One xterm.js terminal with the functions that the app calls. The app talks to the server (src/terminal/).
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import { copyText } from "../clipboard";
import { canPasteByClick, copySelection, offerProgramsText, pasteClipboard } from "./clipboard";
import { make } from "./element";
import { FindBar } from "./find";
import { deedOf } from "./keys";
import { followSettings, resizeText } from "./settings";
import { look } from "./theme";
import { Tools } from "./tools";
import { TouchKeys } from "./touch";

// What a terminal answers by itself when a program queries it. The queries in old output were answered when it was
// new, and a second answer would be typed into the shell.
const REPORT = /^\x1b(\[[?>]?[\d;]*[cRn]|\[\??[\d;]+\$y|\[[IO]|\]\d+;|P[>!\d])/;
// How long a size that differs from the window's must last before its reason is shown, in milliseconds.
const SETTLED = 1500;

export interface Callbacks {
  onInput(text: string): void;
  onFit(cols: number, rows: number): void;
  onLeave(): void;
  /** Moves the focus to the next terminal, or to the previous one. */
  onTurn(by: 1 | -1): void;
}

export class Screen {
  private readonly terminal: Terminal;
  private readonly fitting = new FitAddon();
  private readonly observer: ResizeObserver;
  private readonly tools: Tools;
  private readonly finder: FindBar;
  private readonly touch: TouchKeys;
  private readonly note: HTMLElement;
  private readonly unfollow: () => void;
  private replaying = false;
  private sizeIsGiven = false;
  private proposed = "";
  private settling = 0;

  constructor(
    private readonly element: HTMLElement,
    name: string,
    private readonly callbacks: Callbacks,
  ) {
    const frame = element.parentElement ?? element;
    this.terminal = new Terminal({
      ...look,
      allowProposedApi: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      scrollback: 5000,
      macOptionIsMeta: true,
      rightClickSelectsWord: false,
      // addresses that a program names (OSC 8) open like those that it prints
      linkHandler: { activate: (_event, address) => openAddress(address) },
    });
    this.terminal.loadAddon(this.fitting);
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    this.terminal.loadAddon(new WebLinksAddon((_event, address) => openAddress(address)));
    this.terminal.attachCustomKeyEventHandler((event) => this.ownKey(event));
    this.terminal.open(element);
    this.drawFast();
    this.tools = new Tools(frame, this.terminal, name, () => this.finder.open());
    this.finder = new FindBar(frame, this.terminal, name);
    this.touch = new TouchKeys(this.terminal, (text) => this.terminal.input(text));
    this.note = make("div", { class: "terminal-note", role: "status", hidden: true });
    frame.append(this.note, this.touch.bar);
    this.terminal.onData((text) => {
      if (!(this.replaying && REPORT.test(text))) callbacks.onInput(this.touch.translate(text));
    });
    this.terminal.onTitleChange((title) => this.tools.setTitle(title));
    this.terminal.onBell(() => {
      if (!this.replaying) this.tools.ring();
    });
    offerProgramsText(this.terminal, (text) => this.askToCopy(text));
    element.addEventListener("contextmenu", this.rightClick);
    this.terminal.textarea?.setAttribute("aria-label", `Terminal ${name}. Press Control+Shift+L to leave it.`);
    this.unfollow = followSettings(({ fontSize, screenReader }) => {
      this.terminal.options.fontSize = fontSize;
      this.terminal.options.screenReaderMode = screenReader;
      this.propose();
    });
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.propose()));
    this.observer.observe(element);
    this.propose();
  }

  // Draws with the graphics card where there is one. Where it is lost, xterm.js goes on without.
  private drawFast() {
    try {
      const renderer = new WebglAddon();
      renderer.onContextLoss(() => renderer.dispose());
      this.terminal.loadAddon(renderer);
    } catch {
      // no WebGL here: the page's own elements draw
    }
  }

  private ownKey(event: KeyboardEvent): boolean {
    const deed = deedOf(event, this.terminal.hasSelection());
    if (!deed) return true;
    if (deed === "browser") return false;
    event.preventDefault();
    if (event.type !== "keydown") return false;
    if (deed === "copy") {
      copySelection(this.terminal);
      this.terminal.clearSelection();
    } else if (deed === "find") this.finder.open();
    else if (deed === "leave") this.callbacks.onLeave();
    else if (deed === "next" || deed === "previous") this.callbacks.onTurn(deed === "next" ? 1 : -1);
    else if (deed === "larger" || deed === "smaller" || deed === "usual") resizeText(deed);
    return false;
  }

  // The right button copies a selection, and pastes without one. With Shift, and where a click cannot paste, the
  // browser's own menu opens.
  private readonly rightClick = (event: MouseEvent) => {
    if (event.shiftKey || this.terminal.modes.mouseTrackingMode !== "none") return;
    if (copySelection(this.terminal)) {
      this.terminal.clearSelection();
      event.preventDefault();
    } else if (canPasteByClick()) {
      event.preventDefault();
      void pasteClipboard(this.terminal).then((pasted) => {
        if (!pasted) this.say("Your browser does not let a click paste here. Press Ctrl+V, or Shift+Insert.");
      });
    }
  };

  private askToCopy(text: string) {
    if (this.replaying) return;
    const copy = make(
      "button",
      {
        type: "button",
        onclick: () => {
          void copyText(text);
          this.say("");
          this.terminal.focus();
        },
      },
      "Copy",
    );
    const no = make("button", { type: "button", onclick: () => this.say("") }, "No");
    this.say(`A program wants to copy ${text.length} characters to your clipboard.`, copy, no);
  }

  private say(text: string, ...buttons: HTMLElement[]) {
    this.note.replaceChildren(make("span", {}, text), ...buttons);
    this.note.hidden = !text;
    if (text && buttons.length === 0) setTimeout(() => this.say(""), 6000);
  }

  // Reports how many characters fit. Until the server chooses a size, the terminal has that one.
  private propose() {
    const size = this.element.offsetParent ? this.fitting.proposeDimensions() : undefined;
    if (!size || !(size.cols > 1) || !(size.rows > 1)) return;
    if (!this.sizeIsGiven) this.terminal.resize(size.cols, size.rows);
    const proposed = `${size.cols}x${size.rows}`;
    if (proposed === this.proposed) return;
    this.proposed = proposed;
    this.callbacks.onFit(size.cols, size.rows);
    this.explainSize();
  }

  // Where another window is smaller, both have its size: the style says so, and shows where the terminal ends.
  private explainSize() {
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => {
      const [cols, rows] = this.proposed.split("x").map(Number);
      const isSmaller = this.terminal.cols < cols - 1 || this.terminal.rows < rows - 1;
      this.element.classList.toggle("bounded", this.sizeIsGiven && isSmaller);
    }, SETTLED);
  }

  write(bytes: Uint8Array, shown: () => void) {
    this.terminal.write(bytes, shown);
  }

  resize(cols: number, rows: number) {
    this.sizeIsGiven = true;
    if (cols > 1 && rows > 1) this.terminal.resize(cols, rows);
    this.explainSize();
  }

  setReplaying(replaying: boolean) {
    this.replaying = replaying;
  }

  reset() {
    this.terminal.reset();
    this.tools.setTitle("");
  }

  clear() {
    this.terminal.clear();
  }

  // Pastes a text: a program that asked for it learns that it is pasted, and does not run its lines.
  paste(text: string) {
    this.terminal.paste(text);
  }

  // Whether a program has a screen of its own, as editors do.
  isTakenOver(): boolean {
    return this.terminal.buffer.active.type === "alternate";
  }

  focus() {
    this.terminal.focus();
  }

  // Returns the terminal's text, with wrapped lines joined. For tests.
  text(): string {
    const buffer = this.terminal.buffer.active;
    const lines: string[] = [];
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row);
      if (!line) continue;
      const next = buffer.getLine(row + 1);
      const part = line.translateToString(!next?.isWrapped);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += part;
      else lines.push(part);
    }
    return lines.join("\n").trimEnd();
  }

  dispose() {
    clearTimeout(this.settling);
    this.unfollow();
    this.observer.disconnect();
    this.element.removeEventListener("contextmenu", this.rightClick);
    this.finder.dispose();
    this.touch.dispose();
    this.tools.dispose();
    this.note.remove();
    this.terminal.dispose();
  }
}

function openAddress(address: string) {
  if (/^https?:/i.test(address)) window.open(address, "_blank", "noopener,noreferrer");
}
