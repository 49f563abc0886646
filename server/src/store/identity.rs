//! Logins and one-time links, and the removal of what has run out.

use chrono::{DateTime, Utc};
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::users::UserRow;

/// Adds a login; returns its id, or none if the account is disabled.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn insert_login(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    // the lock lets somebody who disables the account at this moment either see the login or be seen
    Ok(sqlx::query_scalar(
        "with person as (select id from users where id = $2 and disabled_at is null for share)
         insert into logins (token_hash, user_id, expires_at) select $1, id, $3 from person returning id",
    )
    .bind(token_hash)
    .bind(user.0)
    .bind(expires_at)
    .fetch_optional(conn)
    .await?)
}

/// Ends a login.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_login(conn: &mut PgConnection, token_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query("delete from logins where token_hash = $1").bind(token_hash).execute(conn).await?;
    Ok(())
}

/// Ends all logins of a person but one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_other_logins(
    conn: &mut PgConnection,
    user: UserId,
    keep: &[u8],
) -> Result<(), StoreError> {
    sqlx::query("delete from logins where user_id = $1 and token_hash <> $2")
        .bind(user.0)
        .bind(keep)
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a one-time link.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn insert_sign_in_link(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("insert into sign_in_links (token_hash, user_id, expires_at) values ($1, $2, $3)")
        .bind(token_hash)
        .bind(user.0)
        .bind(expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Uses up a one-time link: whose it was. A second call finds nothing.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn take_sign_in_link(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as(
        "with used as (delete from sign_in_links where token_hash = $1 and expires_at > now() returning user_id)
         select users.* from used join users on users.id = used.user_id",
    )
    .bind(token_hash)
    .fetch_optional(conn)
    .await?)
}

/// Removes logins, links, remembered browsers and counted attempts that have run out.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_expired(conn: &mut PgConnection) -> Result<(), StoreError> {
    for statement in [
        "delete from logins where expires_at < now()",
        "delete from sign_in_links where expires_at < now()",
        "delete from known_devices where expires_at < now()",
        "delete from sign_in_failures where window_ends_at < now()",
    ] {
        sqlx::query(statement).execute(&mut *conn).await?;
    }
    Ok(())
}
