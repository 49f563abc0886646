// Terminals for the app. xterm.js is fetched when the first one opens: the catalogue needs none of it. Until then, what
// is asked of a terminal waits in order.
import type { Screen } from "./terminal/screen";

const load = () => import("./terminal/screen");
const registry: Record<string, WaitingScreen> = {};

class WaitingScreen {
  private screen?: Screen;
  private waiting: ((screen: Screen) => void)[] = [];
  private isDisposed = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly name: string,
    onInput: (text: string) => void,
    onFit: (cols: number, rows: number) => void,
    onLeave: () => void,
  ) {
    registry[name] = this;
    load().then(
      (module) => {
        if (this.isDisposed) return;
        const onTurn = (by: 1 | -1) => turn(this, by);
        this.screen = new module.Screen(element, name, { onInput, onFit, onLeave, onTurn });
        for (const call of this.waiting.splice(0)) call(this.screen);
      },
      () => {
        element.textContent = "The terminal couldn't be loaded. Reload the page.";
        element.setAttribute("role", "alert");
      },
    );
  }

  private call(call: (screen: Screen) => void) {
    if (this.screen) call(this.screen);
    else this.waiting.push(call);
  }

  isShown(): boolean {
    return this.element.offsetParent !== null;
  }

  write(bytes: Uint8Array, shown: () => void) {
    // a copy, because WASM passes a view of its memory and it is read later
    const copy = bytes.slice();
    this.call((screen) => screen.write(copy, shown));
  }

  resize(cols: number, rows: number) {
    this.call((screen) => screen.resize(cols, rows));
  }

  setReplaying(replaying: boolean) {
    this.call((screen) => screen.setReplaying(replaying));
  }

  reset() {
    this.call((screen) => screen.reset());
  }

  clear() {
    this.call((screen) => screen.clear());
  }

  paste(text: string) {
    this.call((screen) => screen.paste(text));
  }

  // Returns the keys for a command, of which a line editor completes nothing: in one, and in the kernel's own line mode,
  // Ctrl-V takes the next key as it is. A program on a screen of its own is left to itself.
  quoted(keys: string): string {
    return this.screen?.isTakenOver() ? keys : keys.replaceAll("\t", "\x16\t");
  }

  focus() {
    this.call((screen) => screen.focus());
  }

  text(): string {
    return this.screen?.text() ?? "";
  }

  dispose() {
    this.isDisposed = true;
    if (registry[this.name] === this) delete registry[this.name];
    this.screen?.dispose();
  }
}

/** Moves the focus to another terminal that is shown. */
function turn(from: WaitingScreen, by: 1 | -1) {
  const all = Object.values(registry).filter((screen) => screen.isShown());
  all[(all.indexOf(from) + by + all.length) % all.length]?.focus();
}

Object.assign(window, {
  LecternTerminal: {
    open: (
      element: HTMLElement,
      name: string,
      onInput: (text: string) => void,
      onFit: (cols: number, rows: number) => void,
      onLeave: () => void,
    ) => new WaitingScreen(element, name, onInput, onFit, onLeave),
  },
  lecternTerminals: registry,
});
