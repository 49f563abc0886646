//! Grants of ways to sessions' web applications, and the logins behind them.

use lectern_api::ids::{LoginId, SessionId, UserId};
use sqlx::PgConnection;

use super::StoreError;
use super::logins::IDLE_DAYS;

/// A way to a web application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    pub login: LoginId,
    pub session: SessionId,
    /// The host name of the application.
    pub host: String,
    /// The path and query to show first.
    pub path: String,
}

/// Adds a grant for `secs` seconds, and removes those whose time is over.
pub async fn insert_grant(
    conn: &mut PgConnection,
    token_hash: &[u8],
    grant: &GrantRow,
    secs: f64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with old as (delete from preview_grants where expires_at < now())
         insert into preview_grants (token_hash, login_id, session_id, host, path, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))",
        token_hash,
        grant.login.0,
        grant.session.0,
        &grant.host,
        &grant.path,
        secs
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a grant up. Returns `None` if there is none, it was used, or its time is over.
pub async fn take_grant(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<GrantRow>, StoreError> {
    let row = sqlx::query!(
        r#"with taken as (delete from preview_grants where token_hash = $1 returning *)
           select login_id as "login_id!", session_id as "session_id!", host as "host!", path as "path!"
           from taken where expires_at > now()"#,
        token_hash
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| GrantRow {
        login: LoginId(row.login_id),
        session: SessionId(row.session_id),
        host: row.host,
        path: row.path,
    }))
}

/// Returns the owner and the token's hash of a login, unless it has ended or the account is disabled.
pub async fn find_login_secret(
    conn: &mut PgConnection,
    login: LoginId,
) -> Result<Option<(UserId, Vec<u8>)>, StoreError> {
    let row = sqlx::query!(
        "select user_id, token_hash from logins join users on users.id = logins.user_id
         where logins.id = $1 and expires_at > now() and disabled_at is null
             and logins.last_seen_at > now() - make_interval(days => $2)",
        login.0,
        IDLE_DAYS
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (UserId(row.user_id), row.token_hash)))
}
