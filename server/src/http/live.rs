//! Server-sent events: a session to its learner, a class to its instructor.
//!
//! A stream sends the present state first, then what changed. It ends when its login does, so that a browser that
//! was signed out hears nothing more; `EventSource` then asks again and is told to sign in.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures::Stream;
use lectern_api::classes::LearnerRow;
use lectern_api::ids::{ClassId, SessionId};
use lectern_api::sessions::Session;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::app::{Change, Services};
use crate::http::error::chain;
use crate::identity::Login;

/// How often a silent stream says that it is there, and looks whether its login still is.
const HEARTBEAT: Duration = Duration::from_secs(15);

type Sent = Result<Bytes, std::convert::Infallible>;

fn event(name: &str, data: &impl serde::Serialize) -> Option<Sent> {
    let json = serde_json::to_string(data).ok()?;
    Some(Ok(Bytes::from(format!("event: {name}\ndata: {json}\n\n"))))
}

fn respond(stream: impl Stream<Item = Sent> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream)
}

/// What woke a stream.
enum Wake {
    Change(Change),
    /// Changes came faster than they were read: everything may have changed.
    Lagged,
    Heartbeat,
    Closed,
}

async fn wake(changes: &mut Receiver<Change>) -> Wake {
    match tokio::time::timeout(HEARTBEAT, changes.recv()).await {
        Ok(Ok(change)) => Wake::Change(change),
        Ok(Err(RecvError::Lagged(_))) => Wake::Lagged,
        Ok(Err(RecvError::Closed)) => Wake::Closed,
        Err(_) => Wake::Heartbeat,
    }
}

async fn is_signed_in(services: &Services, login: &Login) -> bool {
    matches!(services.identity.find_login(&login.token.reveal()).await, Ok(Some(_)))
}

/// The learner's own session, from now on.
pub fn session_stream(
    services: Data<Services>,
    login: Login,
    first: Session,
    changes: Receiver<Change>,
) -> HttpResponse {
    let id = first.id;
    let start = (services, login, changes, Some(first));
    respond(futures::stream::unfold(start, move |(services, login, mut changes, mut first)| async move {
        if let Some(session) = first.take() {
            services.sessions.note_activity(id);
            let sent = event("session", &session)?;
            return Some((sent, (services, login, changes, None)));
        }
        loop {
            let sent = match wake(&mut changes).await {
                Wake::Closed => return None,
                Wake::Heartbeat if is_signed_in(&services, &login).await => {
                    // a page that listens is a learner who reads
                    services.sessions.note_activity(id);
                    Some(Ok(Bytes::from_static(b": \n\n")))
                }
                Wake::Heartbeat => return None,
                Wake::Change(change) if change.session != id => None,
                Wake::Change(_) | Wake::Lagged => {
                    match services.sessions.find_session(login.user.id, id).await {
                        Ok(session) => event("session", &session),
                        Err(error) => {
                            tracing::warn!(error = chain(&error), "a session's stream ended");
                            return None;
                        }
                    }
                }
            };
            if let Some(sent) = sent {
                return Some((sent, (services, login, changes, None)));
            }
        }
    }))
}

/// A class's learners, from now on.
pub fn class_stream(
    services: Data<Services>,
    class: ClassId,
    login: Login,
    rows: Vec<LearnerRow>,
    changes: Receiver<Change>,
) -> HttpResponse {
    let start = (services, login, changes, rows);
    respond(futures::stream::unfold(start, move |(services, login, mut changes, rows)| async move {
        if !rows.is_empty() {
            let all: Vec<u8> =
                rows.iter().filter_map(|row| event("learner", row)?.ok()).flat_map(Vec::from).collect();
            return Some((Ok(Bytes::from(all)), (services, login, changes, vec![])));
        }
        loop {
            match wake(&mut changes).await {
                Wake::Closed => return None,
                Wake::Heartbeat if is_signed_in(&services, &login).await => {
                    return Some((Ok(Bytes::from_static(b": \n\n")), (services, login, changes, vec![])));
                }
                Wake::Heartbeat => return None,
                Wake::Lagged => {
                    let rows = services.progress.list_learners(login.user.id, class).await.ok()?;
                    let all: Vec<u8> = rows
                        .iter()
                        .filter_map(|row| event("learner", row)?.ok())
                        .flat_map(Vec::from)
                        .collect();
                    return Some((Ok(Bytes::from(all)), (services, login, changes, vec![])));
                }
                Wake::Change(change) => {
                    if let Some(row) = changed_learner(&services, class, change.session).await {
                        return Some((event("learner", &row)?, (services, login, changes, vec![])));
                    }
                }
            }
        }
    }))
}

async fn changed_learner(services: &Services, class: ClassId, session: SessionId) -> Option<LearnerRow> {
    match services.progress.find_learner_of_session(class, session).await {
        Ok(row) => row,
        Err(error) => {
            tracing::warn!(error = chain(&error), "a change could not be shown to an instructor");
            None
        }
    }
}
