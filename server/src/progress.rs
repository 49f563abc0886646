//! What learners have done, and the classes through which instructors see it.

pub mod classes;

use lectern_api::ids::{SessionId, UserId};
use lectern_api::progress::{ProgressEvent, SessionProgress};
use sqlx::PgPool;

use crate::store::{self, StoreError};

/// How many events one call may bring.
const EVENTS_PER_CALL: usize = 200;

/// Why progress could not be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// No such session, or somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    /// No such class, or somebody else's.
    #[error("there is no such class")]
    UnknownClass,
    /// No class has this code.
    #[error("no class has this join code; ask your instructor for it")]
    UnknownJoinCode,
    /// Too many events at once.
    #[error("a call may bring {EVENTS_PER_CALL} events; this one brought {0}")]
    TooManyEvents(usize),
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

/// The service.
#[derive(Clone)]
pub struct Progress {
    pub(crate) pool: PgPool,
}

impl Progress {
    /// The service on this database.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Records what the browser reports; how many of the events were new. Events of one call are recorded
    /// together or not at all.
    ///
    /// # Errors
    /// [`ProgressError::UnknownSession`], [`ProgressError::TooManyEvents`], or the database's.
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
        store::sessions::find_owned(&mut tx, user, session).await?.ok_or(ProgressError::UnknownSession)?;
        // two tabs report the same pages in different orders: one after the other, they cannot wait for each other
        store::progress::lock_session(&mut tx, session).await?;
        let mut new = 0;
        for event in events {
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
