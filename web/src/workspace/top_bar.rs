//! The bar above the workspace.

use leptos::prelude::*;
use leptos_router::components::A;

use super::Workspace;
use super::contents::Contents;
use super::time_left::TimeLeft;
use crate::components::dialog::ConfirmDialog;
use crate::components::frame::Choices;
use crate::components::menu::Menu;
use crate::tabs::list::{Content, Tab};

/// The way out, contents, title, progress, time left, and on narrow screens a switch between page and tabs.
#[component]
pub fn TopBar(workspace: Workspace, has_tabs: Memo<bool>, on_end: Callback<()>) -> impl IntoView {
    let asks = RwSignal::new(false);
    let position = Memo::new(move |_| workspace.position());
    let progress = move || match position.get() {
        (Some(at), total) => format!("Page {} of {total}", at + 1),
        (None, 1) => "1 page".to_owned(),
        (None, total) => format!("{total} pages"),
    };
    let shows = workspace.tabs.shown;
    let is_terminals = |tab: &Tab| matches!(tab.content, Content::Terminals(_));
    let other = move || {
        let only_terminals = workspace.tabs.list.with(|list| list.all().iter().all(is_terminals));
        if only_terminals { "Terminals" } else { "Tools" }
    };
    let pressed = move |terminals: bool| move || if shows.get() == terminals { "true" } else { "false" };
    view! {
        <header class="top-bar">
            <A href="/labs" attr:class="back" attr:data-testid="back-to-labs" attr:title="Browse labs">
                <span aria-hidden="true">"‹"</span>
                <span class="back-word">"Labs"</span>
            </A>
            <Contents workspace=workspace/>
            <h1 class="lab-title">{move || workspace.session.with(|session| session.lab_title.clone())}</h1>
            <div class="progress">
                <span data-testid="progress-text">{progress}</span>
                <progress
                    max=move || position.get().1.max(1)
                    value=move || position.get().0.map_or(0, |at| at + 1)
                    aria-label="Progress through the lab"
                ></progress>
            </div>
            <TimeLeft workspace=workspace/>
            {move || has_tabs.get().then(|| view! {
                <div class="switch" role="group" aria-label="What to show">
                    <button type="button" data-testid="show-page" aria-pressed=pressed(false)
                        on:click=move |_| shows.set(false)>"Page"</button>
                    <button type="button" data-testid="show-terminals" aria-pressed=pressed(true)
                        on:click=move |_| shows.set(true)>{other}</button>
                </div>
            })}
            <Menu
                class="top-menu"
                testid="workspace-menu"
                heading=view! { <span aria-hidden="true">"⋯"</span><span class="visually-hidden">"More"</span> }.into_any()
            >
                <Choices/>
            </Menu>
            <button type="button" class="button small end" data-testid="session-end" on:click=move |_| asks.set(true)>
                "End session"
            </button>
            <ConfirmDialog
                open=asks
                title="End this session?"
                text="Your environment and everything in it will be deleted."
                confirm="End session"
                testid="session-end-confirm"
                on_confirm=move |()| {
                    asks.set(false);
                    on_end.run(());
                }
            />
        </header>
    }
}
