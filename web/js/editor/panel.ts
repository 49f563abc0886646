// The editor's tab: a tree of files, search, and the open files.
import { act } from "./actions";
import { Editor } from "./editor";
import type { Panel, PanelContext } from "../panels";

export function mount(element: HTMLElement, context: PanelContext): Panel {
  const editor = new Editor(element, context.session, context.notify);
  return {
    dispose: () => editor.dispose(),
    focus: () => editor.focus(),
    act: (action) => act(editor, action),
  };
}
