//! A tool in a tab: `js/panels.ts` fetches and draws it.

use lectern_api::sessions::Tool;
use leptos::html::Div;
use leptos::prelude::*;

use super::{Workspace, is_running};
use crate::panels::OpenPanel;

/// The tool, from when the session runs.
#[component]
pub fn ToolPane(workspace: Workspace, tool: Tool) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let session = workspace.session.with_untracked(|session| session.id);
    let running = Memo::new(move |_| workspace.session.with(|session| is_running(&session.state)));
    let panel = StoredValue::new_local(None::<OpenPanel>);
    Effect::new(move |_| {
        let Some(element) = node.get().filter(|_| running.get()) else { return };
        if panel.with_value(Option::is_none) {
            let tabs = workspace.tabs;
            panel.set_value(Some(OpenPanel::open(tool, &element, session, move |tool| tabs.show_tool(tool))));
        }
    });
    view! { <div class="tool-pane" node_ref=node data-testid=format!("tool-{}", crate::panels::word(tool))></div> }
}
