// The list of commands (Ctrl+K), which runs whatever can be pressed on the page, and the list of keys (?).
import { areLettersOn, setLetters } from "./keys";

interface Command {
  text: string;
  kind: string;
  element: HTMLElement;
}

/** Where commands are found, and what to call their kind. What can be pressed on the page needs no second name here. */
const SOURCES: [selector: string, kind: string][] = [
  [".contents a", "Page"],
  [".tab-bar [role=tab]", "Tab"],
  [".open-menu .menu-items button", "Open a tab"],
  [".top-bar > a, .top-bar > button, .time-left button, .top-menu .menu-items button:not([data-theme-choice])", "Session"],
  [".site-header a, .site-header .menu-items button:not([data-theme-choice])", "Go to"],
  ["[data-theme-choice]", "Colours"],
  [".page-end button", "Page"],
  ["button.action-run", "Block"],
];

const KEYS: [keys: string[], text: string][] = [
  [["Ctrl", "K"], "Find a command, a page, a tab or a block"],
  [["?"], "Show these keys"],
  [["n"], "Next page"],
  [["p"], "Previous page"],
  [["Tab"], "Go to the next block, button or link"],
  [["Enter"], "Run the block that has the focus"],
  [["Shift", "Enter"], "Copy its text"],
  [["←", "→"], "Move between tabs; move a border that has the focus"],
  [["Delete"], "Close the tab that has the focus"],
  [["Ctrl", "Shift", "L"], "Leave the terminal for the page"],
  [["Ctrl", "Shift", "F"], "Search in the terminal"],
];

function commands(): Command[] {
  return SOURCES.flatMap(([selector, kind]) =>
    [...document.querySelectorAll<HTMLElement>(selector)]
      .filter((element) => !(element instanceof HTMLButtonElement && element.disabled))
      .map((element) => ({ text: textOf(element), kind, element }))
      .filter((command) => command.text !== ""),
  );
}

function textOf(element: HTMLElement): string {
  const copy = element.cloneNode(true) as HTMLElement;
  copy.querySelectorAll("[aria-hidden=true], .mark").forEach((part) => part.remove());
  const words = [...copy.childNodes].map((node) => (node.textContent ?? "").trim()).filter((text) => text !== "");
  return (element.getAttribute("aria-label") ?? words.join(" ")).replace(/\s+/g, " ").trim();
}

export function open(list: "commands" | "keys") {
  document.querySelector<HTMLDialogElement>("dialog.palette")?.close();
  const before = document.activeElement;
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  if (list === "commands") fillCommands(dialog);
  else fillKeys(dialog);
  document.body.append(dialog);
  dialog.showModal();
}

function fillCommands(dialog: HTMLDialogElement) {
  dialog.setAttribute("aria-label", "Commands");
  const input = document.createElement("input");
  input.type = "text";
  input.placeholder = "Find a command, page, tab or block";
  input.autocomplete = "off";
  input.spellcheck = false;
  const options = document.createElement("ul");
  options.id = "palette-options";
  options.setAttribute("role", "listbox");
  options.setAttribute("aria-label", "Commands");
  const none = document.createElement("p");
  none.className = "palette-none";
  none.setAttribute("role", "status");
  for (const [name, value] of [
    ["role", "combobox"],
    ["aria-label", "Command"],
    ["aria-expanded", "true"],
    ["aria-autocomplete", "list"],
    ["aria-controls", options.id],
  ] as const) {
    input.setAttribute(name, value);
  }
  const all = commands();
  let found = all;
  let at = 0;

  const choose = (index: number) => {
    at = index;
    [...options.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    const chosen = options.children[at];
    input.setAttribute("aria-activedescendant", chosen?.id ?? "");
    chosen?.scrollIntoView({ block: "nearest" });
  };
  const run = (index: number) => {
    const command = found[index];
    if (!command) return;
    dialog.close();
    command.element.click();
  };
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    found = all.filter(({ text, kind }) => words.every((word) => `${kind} ${text}`.toLowerCase().includes(word)));
    options.replaceChildren(
      ...found.map(({ text, kind }, index) => {
        const option = document.createElement("li");
        option.id = `palette-option-${index}`;
        option.setAttribute("role", "option");
        const name = document.createElement("span");
        name.textContent = text;
        const group = document.createElement("span");
        group.textContent = kind;
        option.append(name, group);
        option.addEventListener("click", () => run(index));
        return option;
      }),
    );
    options.hidden = found.length === 0;
    none.textContent = found.length === 0 ? "Nothing found. Try another word." : "";
    none.hidden = found.length > 0;
    choose(0);
  };
  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      choose((at + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(at);
    }
  });
  dialog.append(input, options, none);
  filter();
}

function fillKeys(dialog: HTMLDialogElement) {
  dialog.classList.add("keys");
  const heading = document.createElement("h2");
  heading.id = "keys-heading";
  heading.textContent = "Keyboard";
  dialog.setAttribute("aria-labelledby", heading.id);
  const list = document.createElement("dl");
  for (const [keys, text] of KEYS) {
    const term = document.createElement("dt");
    keys.forEach((key, index) => {
      if (index > 0) term.append(" ");
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap);
    });
    const meaning = document.createElement("dd");
    meaning.textContent = text;
    list.append(term, meaning);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = areLettersOn();
  box.addEventListener("change", () => setLetters(box.checked));
  label.append(box, " Single letters are shortcuts");
  const close = document.createElement("button");
  close.className = "button";
  close.textContent = "Close";
  form.append(label, close);
  dialog.append(heading, list, form);
}
