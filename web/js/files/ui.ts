// Small pieces of the editor and the files tab: elements, questions, announcements.

type Attributes = Record<string, string | boolean | undefined>;

/** Makes an element. Attributes that are false or undefined are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = make("button", { type: "button", class: "button small", ...attributes }, label);
  element.addEventListener("click", onClick);
  return element;
}

const SIGNS = {
  newFile: "M4 1.5h5l4 4v9H4zM9 1.5v4h4M8.5 8v4M6.5 10h4",
  newFolder: "M1.5 3.5h4l1.5 2h7.5v8h-13zM8 7.5v4M6 9.5h4",
  rename: "M2.5 13.5l.8-3.2 7.7-7.7 2.4 2.4-7.7 7.7zM9.5 4l2.5 2.5",
  remove: "M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4M6.7 6.5v5M9.3 6.5v5",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5M13 1.5V5H9.5",
  side: "M1.5 2.5h13v11h-13zM5.5 2.5v11",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
};

const SVG = "http://www.w3.org/2000/svg";

/** A button with a sign, and a name that is read and shown as a hint. */
export function tool(sign: keyof typeof SIGNS, name: string, onClick: () => void): HTMLButtonElement {
  const element = button("", onClick, { class: "panel-tool", title: name, "aria-label": name });
  const picture = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 16 16", width: "16", height: "16", fill: "none", stroke: "currentColor", "stroke-width": "1.3", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) picture.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SIGNS[sign]);
  picture.append(path);
  element.append(picture);
  return element;
}

let numbers = 0;
/** An id that no other element of the page has. */
export const nextId = (name: string) => `panel-${name}-${++numbers}`;

interface Question {
  title: string;
  text?: string;
  /** What the button says that carries it out. */
  action: string;
  isDangerous?: boolean;
  /** A text to type, with what it is called. */
  field?: { label: string; value: string; fault(value: string): string | undefined };
  /** What the button says that does not; none if there is nothing to choose. */
  cancel?: string;
}

/** Asks in a dialog. Resolves to the text, or an empty one without a field; to nothing if it was cancelled. */
export function ask(question: Question): Promise<string | undefined> {
  const title = nextId("title");
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": title });
  const form = make("form", { method: "dialog", novalidate: true });
  form.append(make("h2", { id: title }, question.title));
  if (question.text) form.append(make("p", {}, question.text));
  const hint = make("p", { class: "hint", role: "alert", id: nextId("hint") });
  let input: HTMLInputElement | undefined;
  if (question.field) {
    const id = nextId("field");
    input = make("input", { id, type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": hint.id });
    input.value = question.field.value;
    form.append(make("div", { class: "field" }, make("label", { for: id }, question.field.label), input), hint);
  }
  const go = make("button", { class: `button ${question.isDangerous ? "danger" : "primary"}` }, question.action);
  const cancel = button(question.cancel ?? "Cancel", () => dialog.close(), { class: "button" });
  form.append(make("div", { class: "dialog-buttons" }, cancel, go));
  dialog.append(form);
  document.body.append(dialog);
  const focused = document.activeElement;
  return new Promise((resolve) => {
    let answer: string | undefined;
    form.addEventListener("submit", (event) => {
      const fault = input && question.field?.fault(input.value);
      if (fault && input) {
        event.preventDefault();
        hint.textContent = fault;
        hint.classList.add("bad");
        input.setAttribute("aria-invalid", "true");
        input.focus();
        return;
      }
      answer = input?.value.trim() ?? "";
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
      resolve(answer);
    });
    dialog.showModal();
    if (input) {
      input.focus();
      const dot = input.value.lastIndexOf(".");
      input.setSelectionRange(0, dot > 0 ? dot : input.value.length);
    } else {
      (question.isDangerous ? cancel : go).focus();
    }
  });
}

/** Saves what is at an address on the learner's machine. */
export function save(url: string, name?: string) {
  const link = make("a", { href: url, download: name ?? "", class: "off-screen" });
  document.body.append(link);
  link.click();
  link.remove();
}

/** The message of an error, as a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
