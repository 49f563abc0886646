//! What a session shows that is not running: starting, failed, ending, ended.

use lectern_api::sessions::{EndReason, SessionState};
use leptos::prelude::*;
use leptos_router::components::A;

use super::Workspace;
use crate::components::frame::Loading;

/// Stands in front of the terminals while the session is starting or has failed.
#[component]
pub fn NotRunning(
    workspace: Workspace,
    /// Ends the session and starts the lab again.
    on_retry: Callback<()>,
    #[prop(into)] busy: Signal<bool>,
) -> impl IntoView {
    let state = Memo::new(move |_| workspace.session.with(|session| session.state.clone()));
    move || match state.get() {
        SessionState::Starting { step } => view! {
            <div class="curtain" data-testid="session-starting">
                <div>
                    <span class="spinner big" aria-hidden="true"></span>
                    <h2>"Starting your environment…"</h2>
                    <p role="status" data-testid="session-step">{step}</p>
                    <p class="faint">"You can start reading in the meantime."</p>
                </div>
            </div>
        }
        .into_any(),
        SessionState::Failed { reason } => view! {
            <div class="curtain" role="alert" data-testid="session-failed">
                <div>
                    <h2>"Your environment failed"</h2>
                    <p data-testid="session-reason">{reason}</p>
                    <div class="row">
                        <button
                            type="button"
                            class="button primary"
                            data-testid="session-retry"
                            disabled=move || busy.get()
                            on:click=move |_| on_retry.run(())
                        >
                            {move || if busy.get() { "One moment…" } else { "Try again" }}
                        </button>
                        <A href="/labs">"Browse labs"</A>
                    </div>
                </div>
            </div>
        }
        .into_any(),
        _ => ().into_any(),
    }
}

/// Takes the place of the whole workspace once the session is over.
#[component]
pub fn Over(
    workspace: Workspace,
    /// Starts the lab again.
    on_again: Callback<()>,
    #[prop(into)] busy: Signal<bool>,
) -> impl IntoView {
    let state = Memo::new(move |_| workspace.session.with(|session| session.state.clone()));
    let finished = move || workspace.progress.marks.with(|marks| marks.finished);
    view! {
        <main class="site narrow over" data-testid="session-over">
            {move || match state.get() {
                SessionState::Ended { reason } => view! {
                    <h1>{if finished() { "You finished this lab" } else { "Session ended" }}</h1>
                    <p data-testid="session-reason">{ended_words(&reason)}</p>
                    <p>"Your environment has been deleted. You can start the lab again at any time."</p>
                    <div class="row">
                        <A href="/labs" attr:class="button primary" attr:data-testid="over-labs">"Browse labs"</A>
                        <button
                            type="button"
                            class="button"
                            data-testid="over-again"
                            disabled=move || busy.get()
                            on:click=move |_| on_again.run(())
                        >
                            "Start this lab again"
                        </button>
                    </div>
                }
                .into_any(),
                _ => view! { <Loading text="Ending your session…"/> }.into_any(),
            }}
        </main>
    }
}

/// Why a session is over, in a sentence for its learner.
fn ended_words(reason: &EndReason) -> String {
    let words = match reason {
        EndReason::Learner => "You ended it.",
        EndReason::Expired => "Its time was up.",
        EndReason::Abandoned { .. } => "Nobody used it for a while.",
        EndReason::AccountDeleted | EndReason::AccountDisabled => "The account was closed.",
        EndReason::WorkbenchLost { detail } => detail,
        EndReason::Discarded { .. } => "It was never used.",
        EndReason::Other { text } => return ["It ended because ", text, "."].concat(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_make_sentences_those_of_earlier_releases_too() {
        assert_eq!(ended_words(&EndReason::Learner), "You ended it.");
        assert_eq!(ended_words(&EndReason::Abandoned { minutes: 10 }), "Nobody used it for a while.");
        let earlier = EndReason::Other { text: "its time was over".to_owned() };
        assert_eq!(ended_words(&earlier), "It ended because its time was over.");
    }
}
