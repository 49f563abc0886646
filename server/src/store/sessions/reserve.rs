//! Sessions made ahead: how many there are, how much room they take, and how each lab's reserve is doing.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LabSlug, UserId};
use sqlx::PgConnection;

use super::{SessionRow, query_sessions};
use crate::store::StoreError;

/// The advisory lock of all that takes up new room.
const ROOM_LOCK: i64 = 0x1ec7_0001;

/// How many sessions take up room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// In reserve, starting or running.
    pub live: i64,
    /// Ending, or over with something of it left in the cluster.
    pub leaving: i64,
}

impl Taken {
    /// Whether one more would be too many, if there may be `most`.
    #[must_use]
    pub fn fills(self, most: u32) -> bool {
        self.live >= i64::from(most) || self.is_crowded(most)
    }

    /// Whether what is leaving has to be gone first, if there may be `most`.
    ///
    /// It takes up room until then, so that starting and ending in a loop fills no cluster. But a class that ends its
    /// sessions and starts again does so within a minute, while the old ones are being removed: so a quarter more may
    /// be there for that while, and two at least.
    #[must_use]
    pub fn is_crowded(self, most: u32) -> bool {
        self.live + self.leaving >= i64::from(most) + i64::from(most / 4).max(2)
    }
}

/// How much room is taken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Of one lab.
    pub lab: Taken,
    /// Of all labs.
    pub total: Taken,
}

/// Lets one person's starts follow one another until the transaction ends, so that each sees the one before; false
/// where another transaction has that right. It does not wait, since whoever waits here holds a connection.
pub async fn try_lock_starts_of(conn: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 7)) as "locked!""#,
        user.to_string()
    )
    .fetch_one(conn)
    .await?)
}

/// Lets all that takes up new room follow one another until the transaction ends; false where another transaction has
/// that right.
pub async fn try_lock_room(conn: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, ROOM_LOCK)
        .fetch_one(conn)
        .await?)
}

/// As [`try_lock_room`], but waits: for the one server that fills the reserve.
pub async fn lock_room(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock($1)", ROOM_LOCK).execute(conn).await?;
    Ok(())
}

/// The sessions that a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfPerson {
    /// Sessions that start or run.
    pub live: i64,
    /// Sessions that end, or are over with something of them left in the cluster.
    pub leaving: i64,
    /// Whether they are an anonymous visitor.
    pub anonymous: bool,
}

/// Counts the sessions that a person has.
pub async fn count_of_person(conn: &mut PgConnection, user: UserId) -> Result<OfPerson, StoreError> {
    Ok(sqlx::query_as!(
        OfPerson,
        r#"select (select count(*) from sessions where user_id = u.id and phase in ('allocated', 'running')) as "live!",
                  (select count(*) from sessions where user_id = u.id
                      and (phase = 'ending' or phase in ('ended', 'failed') and removed_at is null)) as "leaving!",
                  u.anonymous
           from users u where u.id = $1"#,
        user.0
    )
    .fetch_one(conn)
    .await?)
}

/// Finds when the person started their `most`-th session counted back from now, if that was after `since`.
pub async fn find_start_before(
    conn: &mut PgConnection,
    user: UserId,
    most: u32,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select created_at from sessions where user_id = $1 and created_at > $2
         order by created_at desc limit 1 offset $3",
        user.0,
        since,
        i64::from(most) - 1
    )
    .fetch_optional(conn)
    .await?)
}

/// Counts the sessions that take up room.
pub async fn count_occupied(conn: &mut PgConnection, lab: &LabSlug) -> Result<Occupancy, StoreError> {
    let taken = sqlx::query!(
        r#"select count(*) filter (where is_live and lab = $1) as "lab_live!",
                  count(*) filter (where not is_live and lab = $1) as "lab_leaving!",
                  count(*) filter (where is_live) as "live!", count(*) filter (where not is_live) as "leaving!"
           from (select lab, phase in ('reserved', 'allocated', 'running') as is_live from sessions
                 where phase in ('reserved', 'allocated', 'running', 'ending')
                     or phase in ('ended', 'failed') and removed_at is null) as present"#,
        lab.as_str()
    )
    .fetch_one(conn)
    .await?;
    let lab = Taken { live: taken.lab_live, leaving: taken.lab_leaving };
    Ok(Occupancy { lab, total: Taken { live: taken.live, leaving: taken.leaving } })
}

