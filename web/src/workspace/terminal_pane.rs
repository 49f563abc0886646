//! The terminals: one in front, or several stacked, as the lab's layout says.

use lectern_api::ids::SessionId;
use leptos::html::Div;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::{Workspace, is_running};
use crate::api::SignOutReason;
use crate::browser::focus_by_id;
use crate::terminal::connection::Connection;
use crate::terminal::status::Status;

#[component]
pub fn TerminalPane(workspace: Workspace) -> impl IntoView {
    let (id, names, layout) = workspace.session.with_untracked(|session| {
        let names: Vec<_> = session.terminals.iter().map(ToString::to_string).collect();
        (session.id, names, session.terminal_layout.clone())
    });
    let groups = Groups { stacked: stack_height(&layout) };
    let stacked = groups.stacked > 1;
    let tabbed = names.len() > groups.stacked;
    if let Some(first) = names.first() {
        workspace.terminals.front.set(first.clone());
    }
    view! {
        <div class="terminals" class:stacked=stacked data-layout=layout>
            {tabbed.then(|| view! {
                <div class="terminal-bar">
                    <Tabs names=names.clone() groups=groups front=workspace.terminals.front/>
                </div>
            })}
            {names.clone().into_iter().enumerate().map(|(at, name)| {
                let names = names.clone();
                let front = workspace.terminals.front;
                let is_behind = Signal::derive(move || {
                    front.with(|front| groups.of_name(&names, front) != groups.of(at))
                });
                view! {
                    <TerminalFrame workspace=workspace session=id name=name tabbed=tabbed is_behind=is_behind/>
                }
            }).collect_view()}
        </div>
    }
}

/// How many terminals a layout shows one above the other.
fn stack_height(layout: &str) -> usize {
    match layout {
        "split" => 2,
        "split/2" => 3,
        _ => 1,
    }
}

/// Which terminals are seen at once: the first ones are stacked, each of the others is alone.
#[derive(Clone, Copy, Debug)]
struct Groups {
    stacked: usize,
}

impl Groups {
    /// Returns the group of the terminal at this position: 0 for those that are stacked.
    const fn of(self, at: usize) -> usize {
        (at + 1).saturating_sub(self.stacked)
    }

    fn of_name(self, names: &[String], name: &str) -> usize {
        self.of(names.iter().position(|known| known == name).unwrap_or_default())
    }
}

/// A row of tabs, one for each group of terminals.
#[component]
fn Tabs(names: Vec<String>, groups: Groups, front: RwSignal<String>) -> impl IntoView {
    // of each group the first
    let leaders: Vec<_> = names.iter().take(1).chain(names.iter().skip(groups.stacked)).cloned().collect();
    let tab = |(at, name): (usize, String)| {
        let (id, controls) = (tab_id(&name), frame_id(&name));
        let label =
            if at == 0 && groups.stacked > 1 { "Terminals".to_owned() } else { format!("Terminal {name}") };
        let testid = id.clone();
        let names = names.clone();
        let is_front = Memo::new(move |_| front.with(|front| groups.of_name(&names, front)) == at);
        view! {
            <button
                type="button"
                role="tab"
                id=id
                aria-controls=controls
                aria-selected=move || if is_front.get() { "true" } else { "false" }
                data-testid=testid
                tabindex=move || if is_front.get() { "0" } else { "-1" }
                on:click=move |_| front.set(name.clone())
            >
                {label}
            </button>
        }
    };
    let tabs = leaders.iter().cloned().enumerate().map(tab).collect_view();
    // the arrow keys move between tabs
    let keyed = move |event: KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => leaders.len() - 1,
            _ => return,
        };
        event.prevent_default();
        let at = front.with_untracked(|front| groups.of_name(&names, front));
        if let Some(next) = leaders.get((at + step) % leaders.len()) {
            focus_by_id(&tab_id(next));
            front.set(next.clone());
        }
    };
    view! { <div role="tablist" aria-label="Terminals" on:keydown=keyed>{tabs}</div> }
}

fn tab_id(name: &str) -> String {
    format!("terminal-tab-{name}")
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
    tabbed: bool,
    is_behind: Signal<bool>,
) -> impl IntoView {
    let client = workspace.runner.client;
    let connection = Connection::new(session, &name, move || client.forget_account(SignOutReason::Ended));
    let status = connection.status;
    workspace.terminals.add(connection.clone());
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
            class:behind=move || tabbed && is_behind.get()
            id=frame_id(&name)
            role=tabbed.then_some("tabpanel")
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
    let is_lost = Memo::new(move |_| status.with(|status| *status == Status::Reconnecting));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_beyond_the_layout_have_a_tab_of_their_own() {
        let groups = |layout: &str| [0, 1, 2, 3].map(|at| Groups { stacked: stack_height(layout) }.of(at));
        assert_eq!(groups("default"), [0, 1, 2, 3]);
        assert_eq!(groups("split"), [0, 0, 1, 2]);
        assert_eq!(groups("split/2"), [0, 0, 0, 1]);
    }
}
