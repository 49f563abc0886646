// The tabs of the open files.
import { nameOf } from "../files/paths";
import { make, tool } from "../files/ui";

export interface Tab {
  path: string;
  /** The path for people. */
  title: string;
  isDirty: boolean;
  isTroubled: boolean;
}

interface Host {
  show(path: string): void;
  close(path: string): void;
}

export class Tabs {
  readonly element = make("div", { class: "editor-tabs" });
  private readonly list = make("div", { role: "tablist", "aria-label": "Open files" });
  private readonly closer: HTMLButtonElement;
  private current = "";

  constructor(
    private readonly host: Host,
    private readonly panelId: string,
  ) {
    this.closer = tool("close", "Close this file", () => this.host.close(this.current));
    this.element.append(this.list, this.closer);
    this.list.addEventListener("click", (event) => {
      const path = pathOf(event);
      if (!path) return;
      if ((event.target as HTMLElement).classList.contains("editor-tab-close")) this.host.close(path);
      else this.host.show(path);
    });
    this.list.addEventListener("auxclick", (event) => {
      const path = pathOf(event);
      if (path && event.button === 1) this.host.close(path);
    });
    this.list.addEventListener("keydown", (event) => this.onKey(event));
  }

  render(tabs: Tab[], current: string) {
    this.current = current;
    const hadFocus = this.list.contains(document.activeElement);
    const names = tabs.map(({ path }) => nameOf(path));
    this.list.replaceChildren(
      ...tabs.map(({ path, title, isDirty, isTroubled }, at) => {
        const isCurrent = path === current;
        const name = names[at]!;
        // two files of one name are told apart by their folders
        const label = names.indexOf(name) === names.lastIndexOf(name) ? name : title;
        const state = isTroubled ? ", not saved: see above the text" : isDirty ? ", not saved yet" : "";
        const tab = make(
          "span",
          {
            role: "tab",
            "aria-selected": String(isCurrent),
            "aria-controls": this.panelId,
            "aria-label": label + state,
            tabindex: isCurrent ? "0" : "-1",
            "data-path": path,
            title,
          },
          make("span", { class: "editor-tab-dot", "aria-hidden": "true" }, isTroubled ? "!" : isDirty ? "●" : ""),
          label,
          make("span", { class: "editor-tab-close", "aria-hidden": "true", title: "Close" }, "×"),
        );
        return tab;
      }),
    );
    this.closer.hidden = !tabs.length;
    this.element.hidden = !tabs.length;
    // an empty list of tabs would be none
    if (tabs.length) this.list.setAttribute("role", "tablist");
    else this.list.removeAttribute("role");
    const shown = [...this.list.children].find((tab) => tab.getAttribute("aria-selected") === "true");
    shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (hadFocus) (shown as HTMLElement)?.focus();
  }

  private onKey(event: KeyboardEvent) {
    const tabs = [...this.list.children] as HTMLElement[];
    const at = tabs.indexOf(event.target as HTMLElement);
    const to: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const path = tabs[at]?.dataset.path;
    if (at < 0 || !path) return;
    if (event.key in to) {
      const next = tabs[(to[event.key]! + tabs.length) % tabs.length];
      next?.focus();
      if (next?.dataset.path) this.host.show(next.dataset.path);
    } else if (event.key === "Delete") {
      this.host.close(path);
    } else {
      return;
    }
    event.preventDefault();
  }
}

function pathOf(event: Event): string | undefined {
  return (event.target as HTMLElement).closest<HTMLElement>("[role=tab]")?.dataset.path;
}
