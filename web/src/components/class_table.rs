//! Tables of classes and of the learners in one.

use lectern_api::classes::{Class, LearnerRow, LearnerSession};
use lectern_api::sessions::SessionState;
use leptos::prelude::*;
use leptos_router::components::A;

use super::form::CopyButton;
use crate::clock::{now, time_ago};
use crate::paths;

/// Classes, one a row.
#[component]
pub fn ClassTable(
    /// The classes.
    classes: Vec<Class>,
    /// Whether they are one's own.
    teaches: bool,
) -> impl IntoView {
    let row = move |class: Class| {
        let name = class.name.clone();
        view! {
            <tr data-testid=format!("class-{}", class.id)>
                <td>
                    {if teaches {
                        view! { <A href=paths::class(class.id) attr:data-testid="class-open">{name}</A> }.into_any()
                    } else {
                        name.into_any()
                    }}
                </td>
                <td>{class.learners}</td>
                {teaches.then(|| view! { <td><JoinCode code=class.join_code.unwrap_or_default()/></td> })}
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Classes">
            <table data-testid="classes">
                <thead>
                    <tr>
                        <th scope="col">"Class"</th>
                        <th scope="col">"Learners"</th>
                        {teaches.then(|| view! { <th scope="col">"Join code"</th> })}
                    </tr>
                </thead>
                <tbody>{classes.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// A join code with a button that copies it.
#[component]
pub fn JoinCode(
    /// The code.
    code: String,
) -> impl IntoView {
    view! {
        <span class="join-code">
            <code data-testid="class-join-code">{code.clone()}</code>
            <CopyButton text=code/>
        </span>
    }
}

/// The learners of a class and where each one is.
#[component]
pub fn LearnerTable(
    /// The learners, in the order to show.
    #[prop(into)]
    rows: Signal<Vec<LearnerRow>>,
    /// Changes when times must be written anew.
    tick: RwSignal<u32>,
) -> impl IntoView {
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Learners">
            <table class="learners" data-testid="class-learners">
                <thead>
                    <tr>
                        <th scope="col">"Learner"</th>
                        <th scope="col">"Lab"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Page"</th>
                        <th scope="col">"Checks"</th>
                        <th scope="col">"Last active"</th>
                    </tr>
                </thead>
                <tbody>
                    {move || rows.get().into_iter().map(|row| view! {
                        <tr data-testid=format!("class-row-{}", row.user)>
                            <th scope="row">{row.display_name}</th>
                            {match row.session {
                                Some(session) => learner_cells(session, tick).into_any(),
                                None => view! { <td colspan="5" class="faint">"Has not started a lab"</td> }.into_any(),
                            }}
                        </tr>
                    }).collect_view()}
                </tbody>
            </table>
        </div>
    }
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

fn state_words(state: &SessionState) -> (&'static str, &'static str, String) {
    match state {
        SessionState::Starting { step } => ("starting", "Starting", step.clone()),
        SessionState::Running { .. } => ("running", "Running", String::new()),
        SessionState::Ending => ("ended", "Ending", String::new()),
        SessionState::Ended { reason } => ("ended", "Ended", reason.clone()),
        SessionState::Failed { reason } => ("failed", "Failed", reason.clone()),
    }
}
