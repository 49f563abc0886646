// An object's YAML: read, edited, saved.
import { copyText } from "../clipboard";
import { make } from "../terminal/element";
import { type Calls, Refused } from "./calls";
import type { ClusterObject } from "./types";

export class TextView {
  readonly element: HTMLElement;
  private readonly area: HTMLTextAreaElement;
  private readonly message = make("p", { class: "cluster-note", role: "status" });
  private readonly buttons: Record<"reveal" | "edit" | "save" | "cancel" | "reload" | "copy", HTMLButtonElement>;
  private loaded = "";
  private isRedacted = false;
  private isEditing = false;
  private isDisposed = false;

  constructor(
    private readonly calls: Calls,
    private readonly object: ClusterObject,
    private readonly notify: (text: string) => void,
  ) {
    const button = (text: string, onclick: () => unknown, kind = "") =>
      make("button", { type: "button", class: `button small ${kind}`, onclick: () => void onclick() }, text);
    this.buttons = {
      reveal: button("Show values", () => this.load(true)),
      edit: button("Edit", () => this.edit()),
      save: button("Save", () => this.save(), "primary"),
      cancel: button("Cancel", () => this.load(!this.isRedacted)),
      reload: button("Load again", () => this.load(!this.isRedacted)),
      copy: button("Copy", () => this.copy()),
    };
    this.area = make("textarea", {
      class: "cluster-text",
      "aria-label": `YAML of ${object.kind} ${object.name}`,
      spellcheck: "false",
      autocapitalize: "off",
      wrap: "off",
      readonly: true,
      onkeydown: (event) => this.key(event as KeyboardEvent),
    });
    const bar = make("div", { class: "cluster-bar" }, ...Object.values(this.buttons));
    this.element = make("div", { class: "cluster-fill" }, bar, this.message, this.area);
    void this.load(false);
  }

  /** Whether something would be lost. */
  get isDirty(): boolean {
    return this.isEditing && this.area.value !== this.loaded;
  }

  dispose() {
    this.isDisposed = true;
  }

  private async load(values: boolean) {
    this.say("Reading…");
    try {
      this.show(await this.calls.read(this.object, values));
      this.say(this.isRedacted ? "The values are hidden. Show them to edit the secret." : "");
    } catch (error) {
      this.fail(error);
    }
  }

  private show({ yaml, is_redacted }: { yaml: string; is_redacted?: boolean }) {
    if (this.isDisposed) return;
    this.loaded = yaml;
    this.area.value = yaml;
    this.isRedacted = is_redacted ?? false;
    this.setEditing(false);
  }

  private setEditing(isEditing: boolean) {
    this.isEditing = isEditing;
    this.area.readOnly = !isEditing;
    const { reveal, edit, save, cancel, reload, copy } = this.buttons;
    reveal.hidden = !this.isRedacted;
    edit.hidden = isEditing || this.isRedacted;
    reload.hidden = copy.hidden = isEditing;
    save.hidden = cancel.hidden = !isEditing;
  }

  private edit() {
    this.setEditing(true);
    this.say("Ctrl+S saves, Escape leaves the text. Saving is refused if the object changes meanwhile.");
    this.area.focus();
    this.area.setSelectionRange(0, 0);
  }

  private key(event: KeyboardEvent) {
    if (event.key === "s" && (event.ctrlKey || event.metaKey) && this.isEditing) {
      event.preventDefault();
      void this.save();
    } else if (event.key === "Escape" && this.isEditing) {
      // the drawer stays open: a text that is being edited is not lost by one key
      event.stopPropagation();
      this.buttons.save.focus();
    }
  }

  private async save() {
    if (!this.isDirty) return this.setEditing(false);
    this.buttons.save.disabled = true;
    this.say("Saving…");
    try {
      this.show(await this.calls.save(this.object, this.area.value));
      this.say("Saved.");
      this.notify(`${this.object.kind} ${this.object.name} was saved.`);
    } catch (error) {
      this.fail(error);
      if (error instanceof Refused && error.code === "object_changed") this.buttons.reload.hidden = false;
    } finally {
      this.buttons.save.disabled = false;
    }
  }

  private async copy() {
    this.notify((await copyText(this.area.value)) ? "The YAML was copied." : "The browser did not allow copying.");
  }

  private say(text: string) {
    this.message.className = "cluster-note";
    this.message.textContent = text;
  }

  private fail(error: unknown) {
    this.message.className = "cluster-note is-bad";
    this.message.textContent = error instanceof Refused ? error.message : String(error);
  }
}
