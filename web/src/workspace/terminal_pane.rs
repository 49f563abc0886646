//! The terminals: one in front, or several above each other, as the lab's layout says.

use lectern_api::ids::SessionId;
use leptos::html::Div;
use leptos::prelude::*;

use super::{Workspace, is_running};
use crate::api::Account;
use crate::browser::{focus_by_id, recall, remember};
use crate::terminal::connection::Connection;
use crate::terminal::status::Status;

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
    let many = names.len() > 1;
    let tabbed = !stacked && many;
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
        let (selected, choose, tab_name) = (name.clone(), name.clone(), name.clone());
        view! {
            <button
                type="button"
                role="tab"
                id=format!("terminal-tab-{name}")
                aria-controls=format!("terminal-frame-{name}")
                aria-selected=move || if front.get() == selected { "true" } else { "false" }
                data-testid=format!("terminal-tab-{name}")
                tabindex=move || if front.get() == tab_name { "0" } else { "-1" }
                on:click=move |_| front.set(choose.clone())
            >
                {format!("Terminal {name}")}
            </button>
        }
    };
    let order = StoredValue::new(names.clone());
    // arrows go from tab to tab, as in every row of tabs
    let turn = move |event: web_sys::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => order.with_value(Vec::len) - 1,
            _ => return,
        };
        event.prevent_default();
        let next = order.with_value(|names| {
            let at = names.iter().position(|name| *name == front.get_untracked()).unwrap_or_default();
            names.get((at + step) % names.len()).cloned()
        });
        if let Some(next) = next {
            focus_by_id(&format!("terminal-tab-{next}"));
            front.set(next);
        }
    };
    view! {
        <div class="terminals" class:stacked=stacked data-layout=layout>
            <div class="terminal-bar">
                {if tabbed {
                    let tabs = names.iter().cloned().map(tab).collect_view();
                    view! { <div role="tablist" aria-label="Terminals" on:keydown=turn>{tabs}</div> }.into_any()
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
                <TerminalFrame workspace=workspace session=id name=name labelled=many tabbed=tabbed reader=reader/>
            }).collect_view()}
        </div>
    }
}

#[component]
fn TerminalFrame(
    workspace: Workspace,
    session: SessionId,
    name: String,
    labelled: bool,
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
    let word = move || status.with(Status::word);
    let retry = move |_| {
        connection.try_with_value(|connection| connection.retry_now());
    };
    let lost = Memo::new(move |_| status.get() == Status::Reconnecting);
    let retry_id = format!("terminal-retry-{name}");
    view! {
        <section
            class="terminal-frame"
            class:behind=hidden
            id=format!("terminal-frame-{name}")
            role=tabbed.then_some("tabpanel")
            aria-label=format!("Terminal {name}")
            data-testid=format!("terminal-{name}")
        >
            <div class="screen" node_ref=node></div>
            {(labelled && !tabbed).then(|| view! { <span class="terminal-name" aria-hidden="true">{name.clone()}</span> })}
            <div
                class=move || format!("terminal-line {}", word())
                class:shown=move || status.with(Status::is_notable)
            >
                <span role="status" data-state=word data-testid=format!("terminal-status-{name}")>
                    {move || status.with(Status::sentence)}
                </span>
                {move || lost.get().then(|| view! {
                    <button type="button" data-testid=retry_id.clone() on:click=retry>"Try now"</button>
                })}
            </div>
        </section>
    }
}

/// Gives the keyboard to the page's text.
fn leave_terminal() {
    focus_by_id("lab-page");
}
