// The keys that a touch screen's keyboard lacks.
import type { Terminal } from "@xterm/xterm";
import { make } from "./element";

const escape = "\x1b";

/** A row of keys below a terminal. CSS shows it where there is no other keyboard. */
export class TouchKeys {
  readonly bar: HTMLElement;
  private readonly control: HTMLButtonElement;
  private isControlDown = false;

  constructor(terminal: Terminal, type: (text: string) => void) {
    const key = (label: string, spoken: string, text: () => string) =>
      make(
        "button",
        {
          type: "button",
          "aria-label": spoken,
          // the terminal keeps the focus, and with it the screen's keyboard
          onpointerdown: (event) => event.preventDefault(),
          onclick: () => type(text()),
        },
        label,
      );
    const arrow = (letter: string) => () => (terminal.modes.applicationCursorKeysMode ? `${escape}O${letter}` : `${escape}[${letter}`);
    this.control = make(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => this.hold(!this.isControlDown),
      },
      "Ctrl",
    );
    this.bar = make(
      "div",
      { class: "touch-keys", role: "toolbar", "aria-label": "Keys" },
      key("Esc", "Escape", () => escape),
      key("Tab", "Tab", () => "\t"),
      this.control,
      key("↑", "Up", arrow("A")),
      key("↓", "Down", arrow("B")),
      key("←", "Left", arrow("D")),
      key("→", "Right", arrow("C")),
      key("|", "Pipe", () => "|"),
      key("/", "Slash", () => "/"),
      key("-", "Dash", () => "-"),
    );
  }

  /** Applies a held Ctrl to the next letter that is typed. */
  translate(text: string): string {
    if (!this.isControlDown) return text;
    this.hold(false);
    if (text.length !== 1) return text;
    const code = text.toUpperCase().charCodeAt(0);
    return code >= 64 && code < 96 ? String.fromCharCode(code - 64) : text;
  }

  private hold(down: boolean) {
    this.isControlDown = down;
    this.control.setAttribute("aria-pressed", `${down}`);
  }

  dispose() {
    this.bar.remove();
  }
}
