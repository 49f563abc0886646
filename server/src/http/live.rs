//! Server-sent events: a session to its learner, a class to its instructor.
//!
//! A stream sends the present state first, then what changed. At times of its own, however much changes, it says that
//! it is there and looks whether its login still is, and whether the class still is the caller's. It ends when one of
//! these does, so that a browser that was signed out hears nothing more; `EventSource` then asks again and is told to
//! sign in.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures::Stream;
use lectern_api::classes::LearnerRow;
use lectern_api::ids::{ClassId, SessionId, UserId};
use lectern_api::sessions::Session;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::limits::Counted;
use crate::app::{Change, Services};
use crate::identity::Login;
use crate::report::chain;

/// How often a stream says that it is there, and looks whether it still may be.
const LOOK_EVERY: Duration = Duration::from_secs(15);

type Sent = Result<Bytes, std::convert::Infallible>;

/// Nothing that a page hears of; proxies see that the stream is alive.
const HEARTBEAT: &[u8] = b": \n\n";

fn event(name: &str, data: &impl serde::Serialize) -> Option<Bytes> {
    let json = serde_json::to_string(data).ok()?;
    Some(Bytes::from(format!("event: {name}\ndata: {json}\n\n")))
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
    /// It is time to look.
    Look,
    Closed,
}

/// What all streams have.
pub struct Listener {
    services: Data<Services>,
    login: Login,
    changes: Receiver<Change>,
    looks: Interval,
    /// Its place among the person's streams.
    _open: Counted,
}

impl Listener {
    /// Listens from now on, to be asked for before the present state is read.
    ///
    /// # Errors
    /// [`super::ApiError::TooManyStreams`].
    pub fn open(services: Data<Services>, login: Login) -> Result<Self, super::ApiError> {
        let open = services.edge.limits.open_stream(login.user.id)?;
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { changes: services.changes.subscribe(), services, login, looks, _open: open })
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            // first, so that no number of changes puts it off
            biased;
            _ = self.looks.tick() => Wake::Look,
            change = self.changes.recv() => match change {
                Ok(change) => Wake::Change(change),
                Err(RecvError::Lagged(_)) => Wake::Lagged,
                Err(RecvError::Closed) => Wake::Closed,
            },
        }
    }

    async fn is_signed_in(&self) -> bool {
        matches!(self.services.identity.find_login(&self.login.token.reveal()).await, Ok(Some(_)))
    }
}

/// The learner's own session, from now on.
pub fn session_stream(listener: Listener, first: Session) -> HttpResponse {
    let id = first.id;
    respond(futures::stream::unfold((listener, Some(first)), move |(mut listener, mut first)| async move {
        let sent = match first.take() {
            Some(session) => {
                listener.services.sessions.note_activity(id);
                event("session", &session)?
            }
            None => next_of_session(&mut listener, id).await?,
        };
        Some((Ok(sent), (listener, None)))
    }))
}

async fn next_of_session(listener: &mut Listener, id: SessionId) -> Option<Bytes> {
    loop {
        match listener.wake().await {
            Wake::Closed => return None,
            Wake::Look if listener.is_signed_in().await => {
                // a page that listens is a learner who reads
                listener.services.sessions.note_activity(id);
                return Some(Bytes::from_static(HEARTBEAT));
            }
            Wake::Look => return None,
            Wake::Change(change) if change.session() != Some(id) => {}
            Wake::Change(_) | Wake::Lagged => {
                let user = listener.login.user.id;
                return match listener.services.sessions.find_session(user, id).await {
                    Ok(session) => event("session", &session),
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "a session's stream ended");
                        None
                    }
                };
            }
        }
    }
}

/// A class's learners, from now on.
pub fn class_stream(listener: Listener, class: ClassId, rows: Vec<LearnerRow>) -> HttpResponse {
    let view = ClassView { listener, class, learners: rows.iter().map(|row| row.user).collect() };
    respond(futures::stream::unfold((view, rows), |(mut view, rows)| async move {
        let sent = if rows.is_empty() { view.next().await? } else { all(&rows) };
        Some((Ok(sent), (view, vec![])))
    }))
}

fn all(rows: &[LearnerRow]) -> Bytes {
    rows.iter().filter_map(|row| event("learner", row)).flat_map(Vec::from).collect::<Vec<u8>>().into()
}

/// An instructor's view of a class.
struct ClassView {
    listener: Listener,
    class: ClassId,
    /// Who is in the class: what anybody else does costs nothing here.
    learners: HashSet<UserId>,
}

impl ClassView {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.listener.wake().await {
                Wake::Closed => return None,
                Wake::Look if self.listener.is_signed_in().await => {
                    let mut sent = Vec::from(HEARTBEAT);
                    sent.extend(self.newcomers().await?);
                    return Some(sent.into());
                }
                Wake::Look => return None,
                Wake::Lagged => {
                    let rows = self.list().await?;
                    return Some(all(&rows));
                }
                Wake::Change(Change::Enrolment(class)) if class == self.class => {
                    let sent = self.newcomers().await?;
                    if !sent.is_empty() {
                        return Some(sent);
                    }
                }
                Wake::Change(Change::Session { session, user }) if self.learners.contains(&user) => {
                    if let Some(row) = self.find(session).await {
                        return event("learner", &row);
                    }
                }
                Wake::Change(_) => {}
            }
        }
    }

    /// The class as it is now; none where it is not the caller's any longer, or cannot be read.
    async fn list(&mut self) -> Option<Vec<LearnerRow>> {
        let progress = &self.listener.services.progress;
        let rows = progress.list_learners(self.listener.login.user.id, self.class).await.ok()?;
        self.learners = rows.iter().map(|row| row.user).collect();
        Some(rows)
    }

    /// Those who came since; none where the class is not the caller's any longer, or cannot be read.
    async fn newcomers(&mut self) -> Option<Bytes> {
        let owner = self.listener.login.user.id;
        let present = self.listener.services.progress.list_enrolled(owner, self.class).await.ok()?;
        let known = std::mem::replace(&mut self.learners, present);
        if self.learners.is_subset(&known) {
            return Some(Bytes::new());
        }
        let mut rows = self.list().await?;
        rows.retain(|row| !known.contains(&row.user));
        Some(all(&rows))
    }

    async fn find(&self, session: SessionId) -> Option<LearnerRow> {
        match self.listener.services.progress.find_learner_of_session(self.class, session).await {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(error = chain(&error), "a change could not be shown to an instructor");
                None
            }
        }
    }
}
