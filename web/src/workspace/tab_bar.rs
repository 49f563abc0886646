//! The bar of tabs, with a menu of what else can be opened.

use lectern_api::sessions::Tool;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::Workspace;
use crate::browser::{focus_by_id, sleep};
use crate::components::menu::Menu;
use crate::panels::word;
use crate::tabs::list::{Content, Tab, tool_name};

/// The tools in the menu.
const TOOLS: [Tool; 3] = [Tool::Editor, Tool::Files, Tool::Cluster];

#[component]
pub fn TabBar(workspace: Workspace) -> impl IntoView {
    let tabs = workspace.tabs;
    // drawn anew only when a tab comes or goes
    let shown = Memo::new(move |_| {
        tabs.list.with(|list| list.in_bar().map(|tab| (tab.id, tab.name.clone())).collect::<Vec<_>>())
    });
    let go_to = move |id: u32| {
        tabs.show(id);
        focus_by_id(&tab_id(id));
    };
    // the arrow keys move between tabs, Delete closes one
    let keyed = move |event: KeyboardEvent| {
        let ids: Vec<u32> = tabs.list.with_untracked(|list| list.in_bar().map(|tab| tab.id).collect());
        let front = tabs.list.with_untracked(|list| list.front().map(|tab| tab.id));
        let Some(at) = ids.iter().position(|id| Some(*id) == front) else { return };
        let next = match event.key().as_str() {
            "ArrowRight" => ids.get(at + 1).or(ids.first()),
            "ArrowLeft" => at.checked_sub(1).map_or(ids.last(), |at| ids.get(at)),
            "Home" => ids.first(),
            "End" => ids.last(),
            "Delete" => {
                tabs.close(ids[at]);
                if let Some(id) = tabs.list.with_untracked(|list| list.front().map(|tab| tab.id)) {
                    focus_by_id(&tab_id(id));
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        if let Some(next) = next {
            go_to(*next);
        }
    };
    view! {
        <div class="tab-bar">
            <div role="tablist" aria-label="Workspace" on:keydown=keyed>
                {move || {
                    let ids = shown.get();
                    let tab = |(id, _)| tabs.list.with_untracked(|list| list.get(id).cloned());
                    let buttons = ids.into_iter().filter_map(tab);
                    buttons.map(|tab| view! { <TabButton workspace=workspace tab=tab/> }.into_any()).collect::<Vec<_>>()
                }}
            </div>
            <OpenMenu workspace=workspace/>
        </div>
    }
}

#[component]
fn TabButton(workspace: Workspace, tab: Tab) -> impl IntoView {
    let (tabs, id) = (workspace.tabs, tab.id);
    let is_front = Memo::new(move |_| tabs.list.with(|list| list.front().is_some_and(|tab| tab.id == id)));
    let testid = match &tab.content {
        Content::Terminals(names) => format!("terminal-tab-{}", names.first().map_or("", String::as_str)),
        Content::Tool(tool) => format!("tab-{}", word(*tool)),
        Content::Web { .. } => format!("tab-web-{id}"),
    };
    let close = tab.may_go().then(|| {
        let label = format!("Close {}", tab.name);
        view! {
            // Delete does the same, so the keyboard need not come by here
            <button
                type="button"
                class="tab-close"
                tabindex="-1"
                aria-label=label
                data-testid=format!("tab-close-{id}")
                on:click=move |_| tabs.close(id)
            >
                <span aria-hidden="true">"×"</span>
            </button>
        }
    });
    view! {
        <div class="tab" class:front=move || is_front.get() role="presentation">
            <button
                type="button"
                role="tab"
                id=tab_id(id)
                aria-controls=panel_id(id)
                aria-selected=move || if is_front.get() { "true" } else { "false" }
                data-testid=testid
                tabindex=move || if is_front.get() { "0" } else { "-1" }
                on:click=move |_| tabs.show(id)
            >
                {tab.name}
            </button>
            {close}
        </div>
    }
}

/// Opens a further terminal, or a tool that has no tab yet.
#[component]
fn OpenMenu(workspace: Workspace) -> impl IntoView {
    let tabs = workspace.tabs;
    let heading =
        view! { <span aria-hidden="true">"+"</span><span class="visually-hidden">"Open a tab"</span> };
    let open_terminal = move |_| {
        tabs.open_terminal();
        leptos::task::spawn_local(async move {
            // it is drawn first
            sleep(std::time::Duration::ZERO).await;
            if let Some(terminal) = tabs.terminals.find(&tabs.terminals.front.get_untracked()) {
                terminal.focus();
            }
        });
    };
    view! {
        <Menu heading=heading.into_any() class="open-menu" testid="open-tab">
            <button type="button" data-testid="open-terminal" on:click=open_terminal>"New terminal"</button>
            {TOOLS.map(|tool| view! {
                <button type="button" data-testid=format!("open-{}", word(tool)) on:click=move |_| tabs.show_tool(tool)>
                    {tool_name(tool)}
                </button>
            })}
        </Menu>
    }
}

pub(super) fn tab_id(id: u32) -> String {
    format!("tab-{id}")
}

pub(super) fn panel_id(id: u32) -> String {
    format!("tab-panel-{id}")
}
