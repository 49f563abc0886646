//! The terminals of one tab, one above the other.

use lectern_api::ids::SessionId;
use leptos::html::Div;
use leptos::prelude::*;

use super::splitter::{Direction, Splitter};
use super::{Workspace, is_running};
use crate::api::SignOutReason;
use crate::browser::focus_by_id;
use crate::terminal::connection::Connection;
use crate::terminal::status::Status;

/// Terminals with borders between them that can be moved. `layout` names the arrangement, under which the borders are
/// remembered.
#[component]
pub fn TerminalStack(workspace: Workspace, names: Vec<String>, layout: String) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let session = workspace.session.with_untracked(|session| session.id);
    let last = names.len().saturating_sub(1);
    // the upper terminal is the larger one where three stand above each other
    let first_share = if last == 2 { 500 } else { 1000 / (i32::try_from(last).unwrap_or(1) + 1) };
    let stack = names.into_iter().enumerate().map(|(at, name)| {
        let share = RwSignal::new(first_share);
        let drags = RwSignal::new(false);
        let is_last = at == last;
        let frame_id = frame_id(&name);
        let split = (!is_last).then(|| {
            view! {
                <Splitter
                    frame=node
                    share=share
                    drags=drags
                    direction=Direction::Below(frame_id)
                    label=format!("Resize terminal {name}")
                    key=format!("lectern.split.{layout}.{name}")
                    first=first_share
                />
            }
        });
        view! {
            <TerminalFrame workspace=workspace session=session name=name share=Signal::derive(move || (!is_last).then(|| share.get()))/>
            {split}
        }
    });
    view! { <div class="terminals" node_ref=node>{stack.collect_view()}</div> }
}

fn frame_id(name: &str) -> String {
    format!("terminal-frame-{name}")
}

/// One terminal, connected for as long as the session runs.
#[component]
fn TerminalFrame(
    workspace: Workspace,
    session: SessionId,
    name: String,
    /// Its share of the height in thousandths; `None` takes what is left.
    share: Signal<Option<i32>>,
) -> impl IntoView {
    let client = workspace.runner.client;
    let terminals = workspace.tabs.terminals;
    let connection = Connection::new(session, &name, move || client.forget_account(SignOutReason::Ended));
    let status = connection.status;
    terminals.add(connection.clone());
    on_cleanup({
        let name = name.clone();
        move || terminals.remove(&name)
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
            connection.show_in(&element, || focus_by_id("lab-page"));
        }
        if running.get() {
            connection.start();
        } else {
            connection.stop();
        }
    });
    let retry = Callback::new(move |()| {
        connection.try_with_value(|connection| connection.retry_now());
    });
    view! {
        <section
            class="terminal-frame"
            id=frame_id(&name)
            style=move || share.get().map(|share| format!("flex: 0 1 calc({share} * .1%)"))
            aria-label=format!("Terminal {name}")
            data-testid=format!("terminal-{name}")
        >
            <div class="screen" node_ref=node></div>
            <StatusLine name=name.clone() status=status on_retry=retry/>
        </section>
    }
}

/// The state of the connection, where there is something to say about it.
#[component]
fn StatusLine(name: String, status: RwSignal<Status>, on_retry: Callback<()>) -> impl IntoView {
    let state = move || status.with(Status::name);
    let is_lost = Memo::new(move |_| status.with(|status| matches!(status, Status::Reconnecting(_))));
    let retry_id = format!("terminal-retry-{name}");
    view! {
        <div class=move || format!("terminal-line {}", state()) class:shown=move || status.with(Status::is_notable)>
            <span role="status" data-state=state data-testid=format!("terminal-status-{name}")>
                {move || status.with(Status::sentence)}
            </span>
            {move || is_lost.get().then(|| view! {
                <button type="button" data-testid=retry_id.clone() on:click=move |_| on_retry.run(())>"Try now"</button>
            })}
        </div>
    }
}
