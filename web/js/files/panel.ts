// The files' tab: browsing, sending, fetching, previewing and tidying up a session's files.
import { act } from "./actions";
import { FilesPanel } from "./browser";

interface PanelContext {
  session: string;
  onOpenFile?(path: string): void;
  notify?(text: string): void;
}

export function mount(element: HTMLElement, context: PanelContext) {
  const panel = new FilesPanel(element, context);
  return {
    dispose: () => panel.dispose(),
    focus: () => panel.focus(),
    act: (action: object) => act(panel, action as { action: string }),
  };
}
