// Search in all files.
import type { FileMatch, Files } from "../files/api";
import { shown } from "../files/paths";
import { make, messageOf, nextId } from "../files/ui";

export class Search {
  readonly element = make("div", { class: "file-search" });
  private readonly input: HTMLInputElement;
  private readonly matchCase: HTMLInputElement;
  private readonly status = make("p", { class: "file-search-status", role: "status" });
  private readonly list = make("div", { class: "file-search-list" });
  private asked = 0;

  constructor(
    private readonly files: Files,
    private readonly home: string,
    private readonly show: (match: FileMatch, length: number) => void,
  ) {
    const [id, caseId] = [nextId("search"), nextId("case")];
    this.input = make("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
    this.matchCase = make("input", { id: caseId, type: "checkbox" });
    const form = make(
      "form",
      { role: "search", "aria-label": "Search in files" },
      make("div", { class: "field" }, make("label", { for: id }, "Search in files"), this.input),
      make("div", { class: "file-search-case" }, this.matchCase, make("label", { for: caseId }, "Match case")),
      make("button", { class: "button small" }, "Search"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run();
    });
    this.element.append(form, this.status, this.list);
  }

  focus(text?: string) {
    if (text !== undefined) {
      this.input.value = text;
      void this.run();
    }
    this.input.focus();
    this.input.select();
  }

  private async run() {
    const text = this.input.value;
    this.list.replaceChildren();
    if (!text) {
      this.status.textContent = "Type what to look for.";
      return;
    }
    const asked = ++this.asked;
    this.status.textContent = "Searching…";
    try {
      const { matches, is_cut } = await this.files.search("~", text, this.matchCase.checked);
      if (asked !== this.asked) return;
      const lines = matches.length === 1 ? "1 line" : `${matches.length} lines`;
      this.status.textContent = matches.length
        ? `${lines}${is_cut ? ", and there may be more: search for a longer text" : ""}.`
        : "No file has this text. Large files and those of git and packages are not searched.";
      this.render(matches, text.length);
    } catch (error) {
      if (asked === this.asked) this.status.textContent = messageOf(error);
    }
  }

  private render(matches: FileMatch[], length: number) {
    const byFile = grouped(matches);
    for (const [path, found] of byFile) {
      const items = found.map((match) => {
        const number = make("span", { class: "faint" }, `${match.line} `);
        const go = make("button", { type: "button" }, number, match.text.trim());
        go.addEventListener("click", () => this.show(match, length));
        return make("li", {}, go);
      });
      const id = nextId("found");
      const name = make("p", { id, class: "file-search-file" }, shown(path, this.home));
      this.list.append(name, make("ul", { "aria-labelledby": id }, ...items));
    }
  }
}

function grouped(matches: FileMatch[]): Map<string, FileMatch[]> {
  const all = new Map<string, FileMatch[]>();
  for (const match of matches) all.set(match.path, [...(all.get(match.path) ?? []), match]);
  return all;
}
