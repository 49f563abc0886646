//! More time for a running session.

use chrono::{DateTime, Utc};
use lectern_api::ids::{SessionId, UserId};
use lectern_api::sessions::Session;

use super::lifecycle::{Event, Phase};
use super::{SessionError, Sessions};
use crate::store;

impl Sessions {
    /// Gives a running session more time; the session, and whether its end moved. Where `seen` is no longer its
    /// end, somebody was quicker and nothing is added.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`], [`SessionError::NoMoreTime`], or the database's.
    pub async fn extend_session(
        &self,
        user: UserId,
        id: SessionId,
        seen: Option<DateTime<Utc>>,
    ) -> Result<(Session, bool), SessionError> {
        loop {
            let row = self.find_owned(user, id).await?;
            let Phase::Running { expires_at: from } = row.phase() else {
                return Err(SessionError::NotRunning);
            };
            if seen.is_some_and(|seen| seen != from) {
                return Ok((row.to_wire()?, false));
            }
            let to = row.extends_to().ok_or(SessionError::NoMoreTime)?;
            if row.phase().after(Event::Extended { expires_at: to }).is_none() {
                return Err(SessionError::NoMoreTime);
            }
            let mut conn = self.pool.acquire().await?;
            if store::sessions::time::move_end(&mut conn, id, user, from, to).await? {
                drop(conn);
                tracing::info!(session.id = %id, session.expires_at = %to, "a session was extended");
                return Ok((self.find_session(user, id).await?, true));
            }
        }
    }
}
