//! The claims by which servers share the work on sessions, and the one server that reconciles.

use lectern_api::ids::SessionId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{SessionRow, query_sessions};
use crate::store::StoreError;

/// Extends the claim on a session that is being provisioned. Returns whether it still is.
pub async fn extend_claim(
    conn: &mut PgConnection,
    id: SessionId,
    claim_secs: i32,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update sessions set claimed_until = now() + make_interval(secs => $2)
         where id = $1 and (phase = 'allocated' or phase = 'reserved' and ready_at is null)",
        id.0,
        f64::from(claim_secs)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Claims sessions whose server stopped provisioning them.
pub async fn claim_abandoned(
    conn: &mut PgConnection,
    claim_secs: i32,
) -> Result<Vec<SessionRow>, StoreError> {
    SessionRow::read_all(
        query_sessions!(
            "update sessions set claimed_until = now() + make_interval(secs => $1)
         where id in (select id from sessions
                      where (phase = 'allocated' or phase = 'reserved' and ready_at is null)
                          and claimed_until < now()
                      order by phase, created_at limit 20 for update skip locked) returning",
            "",
            f64::from(claim_secs)
        )
        .fetch_all(conn)
        .await?,
    )
}

/// A running session whose workbench may have to be recreated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningRow {
    pub id: Uuid,
    /// The pod with the terminals.
    pub workbench: String,
    /// Whether a server began to recreate it and did not finish.
    pub is_unfinished: bool,
}

/// Lists running sessions, except those that began less than `settled_secs` ago and those that a server is working on.
pub async fn list_running(conn: &mut PgConnection, settled_secs: i32) -> Result<Vec<RunningRow>, StoreError> {
    Ok(sqlx::query_as!(
        RunningRow,
        r#"select id, workbench, rebuilding_until is not null as "is_unfinished!" from sessions
         where phase = 'running' and running_at < now() - make_interval(secs => $1)
             and (rebuilding_until is null or rebuilding_until < now())"#,
        f64::from(settled_secs)
    )
    .fetch_all(conn)
    .await?)
}

/// Lists sessions in use or in reserve whose objects are all made.
pub async fn list_settled(conn: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select id from sessions where phase = 'running' or phase = 'reserved' and ready_at is not null"
    )
    .fetch_all(conn)
    .await?)
}

/// Claims a running session's workbench for recreating it. Returns `None` if another server holds the claim.
pub async fn claim_rebuild(
    conn: &mut PgConnection,
    id: SessionId,
    claim_secs: i32,
) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(query_sessions!("update sessions set rebuilding_until = now() + make_interval(secs => $2)
         where id = $1 and phase = 'running' and (rebuilding_until is null or rebuilding_until < now()) returning", "", id.0, f64::from(claim_secs))
    .fetch_optional(conn)
    .await?)
}

/// Names another workbench for a session. Returns `None` if the session is over or ending.
pub async fn replace_workbench(
    conn: &mut PgConnection,
    id: SessionId,
    workbench: &str,
) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(
        query_sessions!(
            "update sessions set workbench = $2
         where id = $1 and phase in ('reserved', 'allocated', 'running') returning",
            "",
            id.0,
            workbench
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// Records that a workbench is whole again.
pub async fn record_rebuilt(conn: &mut PgConnection, id: SessionId) -> Result<(), StoreError> {
    sqlx::query!("update sessions set rebuilding_until = null where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// Tries to become the one server that reconciles, for as long as this connection lives. Returns whether it is.
pub async fn try_elect(conn: &mut PgConnection) -> Result<bool, StoreError> {
    // any number will do, as long as nothing else in this database takes it
    const RECONCILER_LOCK: i64 = 0x1ec7_e5e5;
    Ok(sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "is_elected!""#, RECONCILER_LOCK)
        .fetch_one(conn)
        .await?)
}
