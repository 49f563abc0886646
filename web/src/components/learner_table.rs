//! The learners of a class and how far each one is.

use lectern_api::classes::{LearnerRow, LearnerSession};
use lectern_api::ids::UserId;
use lectern_api::sessions::{EndReason, SessionState};
use leptos::prelude::*;

use crate::clock::{now, time_ago};

/// Learners, one per row. A row that changes keeps its position and the focus.
#[component]
pub fn LearnerTable(
    #[prop(into)] rows: Signal<Vec<LearnerRow>>,
    /// Changes when times in words must be updated.
    tick: RwSignal<u32>,
    on_manage: Callback<LearnerRow>,
) -> impl IntoView {
    let row = move |row: LearnerRow| {
        let id = row.user;
        let session = Memo::new(move |_| rows.with(|rows| session_of(rows, id)));
        let name = row.display_name.clone();
        view! {
            <tr data-testid=format!("class-row-{id}")>
                <th scope="row">{name.clone()}</th>
                {move || match session.get() {
                    Some(session) => learner_cells(session, tick).into_any(),
                    None => view! { <td colspan="5" class="faint">"No lab started yet"</td> }.into_any(),
                }}
                <td>
                    <button
                        type="button"
                        class="button small"
                        data-testid="learner-manage"
                        aria-label=format!("Manage {name}")
                        on:click=move |_| on_manage.run(row.clone())
                    >
                        "Manage"
                    </button>
                </td>
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Learners">
            <table class="stacks learners" data-testid="class-learners">
                <thead>
                    <tr>
                        <th scope="col">"Learner"</th>
                        <th scope="col">"Lab"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Page"</th>
                        <th scope="col">"Checks"</th>
                        <th scope="col">"Last active"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || rows.get() key=|row| row.user children=row/>
                </tbody>
            </table>
        </div>
    }
}

fn session_of(rows: &[LearnerRow], id: UserId) -> Option<LearnerSession> {
    rows.iter().find(|row| row.user == id).and_then(|row| row.session.clone())
}

fn learner_cells(session: LearnerSession, tick: RwSignal<u32>) -> impl IntoView {
    let (state, words, title) = state_words(&session.state);
    let page = match (session.page_number, &session.current_page_title) {
        (Some(number), title) => {
            format!("{number}/{} {}", session.pages_total, title.clone().unwrap_or_default())
        }
        _ => "–".to_owned(),
    };
    let passed = session.checks.iter().filter(|check| check.passed).count();
    let active = session.last_active_at.unwrap_or(session.started_at);
    let chip = |name: String, passed: bool| {
        let (class, sign, word) =
            if passed { ("chip good", "✓ ", "passed") } else { ("chip bad", "✗ ", "not passed") };
        view! { <li class=class title=word><span aria-hidden="true">{sign}</span>{name}
        <span class="visually-hidden">{format!(" {word}")}</span></li> }
    };
    view! {
        <td>{session.lab_title}</td>
        <td><span class=format!("state {state}") title=title>{words}</span></td>
        <td>
            <span class="row-page">{page}</span>
            <progress max=session.pages_total.max(1) value=session.pages_viewed aria-label="Pages viewed"></progress>
        </td>
        <td>
            <ul class="chips">
                {session.checks.into_iter().map(|check| chip(check.name.to_string(), check.passed)).collect_view()}
            </ul>
            <span class="faint">{format!("{passed} of {}", session.checks_total)}</span>
        </td>
        <td>{move || { tick.track(); time_ago(now(), active) }}</td>
    }
}

/// Why a learner's session ended, for their instructor, where that is worth a word.
fn ended_because(reason: &EndReason) -> &str {
    match reason {
        EndReason::Learner => "by the learner",
        EndReason::Expired => "its time was up",
        EndReason::Abandoned { .. } => "it was not used",
        EndReason::WorkbenchLost { detail: text } | EndReason::Other { text } => text,
        EndReason::AccountDeleted | EndReason::AccountDisabled | EndReason::Discarded { .. } => "",
    }
}

fn state_words(state: &SessionState) -> (&'static str, &'static str, String) {
    match state {
        SessionState::Starting { step } => ("starting", "Starting", step.clone()),
        SessionState::Running { .. } => ("running", "Running", String::new()),
        SessionState::Ending => ("ended", "Ending", String::new()),
        SessionState::Ended { reason } => ("ended", "Ended", ended_because(reason).to_owned()),
        SessionState::Failed { reason } => ("failed", "Failed", reason.clone()),
    }
}
