//! Learners' progress, and the classes in which instructors follow it.

pub mod classes;

use lectern_api::ids::{SessionId, UserId};
use lectern_api::progress::{Happening, ProgressEvent, SessionProgress};
use sqlx::PgPool;

use crate::clock::Clock;
use crate::enrolment::JoinRefused;
use crate::store::progress::ACTIONS_PER_PAGE;
use crate::store::{self, StoreError};

/// Limit on the events in one call.
const EVENTS_PER_CALL: usize = 200;
/// Limit on the events recorded for one session.
const EVENTS_PER_SESSION: usize = 20_000;
/// For how many minutes after a session's end events that the browser had queued are still accepted.
const TAKEN_AFTER_END_MINS: i32 = 60;

/// Why progress could not be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// Absent, or somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    /// Absent, or somebody else's.
    #[error("there is no such class")]
    UnknownClass,
    #[error(transparent)]
    Join(#[from] JoinRefused),
    #[error("this person is not in the class")]
    UnknownLearner,
    #[error("a class takes at least one learner; to let nobody in, close it")]
    BadJoinRules,
    #[error("a request may report at most {EVENTS_PER_CALL} events; this one reported {0}")]
    TooManyEvents(usize),
    #[error("the session ended a while ago, so its progress is no longer recorded")]
    SessionOver,
    #[error("this session already has {EVENTS_PER_SESSION} recorded events, and no more are recorded")]
    SessionFull,
    #[error("a class name must have 1 to 80 characters and no control characters")]
    BadClassName,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ProgressError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn is_countable(event: &ProgressEvent) -> bool {
    !matches!(event.what, Happening::ActionRun { action } if action >= ACTIONS_PER_PAGE)
}

/// Reads and records progress, and manages classes.
#[derive(Clone)]
pub struct Progress {
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
}

impl Progress {
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self { pool, clock }
    }

    /// Records events that the browser reports, and returns how many of them were new. The events of one call are
    /// recorded together or not at all; events about a page that the session does not have are ignored.
    pub async fn record_events(
        &self,
        user: UserId,
        session: SessionId,
        events: &[ProgressEvent],
    ) -> Result<usize, ProgressError> {
        if events.len() > EVENTS_PER_CALL {
            return Err(ProgressError::TooManyEvents(events.len()));
        }
        let mut tx = self.pool.begin().await?;
        let row = store::sessions::find_owned(&mut tx, user, session).await?;
        let row = row.ok_or(ProgressError::UnknownSession)?;
        // two tabs may report the same pages in different orders; taking turns, they cannot deadlock
        let room = store::progress::lock_session(&mut tx, session, TAKEN_AFTER_END_MINS).await?;
        if room.is_over {
            return Err(ProgressError::SessionOver);
        }
        if usize::try_from(room.events_taken).unwrap_or(0) + events.len() > EVENTS_PER_SESSION {
            return Err(ProgressError::SessionFull);
        }
        let mut new = 0;
        for event in events.iter().filter(|event| row.has_page(event.page.as_str()) && is_countable(event)) {
            new += usize::from(store::progress::insert_event(&mut tx, session, user, event).await?);
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Returns the progress of a session to its learner or one of their instructors.
    pub async fn find_progress(
        &self,
        viewer: UserId,
        id: SessionId,
    ) -> Result<SessionProgress, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        let session = store::sessions::find_visible(&mut conn, viewer, id)
            .await?
            .ok_or(ProgressError::UnknownSession)?;
        Ok(store::progress::find_progress(&mut conn, &session).await?)
    }
}
