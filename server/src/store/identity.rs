//! Logins and one-time links, and the removal of what has expired.

use chrono::{DateTime, Utc};
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::users::{UserRow, query_users};

/// Adds a login and returns its id, or `None` if the account is disabled.
pub async fn insert_login(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    // the lock makes sure that whoever disables the account at this moment either sees the login or is seen
    Ok(sqlx::query_scalar!(
        "with person as (select id from users where id = $2 and disabled_at is null for share)
         insert into logins (token_hash, user_id, expires_at) select $1, id, $3 from person returning id",
        token_hash,
        user.0,
        expires_at
    )
    .fetch_optional(conn)
    .await?)
}

pub async fn delete_login(conn: &mut PgConnection, token_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("delete from logins where token_hash = $1", token_hash).execute(conn).await?;
    Ok(())
}

/// Removes all logins of a person except one.
pub async fn delete_other_logins(
    conn: &mut PgConnection,
    user: UserId,
    keep: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!("delete from logins where user_id = $1 and token_hash <> $2", user.0, keep)
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a one-time link.
pub async fn insert_sign_in_link(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into sign_in_links (token_hash, user_id, expires_at) values ($1, $2, $3)",
        token_hash,
        user.0,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up a one-time link and returns its owner. Returns `None` if it has expired or was used before.
pub async fn take_sign_in_link(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<UserRow>, StoreError> {
    let row = query_users!(
        "with used as (delete from sign_in_links where token_hash = $1 and expires_at > now() returning user_id)
         select",
        "from used join users on users.id = used.user_id",
        token_hash,
    )
    .fetch_optional(conn)
    .await?;
    row.map(UserRow::try_from).transpose()
}

/// Removes expired logins, links, remembered browsers and counted attempts.
pub async fn delete_expired(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("delete from logins where expires_at < now()").execute(&mut *conn).await?;
    sqlx::query!("delete from sign_in_links where expires_at < now()").execute(&mut *conn).await?;
    sqlx::query!("delete from known_devices where expires_at < now()").execute(&mut *conn).await?;
    sqlx::query!("delete from sign_in_failures where window_ends_at < now()").execute(conn).await?;
    Ok(())
}
