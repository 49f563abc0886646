// The keys that belong to the terminal's window, not to the shell.

/** What a key does. `browser` leaves it to the browser, which pastes. */
export type Deed = "copy" | "paste" | "browser" | "find" | "leave" | "next" | "previous" | "larger" | "smaller" | "usual";

const isMac = /mac|iphone|ipad/i.test(navigator.platform);

/** Returns what a key does here; `undefined` if it is the shell's. */
export function deedOf(event: KeyboardEvent, hasSelection: boolean): Deed | undefined {
  const { ctrlKey, shiftKey, altKey, metaKey, code } = event;
  if (altKey) return undefined;
  if (code === "Insert" && ctrlKey !== shiftKey && !metaKey) return shiftKey ? "browser" : hasSelection ? "copy" : undefined;
  if (isMac && metaKey && !ctrlKey) {
    if (code === "KeyC" && hasSelection) return "copy";
    if (code === "KeyV") return "browser";
    if (code === "KeyF") return "find";
    return undefined;
  }
  if (!ctrlKey || metaKey) return undefined;
  if (!shiftKey) {
    if (code === "KeyC" && hasSelection) return "copy";
    if (code === "KeyV" && !isMac) return "browser";
    return undefined;
  }
  switch (code) {
    case "KeyC":
      return hasSelection ? "copy" : undefined;
    case "KeyV":
      return "browser";
    case "KeyF":
      return "find";
    case "KeyL":
      return "leave";
    case "ArrowRight":
      return "next";
    case "ArrowLeft":
      return "previous";
    case "Equal":
      return "larger";
    case "Minus":
      return "smaller";
    case "Digit0":
      return "usual";
    default:
      return undefined;
  }
}

/** What people can press, for the menu. */
export const list: [string, string][] = [
  ["Copy the selection", isMac ? "⌘C" : "Ctrl+C"],
  ["Paste", isMac ? "⌘V" : "Ctrl+V"],
  ["Interrupt (nothing selected)", "Ctrl+C"],
  ["Find", "Ctrl+Shift+F"],
  ["Larger, smaller, usual text", "Ctrl+Shift+ + − 0"],
  ["Next, previous terminal", "Ctrl+Shift+→ ←"],
  ["Leave the terminal", "Ctrl+Shift+L"],
];
