// The files' tab: browsing, sending, fetching, previewing and tidying up a session's files.
import { act } from "./actions";
import { FilesPanel } from "./browser";
import type { Panel, PanelContext } from "../panels";

export function mount(element: HTMLElement, context: PanelContext): Panel {
  const panel = new FilesPanel(element, context);
  return {
    dispose: () => panel.dispose(),
    focus: () => panel.focus(),
    act: (action) => act(panel, action),
  };
}
