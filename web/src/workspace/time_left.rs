//! The time left, the warning before the end, and the buttons that extend the session.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lectern_api::sessions::SessionState;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Workspace;
use crate::browser::sleep;
use crate::clock::{now, time_left, time_of_day};

/// The time left at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remaining {
    words: String,
    /// Whether to warn that the end is near.
    soon: bool,
    /// When the session would end after an extension; `None` if there is none to be had.
    extends_to: Option<DateTime<Utc>>,
}

fn remaining(state: &SessionState, now: DateTime<Utc>) -> Option<Remaining> {
    let SessionState::Running { expires_at, warn_at, extends_to } = state else { return None };
    Some(Remaining {
        words: time_left(now, *expires_at).unwrap_or_else(|| "0:00".to_owned()),
        soon: now >= *warn_at,
        extends_to: *extends_to,
    })
}

/// Returns the time left, updated each second for as long as the component that calls this exists.
fn use_remaining(workspace: Workspace) -> Memo<Option<Remaining>> {
    let tick = RwSignal::new(0_u32);
    spawn_local(async move {
        while tick.try_update(|tick| *tick = tick.wrapping_add(1)).is_some() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    Memo::new(move |_| {
        tick.track();
        workspace.session.with(|session| remaining(&session.state, now()))
    })
}

/// The time left, for the top bar.
#[component]
pub fn TimeLeft(workspace: Workspace) -> impl IntoView {
    let left = use_remaining(workspace);
    let extends = Memo::new(move |_| left.get().and_then(|left| left.extends_to));
    view! {
        <div class="time-left" class:soon=move || left.get().is_some_and(|left| left.soon)>
            <span data-testid="time-left">
                {move || left.get().map(|left| view! { <span class="time-word">"Time left "</span> <b>{left.words}</b> })}
            </span>
            {move || extends.get().map(|to| view! {
                <button
                    type="button"
                    class="button small extend"
                    data-testid="session-extend"
                    title=format!("Extend to {}", time_of_day(to))
                    disabled=move || workspace.extending.get()
                    on:click=move |_| workspace.on_extend.run(())
                >
                    "Extend"
                </button>
            })}
        </div>
    }
}

/// The warning that the session ends soon.
#[component]
pub fn EndWarning(workspace: Workspace) -> impl IntoView {
    let left = use_remaining(workspace);
    let soon = Memo::new(move |_| left.get().is_some_and(|left| left.soon));
    let extends = Memo::new(move |_| left.get().and_then(|left| left.extends_to));
    let words = move || left.get().map(|left| left.words).unwrap_or_default();
    view! {
        // read aloud once when it appears, not each second
        <div role="status">
            {move || soon.get().then(|| view! {
                <div class="banner warn end-warning" data-testid="end-warning">
                    <span>
                        <strong>"Your session ends soon. "</strong>
                        "Your environment and everything in it will be deleted then."
                    </span>
                    <b aria-hidden="true">{words}</b>
                    {move || extends.get().map(|to| view! {
                        <button
                            type="button"
                            class="button small"
                            data-testid="end-warning-extend"
                            disabled=move || workspace.extending.get()
                            on:click=move |_| workspace.on_extend.run(())
                        >
                            {format!("Extend to {}", time_of_day(to))}
                        </button>
                    })}
                </div>
            })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_end_is_near_from_the_moment_that_the_server_names() {
        let start = DateTime::UNIX_EPOCH;
        let state = SessionState::Running {
            expires_at: start + TimeDelta::minutes(60),
            warn_at: start + TimeDelta::minutes(50),
            extends_to: Some(start + TimeDelta::minutes(75)),
        };
        let at = |minutes| remaining(&state, start + TimeDelta::minutes(minutes)).unwrap();
        assert!(!at(49).soon && at(50).soon);
        assert_eq!(at(50).words, "10 min");
        assert_eq!(at(61).words, "0:00");
        assert_eq!(at(0).extends_to, Some(start + TimeDelta::minutes(75)));
        assert_eq!(remaining(&SessionState::Ending, start), None);
    }
}
