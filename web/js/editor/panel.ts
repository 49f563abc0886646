// The editor's tab: a tree of files, search, and the open files.
import { act } from "./actions";
import { Editor } from "./editor";

interface PanelContext {
  session: string;
  onOpenFile?(path: string): void;
  notify?(text: string): void;
}

export function mount(element: HTMLElement, context: PanelContext) {
  const editor = new Editor(element, context.session, context.notify ?? (() => {}));
  return {
    dispose: () => editor.dispose(),
    focus: () => editor.focus(),
    act: (action: object) => act(editor, action as { action: string }),
  };
}
