//! What is still to be removed from the cluster.

use lectern_api::ids::SessionId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{SessionRow, query_sessions};
use crate::store::StoreError;

/// Lists sessions whose objects are to be removed: those that are ending, and those that are over and left something.
pub async fn list_unremoved(conn: &mut PgConnection) -> Result<Vec<SessionRow>, StoreError> {
    let rows = query_sessions!(
        "select",
        "from sessions where id in (
             (select id from sessions where phase = 'ending' limit 500)
             union all
             (select id from sessions where phase in ('ended', 'failed') and removed_at is null limit 500))",
    )
    .fetch_all(conn)
    .await?;
    SessionRow::read_all(rows)
}

/// Records that nothing is left of a session that is over. One that never had a learner is deleted.
pub async fn record_removed(conn: &mut PgConnection, id: SessionId) -> Result<(), StoreError> {
    sqlx::query!(
        "update sessions set removed_at = now() where id = $1 and phase in ('ended', 'failed')",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from sessions where id = $1 and user_id is null and removed_at is not null", id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lists those of these sessions that may still have objects in the cluster.
pub async fn list_unfinished_among(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!("select id from sessions where id = any($1) and removed_at is null", ids)
        .fetch_all(conn)
        .await?)
}
