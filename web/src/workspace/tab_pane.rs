//! What stands beside the page: a bar of tabs, and what the one in front shows.

use lectern_api::sessions::Tool;
use leptos::prelude::*;

use super::Workspace;
use super::tab_bar::{TabBar, panel_id, tab_id};
use super::terminal_pane::TerminalStack;
use super::tool_pane::ToolPane;
use super::web_pane::WebPane;
use crate::tabs::list::{Content, Tab};

#[component]
pub fn TabPane(workspace: Workspace) -> impl IntoView {
    let tabs = workspace.tabs;
    let layout = workspace.session.with_untracked(|session| session.terminal_layout.clone());
    let panel = move |tab: Tab| {
        let id = tab.id;
        // a tab that was never seen costs nothing: no editor is fetched, no page opened
        let was_seen = RwSignal::new(false);
        let is_shown = Memo::new(move |_| tabs.is_front(id));
        Effect::new(move |_| {
            if is_shown.get() {
                was_seen.set(true);
            }
        });
        let content = match tab.content {
            // terminals connect at once: blocks type into those behind, too
            Content::Terminals(names) => {
                view! { <TerminalStack workspace=workspace names=names layout=layout.clone()/> }.into_any()
            }
            Content::Tool(tool) => {
                view! { {move || was_seen.get().then(|| tool_view(workspace, tool))} }.into_any()
            }
            Content::Web { .. } => view! {
                {move || was_seen.get().then(|| view! { <WebPane workspace=workspace id=id/> })}
            }
            .into_any(),
        };
        view! {
            <div
                class="tab-panel"
                class:behind=move || !is_shown.get()
                role="tabpanel"
                id=panel_id(id)
                aria-labelledby=tab_id(id)
            >
                {content}
            </div>
        }
    };
    view! {
        <div class="tabs" class:lower=move || tabs.list.with(|list| list.has_lower())>
            <TabBar workspace=workspace/>
            <For each=move || tabs.list.with(|list| list.all().to_vec()) key=|tab| tab.id children=panel/>
        </div>
    }
}

fn tool_view(workspace: Workspace, tool: Tool) -> impl IntoView {
    view! { <ToolPane workspace=workspace tool=tool/> }
}
