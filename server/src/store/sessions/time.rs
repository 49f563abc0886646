//! How long sessions run: whose time is over, whose learner is away, and the tokens that must outlive them.

use chrono::{DateTime, Utc};
use lectern_api::ids::SessionId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::SessionRow;
use crate::store::StoreError;

/// Lists running sessions whose time is over.
pub async fn list_expired(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where phase = 'running' and expires_at <= $1 limit 200")
        .bind(now)
        .fetch_all(conn)
        .await?)
}

/// Lists running sessions whose learner has been away for too long, each with how long that is, in seconds.
pub async fn list_orphaned(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<(SessionRow, i32)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Orphaned {
        #[sqlx(flatten)]
        row: SessionRow,
        orphaned_secs: i32,
    }
    let rows: Vec<Orphaned> = sqlx::query_as(
        "select * from sessions where phase = 'running' and orphaned_secs is not null
             and coalesce(last_active_at, running_at) < $1::timestamptz - make_interval(secs => orphaned_secs)
         limit 200",
    )
    .bind(now)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|orphaned| (orphaned.row, orphaned.orphaned_secs)).collect())
}

/// Records that the learners of these sessions were there. It is not announced: it happens all the time.
pub async fn touch(conn: &mut PgConnection, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update sessions set last_active_at = $2
         where id = any($1) and phase = 'running' and (last_active_at is null or last_active_at < $2)",
    )
    .bind(ids)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists sessions in use or ready in the reserve whose cluster token runs out before `before`.
pub async fn list_stale_tokens(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions
         where (phase = 'running' or phase = 'reserved' and ready_at is not null) and token_expires_at < $1
         limit 50",
    )
    .bind(before)
    .fetch_all(conn)
    .await?)
}

/// Records when the learner's cluster token must be replaced.
pub async fn update_token_expiry(
    conn: &mut PgConnection,
    id: SessionId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update sessions set token_expires_at = $2 where id = $1")
        .bind(id.0)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
