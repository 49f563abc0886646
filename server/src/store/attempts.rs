//! Counts of attempts at something secret: sign-ins, join codes, current passwords.
//!
//! An attempt is counted before it is judged, by one statement that returns the new count, so that no number of
//! simultaneous attempts gets past a limit. One that succeeds, or is never judged, is taken back.

use sqlx::PgConnection;

use super::StoreError;

/// How many attempts were counted, and for how long they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Includes the attempt just counted.
    pub count: i32,
    /// How long until they are forgotten, in seconds.
    pub secs_left: i64,
}

/// Counts an attempt. All are forgotten fifteen minutes after the first.
pub async fn count(conn: &mut PgConnection, key: &str) -> Result<Attempts, StoreError> {
    Ok(sqlx::query_as!(
        Attempts,
        r#"insert into sign_in_failures as f (key, failures, window_ends_at)
           values ($1, 1, now() + interval '15 minutes')
           on conflict (key) do update set
               failures = case when f.window_ends_at > now() then least(f.failures, 1000000) + 1 else 1 end,
               window_ends_at =
                   case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end
           returning failures as count, ceil(extract(epoch from window_ends_at - now()))::bigint as "secs_left!""#,
        key
    )
    .fetch_one(conn)
    .await?)
}

/// Takes back one attempt under each key.
pub async fn take_back(conn: &mut PgConnection, keys: &[String]) -> Result<(), StoreError> {
    sqlx::query!(
        "with gone as (delete from sign_in_failures where key = any($1) and failures <= 1)
         update sign_in_failures set failures = failures - 1 where key = any($1) and failures > 1",
        keys
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets all attempts under a key.
pub async fn forget(conn: &mut PgConnection, key: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from sign_in_failures where key = $1", key).execute(conn).await?;
    Ok(())
}
