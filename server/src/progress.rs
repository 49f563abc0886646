//! What learners have done, and the classes through which instructors see it.

pub mod classes;

use lectern_api::ids::{SessionId, UserId};
use lectern_api::progress::{Happening, ProgressEvent, SessionProgress};
use sqlx::PgPool;

use crate::clock::Clock;
use crate::store::{self, StoreError};
use classes::JoinRefused;

/// How many events one call may bring.
const EVENTS_PER_CALL: usize = 200;
/// How many events may be recorded of one session.
const EVENTS_PER_SESSION: usize = 20_000;
/// How long after a session's end what the browser kept is still taken, in minutes.
const TAKEN_AFTER_END_MINS: i32 = 60;
/// How many clickable blocks of a page are counted.
const ACTIONS_PER_PAGE: u32 = 1000;

/// Why progress could not be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// No such session, or somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    /// No such class, or somebody else's.
    #[error("there is no such class")]
    UnknownClass,
    /// A join code does not let the person in.
    #[error(transparent)]
    Join(#[from] JoinRefused),
    /// Nobody of this id is in the class.
    #[error("this person is not in the class")]
    UnknownLearner,
    /// A class for nobody.
    #[error("a class takes one learner at least; close it to let nobody in")]
    BadJoinRules,
    /// Too many events at once.
    #[error("a call may bring {EVENTS_PER_CALL} events; this one brought {0}")]
    TooManyEvents(usize),
    /// The session has been over for too long.
    #[error("the session has been over for a while, and nothing more is recorded of it")]
    SessionOver,
    /// The session has as many events as may be.
    #[error("{EVENTS_PER_SESSION} things were recorded of this session, and nothing more is")]
    SessionFull,
    /// The class's name is no good.
    #[error("a class's name is 1 to 80 characters")]
    BadClassName,
    /// The database failed.
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

/// The service.
#[derive(Clone)]
pub struct Progress {
    pub(crate) pool: PgPool,
    pub(crate) clock: Clock,
}

impl Progress {
    /// The service on this database.
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self { pool, clock }
    }

    /// Records what the browser reports; how many of the events were new. Events of one call are recorded
    /// together or not at all; what is about no page of the session is left out.
    ///
    /// # Errors
    /// [`ProgressError::UnknownSession`], [`ProgressError::TooManyEvents`], [`ProgressError::SessionOver`],
    /// [`ProgressError::SessionFull`], or the database's.
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
        // two tabs report the same pages in different orders: one after the other, they cannot wait for each other
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

    /// What was done in a session, for its learner and their instructors.
    ///
    /// # Errors
    /// [`ProgressError::UnknownSession`], or the database's.
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
