// The line below the text: where the cursor is, whether all is saved, and the way out by keyboard.
import type { EditorState } from "@codemirror/state";
import { nameOf, shown } from "../files/paths";
import { make, tool } from "../files/ui";
import type { OpenFile } from "./documents";
import { languageOf } from "./languages";

export class StatusLine {
  readonly element = make("div", { class: "editor-status" });
  private readonly path = make("span", { class: "editor-path" });
  private readonly saved = make("span", { role: "status" });
  private readonly place = make("span");
  private readonly language = make("span");
  private readonly hint: HTMLElement;

  constructor(toggleSide: () => void) {
    const isMac = /Mac|iP/.test(navigator.platform);
    this.hint = make(
      "span",
      { class: "editor-hint" },
      make("kbd", {}, isMac ? "Shift+Alt+M" : "Ctrl+M"),
      " lets Tab leave the text",
    );
    this.element.append(tool("side", "Show or hide the files", toggleSide), this.path, this.saved, this.hint, this.place, this.language);
  }

  render(file: OpenFile | undefined, isDirty: boolean, home: string) {
    for (const part of [this.path, this.saved, this.hint, this.place, this.language]) {
      part.hidden = !file || (file.refusal !== undefined && part !== this.path);
    }
    if (!file) return;
    this.path.textContent = shown(file.path, home);
    const saved = file.trouble ? "Not saved" : file.saving ? "Saving…" : isDirty ? "Not saved yet" : "Saved";
    // said again only if it changed
    if (this.saved.textContent !== saved) this.saved.textContent = saved;
    this.language.textContent = languageOf(nameOf(file.path), "").name;
  }

  showPlace(state: EditorState) {
    const { head, empty, from, to } = state.selection.main;
    const line = state.doc.lineAt(head);
    const selected = empty ? "" : ` (${to - from} selected)`;
    this.place.textContent = `Line ${line.number}, column ${head - line.from + 1}${selected}`;
  }
}
