//! Signs of learners: who was there lately, noted in memory and written together.
//!
//! A terminal that is open, a page that listens, a page turned or a check run is a sign. Writing each at once would
//! be a statement per terminal every few seconds.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lectern_api::ids::SessionId;
use uuid::Uuid;

use super::{SessionError, Sessions};
use crate::report::chain;
use crate::store;

/// How often signs are written: much more often than any session may be left alone.
const WRITE_EVERY: Duration = Duration::from_secs(20);

/// Who gave a sign since they were written last.
#[derive(Debug, Default)]
pub(super) struct Signs {
    seen: Mutex<HashSet<Uuid>>,
}

impl Sessions {
    /// Notes that a session's learner is there. Costs next to nothing.
    pub fn note_activity(&self, id: SessionId) {
        self.signs.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.0);
    }

    /// Writes the signs that came since the last time.
    ///
    /// # Errors
    /// The database's; the signs are kept for the next time.
    pub async fn write_activity(&self) -> Result<(), SessionError> {
        let seen = std::mem::take(&mut *self.signs.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = seen.into_iter().collect();
        let written = async {
            let mut conn = self.pool.acquire().await?;
            store::sessions::time::touch(&mut conn, &ids, self.clock.now()).await?;
            Ok(())
        };
        let written = written.await;
        if written.is_err() {
            self.signs.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        }
        written
    }

    /// Writes signs for ever.
    pub(super) async fn keep_writing_activity(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(WRITE_EVERY).await;
            if let Err(error) = self.write_activity().await {
                tracing::warn!(error = chain(&error), "signs of learners could not be written");
            }
        }
    }
}
