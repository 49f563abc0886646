//! All that is kept about one person: to hand it out, to remove it, and to remove it after its time.

use lectern_api::ids::{SessionId, UserId};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::sessions::{find_session, update_phase};
use crate::sessions::lifecycle::Event;

/// What is handed out of a person, by name: a statement with the person's id as `$1`, each row one JSON value. What would
/// let somebody sign in stays here.
const KEPT: &[(&str, &str)] = &[
    (
        "account",
        "select to_jsonb(u) - 'password_hash' || jsonb_build_object('has_password', password_hash is not null)
         from users u where id = $1",
    ),
    ("logins", "select to_jsonb(l) - 'token_hash' from logins l where user_id = $1 order by created_at"),
    ("known_devices", "select to_jsonb(d) - 'token_hash' from known_devices d where user_id = $1 order by created_at"),
    ("sign_in_links", "select to_jsonb(l) - 'token_hash' from sign_in_links l where user_id = $1"),
    ("classes_owned", "select to_jsonb(c) from classes c where owner_id = $1 order by created_at"),
    (
        "enrolments",
        "select to_jsonb(e) || jsonb_build_object('class', c.name) from enrolments e
         join classes c on c.id = e.class_id where user_id = $1 order by e.created_at",
    ),
    ("sessions", "select to_jsonb(s) from sessions s where user_id = $1 order by created_at"),
    (
        "progress_events",
        "select to_jsonb(e) from progress_events e join sessions s on s.id = e.session_id
         where s.user_id = $1 order by e.recorded_at",
    ),
    (
        "page_progress",
        "select to_jsonb(p) from page_progress p join sessions s on s.id = p.session_id
         where s.user_id = $1 order by p.session_id, p.page",
    ),
    (
        "check_results",
        "select to_jsonb(c) from check_results c join sessions s on s.id = c.session_id
         where s.user_id = $1 order by c.session_id, c.name",
    ),
];

/// All that is kept about a person but the audit log's rows, by kind.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn export(
    conn: &mut PgConnection,
    user: UserId,
) -> Result<serde_json::Map<String, Value>, StoreError> {
    let mut all = serde_json::Map::new();
    for (name, statement) in KEPT {
        let rows: Vec<Value> = sqlx::query_scalar(*statement).bind(user.0).fetch_all(&mut *conn).await?;
        all.insert((*name).to_owned(), Value::Array(rows));
    }
    Ok(all)
}

/// A person's sessions that are not over and not ending.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_live(conn: &mut PgConnection, user: UserId) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select id from sessions where user_id = $1 and phase in ('allocated', 'running')",
    )
    .bind(user.0)
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Ends a session. One that is ending or over stays as it is.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn end_session(conn: &mut PgConnection, id: SessionId, reason: &str) -> Result<(), StoreError> {
    while let Some(row) = find_session(conn, id).await? {
        let phase = row.phase();
        let Some(next) = phase.after(Event::End { reason: reason.to_owned() }) else { break };
        // else somebody was quicker: see what they made of it
        if update_phase(conn, id, &phase, &next).await? {
            break;
        }
    }
    Ok(())
}

/// Removes what a person did in their sessions, and takes their name off these. The rows stay until the cluster is rid
/// of what belongs to them, and for the count of sessions.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `somebody_learns` if a session still runs.
pub async fn anonymise_sessions(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    for table in ["progress_events", "page_progress", "check_results"] {
        let statement =
            format!("delete from {table} where session_id in (select id from sessions where user_id = $1)");
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(user.0).execute(&mut *conn).await?;
    }
    sqlx::query(
        "update sessions set user_id = null, events_taken = 0, parameters = '{}', current_page = null, last_active_at = null,
             finished_at = null
         where user_id = $1",
    )
    .bind(user.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes sessions that are over for so many days, and what was done in them; returns how many. One of which the cluster
/// still holds something stays.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_old_sessions(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, StoreError> {
    let gone = sqlx::query(
        "delete from sessions where id in (
             select id from sessions
             where phase in ('ended', 'failed') and removed_at is not null
                 and ended_at < now() - make_interval(days => $1)
             order by ended_at limit $2)",
    )
    .bind(days)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// Returns whether nobody else removes what is too old; until the caller's transaction ends nobody does.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn try_lock_retention(conn: &mut PgConnection) -> Result<bool, StoreError> {
    const RETENTION_LOCK: i64 = 0x1ec7_0003;
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(RETENTION_LOCK)
        .fetch_one(conn)
        .await?)
}
