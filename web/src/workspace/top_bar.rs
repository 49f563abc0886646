//! The bar above the workspace.

use std::time::Duration;

use lectern_api::sessions::SessionState;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;

use super::Workspace;
use crate::browser::sleep;
use crate::clock::{now, time_left};
use crate::components::dialog::ConfirmDialog;

/// Title, progress, time left, and the way out.
#[component]
pub fn TopBar(
    /// The workspace.
    workspace: Workspace,
    /// Ends the session.
    on_end: Callback<()>,
) -> impl IntoView {
    let asks = RwSignal::new(false);
    let place = Memo::new(move |_| workspace.place());
    let words = move || match place.get() {
        (Some(at), total) => format!("Page {} of {total}", at + 1),
        (None, total) => format!("{total} pages"),
    };
    view! {
        <header class="top-bar">
            <A href="/labs" attr:class="back" attr:data-testid="back-to-labs" attr:title="Back to the labs">
                <span aria-hidden="true">"‹"</span>
                <span class="back-word">"Labs"</span>
            </A>
            <h1 class="lab-title">{move || workspace.session.with(|session| session.lab_title.clone())}</h1>
            <div class="progress">
                <span data-testid="progress-text">{words}</span>
                <progress
                    max=move || place.get().1.max(1)
                    value=move || place.get().0.map_or(0, |at| at + 1)
                    aria-label="Progress through the lab"
                ></progress>
            </div>
            <TimeLeft workspace=workspace/>
            <button type="button" class="button small" data-testid="session-end" on:click=move |_| asks.set(true)>
                "End session"
            </button>
            <ConfirmDialog
                open=asks
                title="End this session?"
                text="Everything you made in the cluster and in the terminals is removed. Your progress is kept."
                confirm="End session"
                testid="session-end-confirm"
                on_confirm=on_end
            />
        </header>
    }
}

#[component]
fn TimeLeft(workspace: Workspace) -> impl IntoView {
    let tick = RwSignal::new(0_u32);
    spawn_local(async move {
        while tick.try_update(|tick| *tick = tick.wrapping_add(1)).is_some() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let left = Memo::new(move |_| {
        tick.track();
        workspace.session.with(|session| match &session.state {
            SessionState::Running { expires_at, .. } => {
                Some(time_left(now(), *expires_at).unwrap_or_else(|| "0:00".to_owned()))
            }
            _ => None,
        })
    });
    let soon = move || left.get().is_some_and(|left| left.contains(':'));
    view! {
        <span class="time-left" class:soon=soon data-testid="time-left">
            {move || left.get().map(|left| view! { <span class="time-word">"Time left "</span> <b>{left}</b> })}
        </span>
    }
}
