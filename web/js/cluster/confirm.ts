// Questions that must be answered before something is lost.
import { make } from "../terminal/element";

/** Asks in a dialog; resolves to whether it was agreed to. */
export function confirm(place: HTMLElement, question: string, consequence: string, agree: string): Promise<boolean> {
  return new Promise((resolve) => {
    const id = `cluster-question-${Math.random().toString(36).slice(2, 7)}`;
    const cancel = make("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel");
    const go = make("button", { type: "button", class: "button danger", onclick: () => dialog.close("yes") }, agree);
    const dialog = make(
      "dialog",
      { class: "dialog", "aria-labelledby": id },
      make("h2", { id }, question),
      make("p", {}, consequence),
      make("div", { class: "dialog-buttons" }, cancel, go),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    place.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
