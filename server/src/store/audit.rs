//! The audit log: rows are added, read, verified and eventually pruned, but never changed.

use chrono::{DateTime, Utc};
use lectern_api::audit::AuditRecord;
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inconsistent, StoreError};

/// A row to add.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewRecord {
    /// Who did it; `None` for somebody who is not signed in and for the server itself.
    pub actor: Option<UserId>,
    /// Where the request came from.
    pub address: String,
    /// What was attempted.
    pub action: String,
    /// What it was attempted on, such as `user:<id>`.
    pub object: String,
    /// `ok`, or why not.
    pub outcome: String,
    /// Details, if any.
    pub detail: String,
    /// How many times it happened.
    pub times: i32,
}

/// What the database added to a new row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub id: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Covers the row and all rows before it.
    pub hash: Vec<u8>,
    /// The actor's user name.
    pub actor_name: Option<String>,
    /// The user name of the account that a `user:` object names.
    pub object_name: Option<String>,
}

/// Adds rows in the given order. Whoever appends next waits until the caller's transaction ends, so this is the last
/// statement of one.
pub async fn append(conn: &mut PgConnection, records: &[NewRecord]) -> Result<Vec<Appended>, StoreError> {
    let texts = |of: fn(&NewRecord) -> &String| records.iter().map(|r| of(r).clone()).collect::<Vec<_>>();
    let actors: Vec<Option<Uuid>> = records.iter().map(|r| r.actor.map(|actor| actor.0)).collect();
    let times: Vec<i32> = records.iter().map(|r| r.times).collect();
    Ok(sqlx::query_as!(
        Appended,
        r#"with added as (
               insert into audit_log (actor_id, address, action, object, outcome, detail, times)
               select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
               returning *)
           select id as "id!", at as "at!", hash as "hash!",
               (select username from users where users.id = actor_id) as actor_name,
               (select username from users u where object = 'user:' || u.id::text) as object_name
           from added order by id"#,
        &actors[..] as &[Option<Uuid>],
        &texts(|r| &r.address)[..],
        &texts(|r| &r.action)[..],
        &texts(|r| &r.object)[..],
        &texts(|r| &r.outcome)[..],
        &texts(|r| &r.detail)[..],
        &times[..]
    )
    .fetch_all(conn)
    .await?)
}

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

impl TryFrom<Row> for AuditRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
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
            times: u32::try_from(row.times).map_err(|_| Inconsistent::new("audit_log", "times", row.id))?,
        })
    }
}

/// A query for [`Row`]s: what follows `from audit_log`, then the arguments.
macro_rules! query_rows {
    ($rest:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "select id, at, actor_id, (select username from users where users.id = actor_id) as actor_name, address,
                 action, object, (select username from users u where object = 'user:' || u.id::text) as object_name,
                 outcome, detail, times
             from audit_log " + $rest,
            $($argument),+
        )
    };
}

/// Returns the newest rows before the one with the number `before`, newest first.
pub async fn list(
    conn: &mut PgConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRecord>, StoreError> {
    let before = before.unwrap_or(i64::MAX);
    let rows = query_rows!("where id < $1 order by id desc limit $2", before, limit).fetch_all(conn).await?;
    rows.into_iter().map(AuditRecord::try_from).collect()
}

/// Returns all rows about a person, oldest first: what they did, and what was done to their account.
pub async fn list_about(conn: &mut PgConnection, user: UserId) -> Result<Vec<AuditRecord>, StoreError> {
    let rows = query_rows!("where actor_id = $1 or object = 'user:' || $1::uuid::text order by id", user.0,)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(AuditRecord::try_from).collect()
}

/// Where the chain of rows ends and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The number of the newest row.
    pub last_id: i64,
    /// The hash of the newest row.
    pub last_hash: Vec<u8>,
    /// The number of the newest row that was removed because of its age; 0 if none was.
    pub pruned_id: i64,
    /// The hash of that row, on which the oldest remaining row builds.
    pub pruned_hash: Vec<u8>,
}

pub async fn find_chain(conn: &mut PgConnection) -> Result<Chain, StoreError> {
    Ok(sqlx::query_as!(Chain, "select last_id, last_hash, pruned_id, pruned_hash from audit_chain")
        .fetch_one(conn)
        .await?)
}

/// A row as a link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub id: i64,
    /// The stored hash.
    pub hash: Vec<u8>,
    /// What the hash covers besides the hash of the previous row.
    pub covered: String,
}

/// Returns rows of the chain after the one with the number `after`, in order.
pub async fn list_links(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<Link>, StoreError> {
    // repeats the migrations' function audit_hash, which somebody may have changed
    Ok(sqlx::query_as!(
        Link,
        r#"select id, hash, jsonb_build_array(
               id, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor_id, action, object,
               address, outcome, detail, times)::text as "covered!"
           from audit_log where id > $1 order by id limit $2"#,
        after,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Removes rows that are older than this many days, but at least thirty days old and a few thousand at a time.
/// Returns how many it removed.
pub async fn prune(conn: &mut PgConnection, keep_days: i32) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(r#"select prune_audit_log(make_interval(days => $1)) as "removed!""#, keep_days)
        .fetch_one(conn)
        .await?)
}
