//! The terminals: one in front, or several above each other, as the lab's layout says.

use lectern_api::ids::SessionId;
use leptos::html::Div;
use leptos::prelude::*;

use super::{Workspace, is_running};
use crate::api::Account;
use crate::browser::{recall, remember};
use crate::terminal::connection::{Connection, Status};

const READER_KEY: &str = "lectern.screen-reader";

/// All terminals of the session.
#[component]
pub fn TerminalPane(
    /// The workspace.
    workspace: Workspace,
) -> impl IntoView {
    let (id, names, layout) = workspace.session.with_untracked(|session| {
        let names: Vec<_> = session.terminals.iter().map(ToString::to_string).collect();
        (session.id, names, session.terminal_layout.clone())
    });
    let stacked = layout.starts_with("split");
    let tabbed = !stacked && names.len() > 1;
    let front = workspace.terminals.front;
    if let Some(first) = names.first() {
        front.set(first.clone());
    }
    let reader = RwSignal::new(recall(READER_KEY).is_some_and(|on| on == "on"));
    Effect::new(move |_| {
        let on = reader.get();
        remember(READER_KEY, if on { "on" } else { "off" });
        workspace.terminals.all().iter().for_each(|terminal| terminal.set_screen_reader(on));
    });
    let tab = move |name: String| {
        let (selected, choose) = (name.clone(), name.clone());
        view! {
            <button
                type="button"
                role="tab"
                aria-controls=format!("terminal-frame-{name}")
                aria-selected=move || if front.get() == selected { "true" } else { "false" }
                data-testid=format!("terminal-tab-{name}")
                on:click=move |_| front.set(choose.clone())
            >
                {format!("Terminal {name}")}
            </button>
        }
    };
    view! {
        <div class="terminals" class:stacked=stacked data-layout=layout>
            <div class="terminal-bar">
                {if tabbed {
                    let tabs = names.iter().cloned().map(tab).collect_view();
                    view! { <div role="tablist" aria-label="Terminals">{tabs}</div> }.into_any()
                } else {
                    let word = if names.len() == 1 { "Terminal" } else { "Terminals" };
                    view! { <span>{word}</span> }.into_any()
                }}
                <label class="reader" title="Lets screen readers read the terminals' output; slower">
                    <input type="checkbox" data-testid="screen-reader" bind:checked=reader/>
                    "Screen reader"
                </label>
            </div>
            {names.into_iter().map(|name| view! {
                <TerminalFrame workspace=workspace session=id name=name tabbed=tabbed reader=reader/>
            }).collect_view()}
        </div>
    }
}

#[component]
fn TerminalFrame(
    workspace: Workspace,
    session: SessionId,
    name: String,
    tabbed: bool,
    reader: RwSignal<bool>,
) -> impl IntoView {
    let client = workspace.runner.client;
    let connection = Connection::new(session, &name, move || client.account.set(Account::SignedOut));
    let status = connection.status;
    workspace.terminals.add(&name, connection.clone());
    on_cleanup({
        let name = name.clone();
        move || workspace.terminals.remove(&name)
    });
    let node = NodeRef::<Div>::new();
    let connection = StoredValue::new_local(connection);
    let running = Memo::new(move |_| workspace.session.with(|session| is_running(&session.state)));
    let opened = StoredValue::new(false);
    Effect::new(move |_| {
        let Some(element) = node.get() else { return };
        let Some(connection) = connection.try_get_value() else { return };
        if !opened.get_value() {
            opened.set_value(true);
            connection.show_in(&element, leave_terminal);
            connection.set_screen_reader(reader.get_untracked());
        }
        if running.get() {
            connection.start();
        } else {
            connection.stop();
        }
    });
    let hidden = {
        let name = name.clone();
        move || tabbed && workspace.terminals.front.get() != name
    };
    let words = move || match status.get() {
        Status::Waiting => "not running".to_owned(),
        Status::Connecting => "connecting…".to_owned(),
        Status::Connected => "connected".to_owned(),
        Status::Reconnecting => "reconnecting…".to_owned(),
        Status::Closed(reason) => reason,
    };
    let state = move || match status.get() {
        Status::Waiting => "waiting",
        Status::Connecting => "connecting",
        Status::Connected => "connected",
        Status::Reconnecting => "reconnecting",
        Status::Closed(_) => "closed",
    };
    view! {
        <section
            class="terminal-frame"
            class:behind=hidden
            id=format!("terminal-frame-{name}")
            aria-label=format!("Terminal {name}")
            data-testid=format!("terminal-{name}")
        >
            <div class="screen" node_ref=node></div>
            <span
                class=move || format!("terminal-status {}", state())
                role="status"
                data-state=state
                data-testid=format!("terminal-status-{name}")
            >
                {words}
            </span>
        </section>
    }
}

/// Gives the keyboard to the page's text.
fn leave_terminal() {
    let page = crate::browser::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("lab-page"));
    if let Some(page) = page.and_then(|page| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(page).ok()) {
        let _ = page.focus();
    }
}
