//! Everything that is kept about one person: its export, its removal, and its removal when it is too old.

use lectern_api::ids::{SessionId, UserId};
use serde_json::Value;
use sqlx::PgConnection;

use super::StoreError;

/// Returns everything that is kept about a person except the audit log, by kind, each row as JSON. Whatever would let
/// somebody sign in is left out.
pub async fn export(
    conn: &mut PgConnection,
    user: UserId,
) -> Result<serde_json::Map<String, Value>, StoreError> {
    let mut all = serde_json::Map::new();
    macro_rules! add {
        ($kind:literal, $statement:tt) => {
            let rows = sqlx::query_scalar!($statement, user.0).fetch_all(&mut *conn).await?;
            all.insert($kind.to_owned(), Value::Array(rows));
        };
    }
    add!(
        "account",
        r#"select to_jsonb(u) - 'password_hash' || jsonb_build_object('has_password', password_hash is not null)
               as "row!"
           from users u where id = $1"#
    );
    add!(
        "logins",
        r#"select to_jsonb(l) - 'token_hash' as "row!" from logins l where user_id = $1 order by created_at"#
    );
    add!(
        "known_devices",
        r#"select to_jsonb(d) - 'token_hash' as "row!" from known_devices d where user_id = $1 order by created_at"#
    );
    add!(
        "sign_in_links",
        r#"select to_jsonb(l) - 'token_hash' as "row!" from sign_in_links l where user_id = $1"#
    );
    add!(
        "preview_grants",
        r#"select to_jsonb(g) - 'token_hash' as "row!" from preview_grants g join logins l on l.id = g.login_id
           where l.user_id = $1 order by g.expires_at"#
    );
    add!(
        "classes_owned",
        r#"select to_jsonb(c) as "row!" from classes c where owner_id = $1 order by created_at"#
    );
    add!(
        "enrolments",
        r#"select to_jsonb(e) || jsonb_build_object('class', c.name) as "row!" from enrolments e
           join classes c on c.id = e.class_id where user_id = $1 order by e.created_at"#
    );
    add!(
        "sessions",
        r#"select to_jsonb(s) as "row!" from sessions s where user_id = $1 order by created_at"#
    );
    add!(
        "progress_events",
        r#"select to_jsonb(e) as "row!" from progress_events e join sessions s on s.id = e.session_id
           where s.user_id = $1 order by e.recorded_at"#
    );
    add!(
        "page_progress",
        r#"select to_jsonb(p) as "row!" from page_progress p join sessions s on s.id = p.session_id
           where s.user_id = $1 order by p.session_id, p.page"#
    );
    add!(
        "check_results",
        r#"select to_jsonb(c) as "row!" from check_results c join sessions s on s.id = c.session_id
           where s.user_id = $1 order by c.session_id, c.name"#
    );
    Ok(all)
}

/// Returns a person's sessions that are neither over nor ending.
pub async fn list_live(conn: &mut PgConnection, user: UserId) -> Result<Vec<SessionId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select id from sessions where user_id = $1 and phase in ('allocated', 'running')",
        user.0
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Removes what a person did in their sessions, and makes the sessions anonymous. The rows stay until the cluster has
/// removed what belongs to them, and because they count.
///
/// # Errors
/// [`StoreError::Statement`] with the constraint `somebody_learns` if a session still runs.
pub async fn anonymise_sessions(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from progress_events where session_id in (select id from sessions where user_id = $1)",
        user.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "delete from page_progress where session_id in (select id from sessions where user_id = $1)",
        user.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "delete from check_results where session_id in (select id from sessions where user_id = $1)",
        user.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update sessions set user_id = null, events_taken = 0, parameters = '{}', current_page = null,
             last_active_at = null, finished_at = null
         where user_id = $1",
        user.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes sessions that have been over for this many days, and what was done in them, unless the cluster still holds
/// something of them. Returns how many it removed.
pub async fn delete_old_sessions(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, StoreError> {
    let gone = sqlx::query!(
        "delete from sessions where id in (
             select id from sessions
             where phase in ('ended', 'failed') and removed_at is not null
                 and ended_at < now() - make_interval(days => $1)
             order by ended_at limit $2)",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}

/// Tries to become the only one to remove what is too old, until the caller's transaction ends. Returns whether it did.
pub async fn try_lock_retention(conn: &mut PgConnection) -> Result<bool, StoreError> {
    const RETENTION_LOCK: i64 = 0x1ec7_0003;
    Ok(sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, RETENTION_LOCK)
        .fetch_one(conn)
        .await?)
}
