//! The audit log: rows that are added, read, checked and, in the end, removed; never changed.

use chrono::{DateTime, Utc};
use lectern_api::audit::AuditRecord;
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;

/// A row that is to be added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewRecord {
    /// Who did it.
    pub actor: Option<UserId>,
    /// Where the request came from.
    pub address: String,
    /// What was tried.
    pub action: String,
    /// To what.
    pub object: String,
    /// `ok`, or why not.
    pub outcome: String,
    /// More about it.
    pub detail: String,
    /// How often.
    pub times: i32,
}

/// What the database made of a row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Appended {
    /// Its number.
    pub id: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Over the row and those before it.
    pub hash: Vec<u8>,
    /// The actor's user name.
    pub actor_name: Option<String>,
    /// The user name behind a `user:` object.
    pub object_name: Option<String>,
}

/// The user name of the account in `object`, if it names one.
const OBJECT_NAME: &str = "(select username from users u where object = 'user:' || u.id::text)";

/// Adds rows, in their order. Whoever adds the next ones waits until the caller's transaction ends, so this is the last
/// statement of one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn append(conn: &mut PgConnection, records: &[NewRecord]) -> Result<Vec<Appended>, StoreError> {
    let texts = |of: fn(&NewRecord) -> &String| records.iter().map(|r| of(r).clone()).collect::<Vec<_>>();
    let actors: Vec<Option<Uuid>> = records.iter().map(|r| r.actor.map(|actor| actor.0)).collect();
    let times: Vec<i32> = records.iter().map(|r| r.times).collect();
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "with added as (
             insert into audit_log (actor_id, address, action, object, outcome, detail, times)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
             returning *)
         select id, at, hash, (select username from users where users.id = actor_id) as actor_name,
             {OBJECT_NAME} as object_name
         from added order by id"
    )))
    .bind(actors)
    .bind(texts(|r| &r.address))
    .bind(texts(|r| &r.action))
    .bind(texts(|r| &r.object))
    .bind(texts(|r| &r.outcome))
    .bind(texts(|r| &r.detail))
    .bind(times)
    .fetch_all(conn)
    .await?)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: DateTime<Utc>,
    actor_id: Option<Uuid>,
    actor_name: Option<String>,
    address: String,
    action: String,
    object: String,
    object_name: Option<String>,
    outcome: String,
    detail: String,
    times: i32,
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: row.at,
            actor: row.actor_id.map(UserId),
            actor_name: row.actor_name,
            address: row.address,
            action: row.action,
            object: row.object,
            object_name: row.object_name,
            outcome: row.outcome,
            detail: row.detail,
            times: u32::try_from(row.times).unwrap_or(1),
        }
    }
}

/// The newest rows before the one with the number `before`, newest first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list(
    conn: &mut PgConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRecord>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select *, (select username from users where users.id = actor_id) as actor_name, {OBJECT_NAME} as object_name
         from audit_log where id < $1 order by id desc limit $2"
    )))
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(AuditRecord::from).collect())
}

/// All rows about a person: what they did, and what was done to their account. Oldest first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_about(conn: &mut PgConnection, user: UserId) -> Result<Vec<AuditRecord>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select *, (select username from users where users.id = actor_id) as actor_name, {OBJECT_NAME} as object_name
         from audit_log where actor_id = $1 or object = 'user:' || $1::text order by id"
    )))
    .bind(user.0)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(AuditRecord::from).collect())
}

/// Where the chain of rows ends, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Chain {
    /// The number of the newest row.
    pub last_id: i64,
    /// Its hash.
    pub last_hash: Vec<u8>,
    /// The number of the newest row that was removed because of its age; 0: none was.
    pub pruned_id: i64,
    /// Its hash, on which the oldest row builds.
    pub pruned_hash: Vec<u8>,
}

/// The chain's ends.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_chain(conn: &mut PgConnection) -> Result<Chain, StoreError> {
    Ok(sqlx::query_as("select last_id, last_hash, pruned_id, pruned_hash from audit_chain")
        .fetch_one(conn)
        .await?)
}

/// A row as the chain holds it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    /// Its number.
    pub id: i64,
    /// The hash that is kept with it.
    pub hash: Vec<u8>,
    /// What its hash covers, besides the hash of the row before.
    pub covered: String,
}

/// Rows of the chain after the one with the number `after`, in order.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_links(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<Link>, StoreError> {
    // as the function audit_hash of the migrations has it, which somebody may have changed
    Ok(sqlx::query_as(
        r#"select id, hash, jsonb_build_array(
               id, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor_id, action, object,
               address, outcome, detail, times)::text as covered
           from audit_log where id > $1 order by id limit $2"#,
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// Removes rows that are older than so many days, thirty at least and some thousands at once; returns how many.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn prune(conn: &mut PgConnection, keep_days: i32) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select prune_audit_log(make_interval(days => $1))")
        .bind(keep_days)
        .fetch_one(conn)
        .await?)
}