/// Lists all sessions in reserve, ready ones first.
pub async fn list_reserved(conn: &mut PgConnection) -> Result<Vec<SessionRow>, StoreError> {
    SessionRow::read_all(
        query_sessions!(
            "select",
            "from sessions where phase = 'reserved' order by ready_at nulls last, created_at"
        )
        .fetch_all(conn)
        .await?,
    )
}

/// The sessions of one lab that learners have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    pub lab: String,
    /// How many are being provisioned.
    pub starting: usize,
    pub running: usize,
}

/// Counts the sessions that learners have, by lab.
pub async fn count_in_use(conn: &mut PgConnection) -> Result<Vec<InUse>, StoreError> {
    let rows = sqlx::query!(
        r#"select lab, count(*) filter (where phase = 'allocated') as "starting!",
                  count(*) filter (where phase = 'running') as "running!"
           from sessions where phase in ('allocated', 'running') group by lab"#
    )
    .fetch_all(conn)
    .await?;
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    Ok(rows
        .into_iter()
        .map(|row| InUse { lab: row.lab, starting: number(row.starting), running: number(row.running) })
        .collect())
}

/// How a lab's reserve is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    pub lab: String,
    /// How many the operator wanted at first, when that setting was last read.
    pub initial: i32,
    /// How many of those have not been taken yet.
    pub initial_left: i32,
    /// When a learner last started the lab.
    pub last_started_at: Option<DateTime<Utc>>,
    /// How many failed in a row.
    pub failures: i32,
    /// Why the last one failed.
    pub failure: String,
    /// When the next may be tried.
    pub retry_at: Option<DateTime<Utc>>,
}

/// Lists the reserves of all labs that ever had one.
pub async fn list_pools(conn: &mut PgConnection) -> Result<Vec<PoolRow>, StoreError> {
    Ok(sqlx::query_as!(PoolRow, "select lab, initial, initial_left, last_started_at, failures, failure, retry_at from lab_pools order by lab").fetch_all(conn).await?)
}

/// Records how many sessions of a lab the operator wants at first. A number that differs from the last one starts over.
pub async fn set_initial(conn: &mut PgConnection, lab: &LabSlug, initial: i32) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into lab_pools as p (lab, initial, initial_left) values ($1, $2, $2)
         on conflict (lab) do update set initial = $2, initial_left = $2 where p.initial <> $2",
        lab.as_str(),
        initial
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records that a learner started a lab.
pub async fn record_start(
    conn: &mut PgConnection,
    lab: &LabSlug,
    taken: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into lab_pools as p (lab, last_started_at) values ($1, $2)
         on conflict (lab) do update set last_started_at = $2,
             initial_left = greatest(p.initial_left - case when $3 then 1 else 0 end, 0)",
        lab.as_str(),
        now,
        taken
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records how provisioning a session ahead went. After each failure in a row the next try waits longer, from ten
/// seconds to ten minutes.
pub async fn record_outcome(
    conn: &mut PgConnection,
    lab: &str,
    failure: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("insert into lab_pools as p (lab, failures, failure, retry_at)
         values ($1, case when $2::text is null then 0 else 1 end, coalesce($2, ''),
             case when $2 is null then null else $3::timestamptz + interval '10 seconds' end)
         on conflict (lab) do update set
             failures = case when $2 is null then 0 else p.failures + 1 end,
             failure = coalesce($2, ''),
             retry_at = case when $2 is null then null
                 else $3::timestamptz + least(interval '10 seconds' * power(2, least(p.failures, 10)), interval '10 minutes') end", lab, failure, now)
    .execute(conn)
    .await?;
    Ok(())
}
