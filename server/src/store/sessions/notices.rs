//! What of a session is not as its lab's author meant it, and the values that were read for it. This is the only place
//! that writes either.

use std::collections::BTreeMap;

use lectern_api::ids::{SessionId, UserId};
use lectern_api::sessions::{Notice, NoticeAbout};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::announce;
use crate::store::StoreError;

/// Replaces a session's notices about these things; those about others stay. Announces the session if that changes
/// anything.
pub async fn replace_notices(
    conn: &mut PgConnection,
    id: SessionId,
    about: &[NoticeAbout],
    notices: &[Notice],
) -> Result<(), StoreError> {
    let changed = sqlx::query!(
        "with wanted as (
             select id, coalesce((select jsonb_agg(n order by at)
                 from jsonb_array_elements(notices) with ordinality as kept (n, at)
                 where not $2::jsonb ? (n ->> 'about')), '[]') || $3::jsonb as notices
             from sessions where id = $1 for update)
         update sessions s set notices = wanted.notices from wanted
         where s.id = wanted.id and s.notices <> wanted.notices returning s.user_id",
        id.0,
        Json(about) as _,
        Json(notices) as _
    )
    .fetch_optional(&mut *conn)
    .await?;
    match changed {
        Some(row) => announce(conn, id, row.user_id.map(UserId)).await,
        None => Ok(()),
    }
}

/// Stores the variables whose values were read from a session's objects.
pub async fn keep_referenced_env(
    conn: &mut PgConnection,
    id: SessionId,
    env: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    sqlx::query!("update sessions set referenced_env = $2 where id = $1", id.0, Json(env) as _)
        .execute(conn)
        .await?;
    Ok(())
}
