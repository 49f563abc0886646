//! Live updates by server-sent events: a session's to its learner, a class's to its instructor.
//!
//! A stream sends the current state first, then every change. At a fixed interval, however much changes, it sends a
//! heartbeat and checks that the login still exists and that the class is still the caller's. Otherwise it ends, so
//! that a browser that was signed out receives nothing more; its `EventSource` reconnects and gets the answer to sign
//! in.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use lectern_api::classes::LearnerRow;
use lectern_api::ids::{ClassId, SessionId, UserId};
use lectern_api::sessions::Session;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::limits::Slot;
use super::services::Services;
use super::sse::{HEARTBEAT, event, respond};
use crate::identity::Login;
use crate::report::chain;
use crate::store::announcements::Change;

/// The interval between heartbeats, each with a check that the stream may go on.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// What woke a stream.
enum Wake {
    Change(Change),
    /// Changes came faster than they were read: everything may have changed.
    Lagged,
    /// It is time for a check and a heartbeat.
    Check,
    Closed,
}

/// The part that all streams have in common.
pub struct Listener {
    services: Data<Services>,
    login: Login,
    changes: Receiver<Change>,
    checks: Interval,
    /// Counts the stream among the person's open ones.
    _slot: Slot,
}

impl Listener {
    /// Starts listening. Call this before the current state is read, so that no change is missed in between.
    pub fn open(services: Data<Services>, login: Login) -> Result<Self, super::ApiError> {
        let slot = services.edge.limits.open_stream(login.user.id)?;
        let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { changes: services.changes.subscribe(), services, login, checks, _slot: slot })
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            // the check comes first, so that a flood of changes cannot postpone it
            biased;
            _ = self.checks.tick() => Wake::Check,
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

/// Streams a session to its learner, beginning with `current`.
pub fn session_stream(listener: Listener, current: Session) -> HttpResponse {
    let id = current.id;
    respond((listener, Some(current)), move |(mut listener, current)| async move {
        let sent = match current {
            Some(session) => {
                listener.services.workbenches.record_activity(id);
                event("session", &session)?
            }
            None => next_of_session(&mut listener, id).await?,
        };
        Some((sent, (listener, None)))
    })
}

async fn next_of_session(listener: &mut Listener, id: SessionId) -> Option<Bytes> {
    loop {
        match listener.wake().await {
            Wake::Closed => return None,
            Wake::Check if listener.is_signed_in().await => {
                // an open page means that its learner is reading
                listener.services.workbenches.record_activity(id);
                return Some(Bytes::from_static(HEARTBEAT));
            }
            Wake::Check => return None,
            Wake::Change(change) if change.session() != Some(id) => {}
            Wake::Change(_) | Wake::Lagged => {
                let user = listener.login.user.id;
                return match listener.services.sessions.find_session(user, id).await {
                    Ok(session) => event("session", &session),
                    Err(error) => {
                        tracing::warn!(
                            error = chain(&error),
                            "a session's stream ended because the session could not be read"
                        );
                        None
                    }
                };
            }
        }
    }
}

/// Streams a class's learners to its instructor, beginning with `rows`.
pub fn class_stream(listener: Listener, class: ClassId, rows: Vec<LearnerRow>) -> HttpResponse {
    let view = ClassView { listener, class, learners: rows.iter().map(|row| row.user).collect() };
    respond((view, rows), |(mut view, rows)| async move {
        let sent = if rows.is_empty() { view.next().await? } else { learner_events(&rows) };
        Some((sent, (view, vec![])))
    })
}

fn learner_events(rows: &[LearnerRow]) -> Bytes {
    rows.iter().filter_map(|row| event("learner", row)).flat_map(Vec::from).collect::<Vec<u8>>().into()
}

/// An instructor's view of a class.
struct ClassView {
    listener: Listener,
    class: ClassId,
    /// Who is in the class, so that changes of others cost no query.
    learners: HashSet<UserId>,
}

impl ClassView {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.listener.wake().await {
                Wake::Closed => return None,
                Wake::Check if self.listener.is_signed_in().await => {
                    let mut sent = Vec::from(HEARTBEAT);
                    sent.extend(self.newcomers().await?);
                    return Some(sent.into());
                }
                Wake::Check => return None,
                Wake::Lagged => {
                    let rows = self.list().await?;
                    return Some(learner_events(&rows));
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

    /// Returns the class as it is now; `None` if it is no longer the caller's or cannot be read.
    async fn list(&mut self) -> Option<Vec<LearnerRow>> {
        let progress = &self.listener.services.progress;
        let rows = progress.list_learners(self.listener.login.user.id, self.class).await.ok()?;
        self.learners = rows.iter().map(|row| row.user).collect();
        Some(rows)
    }

    /// Returns events for learners who have joined since; `None` if the class is no longer the caller's or cannot be
    /// read.
    async fn newcomers(&mut self) -> Option<Bytes> {
        let owner = self.listener.login.user.id;
        let present = self.listener.services.progress.list_enrolled(owner, self.class).await.ok()?;
        let known = std::mem::replace(&mut self.learners, present);
        if self.learners.is_subset(&known) {
            return Some(Bytes::new());
        }
        let mut rows = self.list().await?;
        rows.retain(|row| !known.contains(&row.user));
        Some(learner_events(&rows))
    }

    async fn find(&self, session: SessionId) -> Option<LearnerRow> {
        match self.listener.services.progress.find_learner_of_session(self.class, session).await {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(error = chain(&error), "failed to read a learner's row for their instructor");
                None
            }
        }
    }
}
