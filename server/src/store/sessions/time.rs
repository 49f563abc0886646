//! How long sessions run: their end, extensions, signs of their learners, and the tokens that must outlive them.

use chrono::{DateTime, Utc};
use lectern_api::ids::{SessionId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{SessionRow, announce};
use crate::store::StoreError;

/// Moves the end of a running session, if it still is `from`; whether it was.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn move_end(
    conn: &mut PgConnection,
    id: SessionId,
    user: UserId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update sessions set expires_at = $4
         where id = $1 and user_id = $2 and phase = 'running' and expires_at = $3",
    )
    .bind(id.0)
    .bind(user.0)
    .bind(from)
    .bind(to)
    .execute(&mut *conn)
    .await?;
    let moved = done.rows_affected() == 1;
    if moved {
        announce(conn, id, Some(user)).await?;
    }
    Ok(moved)
}

/// The running sessions whose time is over.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_expired(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where phase = 'running' and expires_at <= $1 limit 200")
        .bind(now)
        .fetch_all(conn)
        .await?)
}

/// Ends a running session, if its time still is over; whether it was.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn end_expired(
    conn: &mut PgConnection,
    id: SessionId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let user: Option<Option<Uuid>> = sqlx::query_scalar(
        "update sessions set phase = 'ending', note = $2
         where id = $1 and phase = 'running' and expires_at <= $3 returning user_id",
    )
    .bind(id.0)
    .bind(reason)
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(user) = user {
        announce(conn, id, user.map(UserId)).await?;
    }
    Ok(user.is_some())
}

/// The running sessions whose learner gave no sign for too long, each with how long that is, in seconds.
///
/// # Errors
/// [`StoreError::Statement`].
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

/// Notes that the learners of these sessions were there. Tells nobody: it happens all the time.
///
/// # Errors
/// [`StoreError::Statement`].
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

/// The sessions in use or in reserve whose cluster token runs out before `before`.
///
/// # Errors
/// [`StoreError::Statement`].
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

/// Notes when the learner's cluster token must be replaced.
///
/// # Errors
/// [`StoreError::Statement`].
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
