//! How long sessions run: whose time is over, whose learner is away, and the tokens that must outlive them.

use chrono::{DateTime, Utc};
use lectern_api::ids::SessionId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{SessionRow, query_sessions};
use crate::store::StoreError;

/// Lists running sessions whose time is over.
pub async fn list_expired(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    SessionRow::read_all(
        query_sessions!(
            "select",
            "from sessions where phase = 'running' and expires_at <= $1 limit 200",
            now
        )
        .fetch_all(conn)
        .await?,
    )
}

/// Lists running sessions whose learner has been away for too long.
pub async fn list_orphaned(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    let rows = query_sessions!(
        "select",
        "from sessions where phase = 'running' and orphaned_secs is not null
             and coalesce(last_active_at, running_at) < $1::timestamptz - make_interval(secs => orphaned_secs)
         limit 200",
        now
    )
    .fetch_all(conn)
    .await?;
    SessionRow::read_all(rows)
}

/// Records that the learners of these sessions were there. It is not announced: it happens all the time.
pub async fn touch(conn: &mut PgConnection, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update sessions set last_active_at = $2
         where id = any($1) and phase = 'running' and (last_active_at is null or last_active_at < $2)",
        ids,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists sessions in use or ready in the reserve whose cluster token runs out before `before`.
pub async fn list_stale_tokens(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    SessionRow::read_all(
        query_sessions!(
            "select",
            "from sessions
         where (phase = 'running' or phase = 'reserved' and ready_at is not null) and token_expires_at < $1
         limit 50",
            before
        )
        .fetch_all(conn)
        .await?,
    )
}

/// Records when the learner's cluster token must be replaced.
pub async fn update_token_expiry(
    conn: &mut PgConnection,
    id: SessionId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("update sessions set token_expires_at = $2 where id = $1", id.0, at).execute(conn).await?;
    Ok(())
}
