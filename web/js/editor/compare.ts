// Shows two versions of a file beside each other.
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { button, make, nextId } from "../files/ui";
import { look } from "./look";

interface Choice {
  name: string;
  disk: string;
  ours: string;
  panel: HTMLElement;
  takeDisk(): void;
  keepOurs(): void;
}

/** Opens a dialog with both versions, and the choice between them. */
export function compare({ name, disk, ours, panel, takeDisk, keepOurs }: Choice) {
  const title = nextId("title");
  const dialog = make("dialog", { class: "dialog compare", "aria-labelledby": title });
  const place = make("div", { class: "compare-place" });
  const decide = (act: () => void) => () => {
    dialog.close();
    act();
  };
  dialog.append(
    make("h2", { id: title }, `Two versions of ${name}`),
    make("div", { class: "compare-names", "aria-hidden": "true" }, make("span", {}, "On the disk"), make("span", {}, "In the editor")),
    place,
    make(
      "div",
      { class: "dialog-buttons" },
      button("Decide later", () => dialog.close(), { class: "button" }),
      button("Take the disk's", decide(takeDisk), { class: "button" }),
      button("Keep the editor's", decide(keepOurs), { class: "button primary" }),
    ),
  );
  document.body.append(dialog);
  const side = (doc: string, label: string) => ({
    doc,
    extensions: [
      look(panel),
      lineNumbers(),
      EditorState.readOnly.of(true),
      EditorView.contentAttributes.of({ "aria-label": label }),
    ],
  });
  const view = new MergeView({
    a: side(disk, `${name} on the disk`),
    b: side(ours, `${name} in the editor`),
    parent: place,
    collapseUnchanged: { margin: 3, minSize: 6 },
  });
  dialog.addEventListener("close", () => {
    view.destroy();
    dialog.remove();
  });
  dialog.showModal();
}
