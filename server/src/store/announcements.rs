//! What servers announce to each other through Postgres, as NOTIFY carries it.

use std::convert::Infallible;
use std::time::Duration;

use lectern_api::ids::{ClassId, SessionId, UserId};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::StoreError;

/// The channel on which changes to sessions are announced; the payload is `<session id> <user id>`.
pub const SESSION_CHANGES: &str = "lectern_session_changes";

/// The channel on which changes to who is in a class are announced; the payload is the class's id.
pub const ENROLMENT_CHANGES: &str = "lectern_enrolment_changes";

/// How long to wait before listening again after the connection was lost.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Something that changed, on any server.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Session {
        session: SessionId,
        /// Its learner; nil if it has none.
        user: UserId,
    },
    /// Who is in a class.
    Enrolment(ClassId),
}

impl Change {
    /// The session that changed. Returns `None` if it was something else.
    #[must_use]
    pub fn session(self) -> Option<SessionId> {
        match self {
            Self::Session { session, .. } => Some(session),
            Self::Enrolment(_) => None,
        }
    }

    fn parse(channel: &str, payload: &str) -> Option<Self> {
        let mut ids = payload.split(' ').map(str::parse::<Uuid>);
        let first = ids.next()?.ok()?;
        if channel == ENROLMENT_CHANGES {
            return Some(Self::Enrolment(ClassId(first)));
        }
        Some(Self::Session { session: SessionId(first), user: UserId(ids.next()?.ok()?) })
    }
}

/// Forwards what any server announces to those that subscribe on this one, for ever. Calls `beat` whenever it listens.
pub async fn forward(pool: PgPool, to: broadcast::Sender<Change>, beat: impl Fn()) {
    loop {
        let Err(error) = forward_until_lost(&pool, &to, &beat).await;
        tracing::warn!(%error, "lost the database's announcements; listening again");
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn forward_until_lost(
    pool: &PgPool,
    to: &broadcast::Sender<Change>,
    beat: &impl Fn(),
) -> Result<Infallible, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([SESSION_CHANGES, ENROLMENT_CHANGES]).await?;
    loop {
        beat();
        let notification = listener.recv().await?;
        if let Some(change) = Change::parse(notification.channel(), notification.payload()) {
            // fails if nobody subscribes
            let _ = to.send(change);
        }
    }
}
