// Keys that work everywhere: the list of commands, the list of keys, and page by page. The lists are fetched when they are first
// opened.
const KEY = "lectern.single-keys";

/** Whether single letters are shortcuts. Whoever dictates or has a tremor switches them off. */
export function areLettersOn(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

export function setLetters(on: boolean) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // where nothing can be kept, they stay as they are
  }
}

/** Whether keys go to a field, a terminal or the editor. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], .xterm, .cm-editor, iframe") !== null;
}

function press(testid: string): boolean {
  const button = document.querySelector<HTMLElement>(`[data-testid="${testid}"]`);
  button?.click();
  return button !== null;
}

async function openPalette(list: "commands" | "keys") {
  const { open } = await import("./palette");
  open(list);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event.target)) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    void openPalette("commands");
    return;
  }
  if (command || event.altKey || !areLettersOn() || document.querySelector("dialog[open]")) return;
  const done =
    event.key === "?" ? (void openPalette("keys"), true)
    : event.key === "n" ? press("page-next")
    : event.key === "p" ? press("page-previous")
    : false;
  if (done) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-opens]") : null;
  const list = opener?.dataset.opens;
  if (list === "commands" || list === "keys") void openPalette(list);
});
