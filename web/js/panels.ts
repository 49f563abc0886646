// The tools of the workspace, for the app. Each is fetched when its tab is first shown. What a block asks of a tool before it
// has been drawn waits for that.

/** What a tool is given. */
export interface PanelContext {
  /** The session's id. */
  session: string;
  /** Shows a file in the editor. */
  onOpenFile(path: string): void;
  /** Says something in passing, such as that a file could not be saved. */
  notify(text: string): void;
}

/** A tool that has been drawn. */
export interface Panel {
  dispose(): void;
  focus(): void;
  /**
   * Carries out an action in its wire form. Resolves to what to say of it, if anything; rejects with an error whose message
   * is for the learner.
   */
  act?(action: { action: string }): Promise<string | undefined>;
}

interface Module {
  mount(element: HTMLElement, context: PanelContext): Panel;
}

const modules: Record<string, () => Promise<Module>> = {
  editor: () => import("./editor/panel"),
  files: () => import("./files/panel"),
  cluster: () => import("./cluster/panel"),
};

/** The tools that have been drawn, or wait for it. */
const panels: Record<string, Place> = {};

class Place {
  panel: Promise<Panel>;
  resolve!: (panel: Panel) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.panel = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // whoever waits is told; a tool that nobody waits for says so in its tab
    this.panel.catch(() => {});
  }
}

function place(kind: string): Place {
  panels[kind] ??= new Place();
  return panels[kind];
}

function mount(kind: string, element: HTMLElement, session: string, onShow: (kind: string) => void) {
  let here = place(kind);
  let disposed = false;
  let panel: Panel | undefined;
  const draw = async () => {
    element.replaceChildren();
    element.setAttribute("aria-busy", "true");
    try {
      const module = await modules[kind]();
      if (disposed) return;
      panel = module.mount(element, {
        session,
        onOpenFile: (path) => {
          onShow("editor");
          const open = { action: "editor:open-file", file: path, line: null };
          void act("editor", open).catch(() => {});
        },
        notify: (text) => note(element, text),
      });
      here.resolve(panel);
    } catch (error) {
      showFailure(element, draw);
      console.error(error);
      here.reject(new Error("This tool couldn't be loaded. Reload the page."));
      if (panels[kind] === here) delete panels[kind];
      here = place(kind);
    } finally {
      element.removeAttribute("aria-busy");
    }
  };
  void draw();
  return {
    dispose() {
      disposed = true;
      if (panels[kind] === here) delete panels[kind];
      here.reject(new Error("The tab was closed."));
      panel?.dispose();
    },
  };
}

/** For how long something said in passing is shown. */
const NOTE_MS = 8000;

function note(element: HTMLElement, text: string) {
  element.querySelector(":scope > .tool-note")?.remove();
  const line = document.createElement("p");
  line.className = "tool-note";
  line.setAttribute("role", "status");
  element.append(line);
  line.textContent = text;
  setTimeout(() => line.remove(), NOTE_MS);
}

function showFailure(element: HTMLElement, again: () => Promise<void>) {
  const note = document.createElement("div");
  note.className = "tab-note";
  note.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = "This tool couldn't be loaded.";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Try again";
  button.addEventListener("click", () => void again());
  note.append(text, button);
  element.replaceChildren(note);
}

interface Page {
  actions: { id: number; content: { action?: { action: string } } }[];
}

/** Carries out the action of a block of a page, which comes as the server sent it. */
async function actOfPage(kind: string, page: string, block: number): Promise<string | undefined> {
  const action = (JSON.parse(page) as Page).actions.find(({ id }) => id === block)?.content.action;
  if (!action) throw new Error("This block can't be read. Reload the page.");
  return act(kind, action);
}

async function act(kind: string, action: { action: string }): Promise<string | undefined> {
  const panel = await place(kind).panel;
  if (!panel.act) throw new Error("This tool can't do that.");
  return panel.act(action);
}

Object.assign(window, { LecternPanels: { mount, actOfPage } });
