// One xterm.js terminal with the functions that the app calls. The app talks to the server (src/terminal/).
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { copyText } from "./clipboard";

// What a terminal answers by itself when a program queries it. The queries in old output were answered when it was
// new, and a second answer would be typed into the shell.
const REPORT = /^\x1b(\[[?>]?[\d;]*[cRn]|\[\??[\d;]+\$y|\[[IO]|\]\d+;|P[>!\d])/;

class Screen {
  private readonly terminal: Terminal;
  private readonly fitting = new FitAddon();
  private readonly observer: ResizeObserver;
  private replaying = false;
  private sizeIsGiven = false;
  private proposed = "";

  constructor(
    private readonly element: HTMLElement,
    private readonly name: string,
    onInput: (text: string) => void,
    private readonly onFit: (cols: number, rows: number) => void,
    onLeave: () => void,
  ) {
    this.terminal = new Terminal({
      allowProposedApi: true,
      cursorBlink: true,
      fontFamily:
        'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
      fontSize: 13.5,
      lineHeight: 1.15,
      scrollback: 5000,
      macOptionIsMeta: true,
      minimumContrastRatio: 4.5,
      theme: {
        background: "#11161c",
        foreground: "#dfe5ea",
        cursor: "#7fd6c8",
        cursorAccent: "#11161c",
        selectionBackground: "#2f5b6a",
        black: "#2a323b",
        red: "#f0857d",
        green: "#8fcf8b",
        yellow: "#e3c27a",
        blue: "#82b4ee",
        magenta: "#cf9fe6",
        cyan: "#76cfd0",
        white: "#dfe5ea",
        brightBlack: "#7d8894",
        brightRed: "#ff9f97",
        brightGreen: "#a9e3a5",
        brightYellow: "#f3d795",
        brightBlue: "#a3caf7",
        brightMagenta: "#e0bbf2",
        brightCyan: "#97e3e3",
        brightWhite: "#ffffff",
      },
    });
    this.terminal.loadAddon(this.fitting);
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    this.terminal.loadAddon(
      new WebLinksAddon((_event, address) => window.open(address, "_blank", "noopener,noreferrer")),
    );
    this.terminal.attachCustomKeyEventHandler((event) => this.ownKey(event, onLeave));
    this.terminal.onData((text) => {
      if (!(this.replaying && REPORT.test(text))) onInput(text);
    });
    this.terminal.open(element);
    this.terminal.textarea?.setAttribute(
      "aria-label",
      `Terminal ${name}. Press Control+Shift+L to leave it.`,
    );
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.propose()));
    this.observer.observe(element);
    registry[name] = this;
    this.propose();
  }

  // Ctrl+Shift+C copies, Ctrl+Shift+V is left to the browser, Ctrl+Shift+L moves the focus to the page.
  private ownKey(event: KeyboardEvent, onLeave: () => void): boolean {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true;
    if (event.code === "KeyV") return false;
    if (event.code === "KeyC" && this.terminal.hasSelection()) {
      event.preventDefault();
      if (event.type === "keydown") {
        void copyText(this.terminal.getSelection());
      }
      return false;
    }
    if (event.code === "KeyL") {
      event.preventDefault();
      if (event.type === "keydown") onLeave();
      return false;
    }
    return true;
  }

  // Reports how many characters fit. Until the server chooses a size, the terminal has that one.
  private propose() {
    const size = this.element.offsetParent ? this.fitting.proposeDimensions() : undefined;
    if (!size || !(size.cols > 1) || !(size.rows > 1)) return;
    if (!this.sizeIsGiven) this.terminal.resize(size.cols, size.rows);
    const proposed = `${size.cols}x${size.rows}`;
    if (proposed === this.proposed) return;
    this.proposed = proposed;
    this.onFit(size.cols, size.rows);
  }

  write(bytes: Uint8Array, shown: () => void) {
    // a copy, because WASM passes a view of its memory and xterm reads it later
    this.terminal.write(bytes.slice(), shown);
  }

  resize(cols: number, rows: number) {
    this.sizeIsGiven = true;
    if (cols > 1 && rows > 1) this.terminal.resize(cols, rows);
  }

  setReplaying(replaying: boolean) {
    this.replaying = replaying;
  }

  setScreenReader(on: boolean) {
    this.terminal.options.screenReaderMode = on;
  }

  reset() {
    this.terminal.reset();
  }

  clear() {
    this.terminal.clear();
  }

  // Pastes a text: a program that asked for it learns that it is pasted, and does not run its lines.
  paste(text: string) {
    this.terminal.paste(text);
  }

  // Returns the keys for a command, of which a line editor completes nothing: in one, and in the kernel's own line mode,
  // Ctrl-V takes the next key as it is. A program on a screen of its own is left to itself.
  quoted(keys: string): string {
    return this.terminal.buffer.active.type === "alternate" ? keys : keys.replaceAll("\t", "\x16\t");
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
    this.observer.disconnect();
    if (registry[this.name] === this) delete registry[this.name];
    this.terminal.dispose();
  }
}

const registry: Record<string, Screen> = {};

Object.assign(window, {
  LecternTerminal: {
    open: (
      element: HTMLElement,
      name: string,
      onInput: (text: string) => void,
      onFit: (cols: number, rows: number) => void,
      onLeave: () => void,
    ) => new Screen(element, name, onInput, onFit, onLeave),
  },
  lecternTerminals: registry,
});
