//! When learners were last there: gathered in memory and written together.
//!
//! An open terminal, a page that listens, a page turned or a check run is a sign of the learner. Writing each at once would
//! be a statement per terminal every few seconds.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use lectern_api::ids::SessionId;
use uuid::Uuid;

use super::{SessionError, Workbenches};
use crate::store::{self, StoreError};

/// The sessions whose learners gave a sign since the last write.
#[derive(Debug, Default)]
pub(super) struct Activity {
    seen: Mutex<HashSet<Uuid>>,
}

impl Activity {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workbenches {
    /// Records that a session's learner is there. It costs next to nothing.
    pub fn record_activity(&self, id: SessionId) {
        self.activity.lock().insert(id.0);
    }

    /// Writes what was gathered since the last time.
    ///
    /// # Errors
    /// The database's; what was gathered is kept for the next time.
    pub async fn write_activity(&self) -> Result<(), SessionError> {
        let seen = std::mem::take(&mut *self.activity.lock());
        if seen.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = seen.into_iter().collect();
        let written = async {
            let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
            store::sessions::time::touch(&mut conn, &ids, self.clock.now()).await?;
            Ok(())
        };
        let written = written.await;
        if written.is_err() {
            self.activity.lock().extend(ids);
        }
        written
    }
}
