//! What a learner can ask for in a workspace: more time, the session's end, a new session.

use chrono::{DateTime, Utc};
use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::stream::reload;
use crate::api::{ApiError, Client};
use crate::pages::submission::{Submission, use_submission_reporting_to};
use crate::paths;
use crate::progress::Progress;

#[derive(Clone, Copy)]
pub struct Requests {
    pub extend: Submission,
    /// Ends the session and starts the lab again.
    pub restart: Submission,
    pub end: Submission,
    /// Why the last of them failed.
    pub problem: RwSignal<Option<ApiError>>,
}

pub fn use_requests(client: Client, session: RwSignal<Session>, progress: Progress) -> Requests {
    let id = session.with_untracked(|session| session.id);
    let problem = RwSignal::new(None);
    let navigate = use_navigate();
    let extend = use_submission_reporting_to(
        problem,
        move |()| {
            let seen = session.with_untracked(expires_at);
            async move {
                match seen {
                    Some(seen) => client.extend_session(id, seen).await,
                    None => client.show_session(id).await,
                }
            }
        },
        move |extended| session.set(extended),
    );
    let restart = use_submission_reporting_to(
        problem,
        move |()| {
            let (lab, is_over) = session.with_untracked(|session| {
                (session.lab.clone(), matches!(session.state, SessionState::Ended { .. }))
            });
            async move {
                if !is_over {
                    // if it cannot be ended, starting the next one fails and says so
                    let _ = client.end_session(id).await;
                }
                client.start_session(lab).await
            }
        },
        move |new: Session| navigate(&paths::session(new.id), NavigateOptions::default()),
    );
    let end = use_submission_reporting_to(
        problem,
        move |()| {
            progress.flush();
            client.end_session(id)
        },
        move |()| spawn_local(reload(client, id, session)),
    );
    Requests { extend, restart, end, problem }
}

/// Returns when the session ends; `None` if it is not running.
fn expires_at(session: &Session) -> Option<DateTime<Utc>> {
    match session.state {
        SessionState::Running { expires_at, .. } => Some(expires_at),
        _ => None,
    }
}
