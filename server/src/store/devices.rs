//! Browsers in which somebody has signed in before.

use chrono::{DateTime, Utc};
use lectern_api::ids::UserId;
use sqlx::PgConnection;

use super::StoreError;

/// How many browsers of one person are remembered.
const MAX_PER_PERSON: i64 = 20;

/// Remembers a browser, replacing the person's oldest one if there are too many.
pub async fn insert_device(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with kept as (select token_hash from known_devices where user_id = $2
                       order by created_at desc limit $4::bigint - 1),
              gone as (delete from known_devices
                       where user_id = $2 and token_hash not in (select token_hash from kept))
         insert into known_devices (token_hash, user_id, expires_at) values ($1, $2, $3)",
        token_hash,
        user.0,
        expires_at,
        MAX_PER_PERSON
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Extends how long a browser is remembered. Returns whether the person has signed in with it before.
pub async fn renew_device(
    conn: &mut PgConnection,
    token_hash: &[u8],
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let renewed = sqlx::query!(
        "update known_devices set expires_at = $3 where token_hash = $1 and user_id = $2 and expires_at > now()",
        token_hash,
        user.0,
        expires_at
    )
    .execute(conn)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Returns whether somebody with this user name has signed in with this browser before.
pub async fn is_known(
    conn: &mut PgConnection,
    token_hash: &[u8],
    username: &str,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from known_devices d join users u on u.id = d.user_id
                          where d.token_hash = $1 and u.username = $2 and d.expires_at > now()) as "is_known!""#,
        token_hash,
        username
    )
    .fetch_one(conn)
    .await?)
}

/// Forgets all browsers of a person.
pub async fn delete_devices_of(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("delete from known_devices where user_id = $1", user.0).execute(conn).await?;
    Ok(())
}
