// The bar above the text of a file that cannot simply be saved: what happened, and the choice.
import { nameOf } from "../files/paths";
import { button, make, messageOf } from "../files/ui";
import type { Documents, OpenFile, Trouble } from "./documents";

export class TroubleBar {
  readonly element = make("div", { class: "editor-trouble", role: "alert" });
  private shown?: { file: OpenFile; trouble: Trouble };

  constructor(
    private readonly documents: Documents,
    private readonly panel: HTMLElement,
    private readonly close: () => void,
  ) {
    this.element.hidden = true;
  }

  render(file: OpenFile | undefined) {
    const trouble = file?.trouble;
    if (file && trouble && this.shown?.file === file && this.shown.trouble === trouble) return;
    this.shown = file && trouble ? { file, trouble } : undefined;
    this.element.hidden = !this.shown;
    this.element.replaceChildren();
    if (!file || !trouble) return;
    const name = nameOf(file.path);
    const say = (text: string) => this.element.append(make("span", { class: "grow" }, text));
    const keep = () => void this.documents.keepOurs(file).catch((error) => say(messageOf(error)));
    if (trouble.kind === "changed") {
      say(`${name} was changed by another program while you were editing it.`);
      const look = () => {
        const ours = this.documents.stateOf(file).doc.toString();
        const { disk } = trouble;
        const takeDisk = () => this.documents.takeDisk(file);
        void import("./compare").then(({ compare }) =>
          compare({ name, disk, ours, panel: this.panel, takeDisk, keepOurs: keep }),
        );
      };
      this.element.append(
        button("Compare", look),
        button("Keep mine", keep),
        button("Take the other", () => this.documents.takeDisk(file)),
      );
    } else if (trouble.kind === "deleted") {
      say(`${name} was deleted or renamed by another program.`);
      this.element.append(button("Save it again", keep), button("Close it", this.close));
    } else {
      say(`${name} couldn't be saved. ${trouble.message}`);
      const retry = () => {
        file.trouble = undefined;
        void this.documents.save(file).catch(() => {});
      };
      this.element.append(button("Try again", retry));
    }
  }
}
