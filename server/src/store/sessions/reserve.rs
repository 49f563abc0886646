//! Sessions made ahead: how many there are, who gets one, and what a lab's reserve is like.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LabSlug, SessionId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{SessionRow, Terms, announce};
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
    /// Whether one more would be too many where there may be `most`.
    #[must_use]
    pub fn fills(self, most: u32) -> bool {
        self.live >= i64::from(most) || self.is_crowded(most)
    }

    /// Whether what is leaving has to be gone first, where there may be `most`.
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
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn try_lock_starts_of(conn: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended($1, 7))")
        .bind(user.to_string())
        .fetch_one(conn)
        .await?)
}

/// Lets all that takes up new room follow one another until the transaction ends; false where another transaction has
/// that right.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn try_lock_room(conn: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(ROOM_LOCK).fetch_one(conn).await?)
}

/// As [`try_lock_room`], but waits: for the one server that fills the reserve.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn lock_room(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(ROOM_LOCK).execute(conn).await?;
    Ok(())
}

/// What a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OfPerson {
    /// Sessions that start or run.
    pub live: i64,
    /// Sessions that end, or are over with something of them left in the cluster.
    pub leaving: i64,
    /// Whether they are an anonymous visitor.
    pub anonymous: bool,
}

/// What a person has.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn count_of_person(conn: &mut PgConnection, user: UserId) -> Result<OfPerson, StoreError> {
    Ok(sqlx::query_as(
        "select (select count(*) from sessions where user_id = u.id and phase in ('allocated', 'running')) as live,
                (select count(*) from sessions where user_id = u.id
                    and (phase = 'ending' or phase in ('ended', 'failed') and removed_at is null)) as leaving,
                u.anonymous
         from users u where u.id = $1",
    )
    .bind(user.0)
    .fetch_one(conn)
    .await?)
}

/// When the person started their `most`-th session counted back from now, if that was after `since`.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_start_before(
    conn: &mut PgConnection,
    user: UserId,
    most: u32,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "select created_at from sessions where user_id = $1 and created_at > $2
         order by created_at desc limit 1 offset $3",
    )
    .bind(user.0)
    .bind(since)
    .bind(i64::from(most) - 1)
    .fetch_optional(conn)
    .await?)
}

/// How much room is taken up.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn count_occupied(conn: &mut PgConnection, lab: &LabSlug) -> Result<Occupancy, StoreError> {
    let (lab_live, lab_leaving, live, leaving): (i64, i64, i64, i64) = sqlx::query_as(
        "select count(*) filter (where is_live and lab = $1), count(*) filter (where not is_live and lab = $1),
                count(*) filter (where is_live), count(*) filter (where not is_live)
         from (select lab, phase in ('reserved', 'allocated', 'running') as is_live from sessions
               where phase in ('reserved', 'allocated', 'running', 'ending')
                   or phase in ('ended', 'failed') and removed_at is null) as present",
    )
    .bind(lab.as_str())
    .fetch_one(conn)
    .await?;
    let lab = Taken { live: lab_live, leaving: lab_leaving };
    Ok(Occupancy { lab, total: Taken { live, leaving } })
}

/// Gives a learner a session of the reserve, a finished one where there is one: that runs at once, with all its
/// time before it. Any number of servers may do this at the same time; none waits for another, and none gets
/// what another took.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `one_live_session_per_learner_and_lab` where the learner has one.
pub async fn take_reserved(
    conn: &mut PgConnection,
    user: UserId,
    lab: &LabSlug,
    version: &str,
    terms: Terms,
    now: DateTime<Utc>,
) -> Result<Option<SessionRow>, StoreError> {
    let taken: Option<SessionRow> = sqlx::query_as(
        "update sessions set user_id = $3, created_at = $4,
             phase = case when ready_at is null then 'allocated' else 'running' end,
             note = case when ready_at is null then note else '' end,
             duration_secs = $5, overtime_secs = $6, deadline_secs = $7, orphaned_secs = $8,
             running_at = case when ready_at is null then null else $4 end,
             expires_at = case when ready_at is null then null
                 else $4::timestamptz + make_interval(secs => $5::int) end
         where id = (select id from sessions
                     where phase = 'reserved' and lab = $1 and lab_version = $2
                     order by ready_at nulls last, created_at limit 1 for update skip locked)
         returning *",
    )
    .bind(lab.as_str())
    .bind(version)
    .bind(user.0)
    .bind(now)
    .bind(terms.duration_secs)
    .bind(terms.overtime_secs)
    .bind(terms.deadline_secs)
    .bind(terms.orphaned_secs)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = &taken {
        announce(conn, row.session_id(), Some(user)).await?;
    }
    Ok(taken)
}

/// Gives up a session that was just taken out of the reserve and turns out to be no good.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn give_up_taken(conn: &mut PgConnection, id: SessionId) -> Result<(), StoreError> {
    sqlx::query(
        "update sessions set user_id = null, phase = 'ending', note = 'its workbench was gone', running_at = null,
             expires_at = null
         where id = $1",
    )
    .bind(id.0)
    .execute(&mut *conn)
    .await?;
    announce(conn, id, None).await
}

/// Gives up one session of the reserve, of this lab if there is one, to make room; whether there was one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn evict_reserved(
    conn: &mut PgConnection,
    lab: &LabSlug,
    only_this_lab: bool,
) -> Result<bool, StoreError> {
    let evicted: Option<Uuid> = sqlx::query_scalar(
        "update sessions set phase = 'ending', note = 'made room for a learner'
         where id = (select id from sessions where phase = 'reserved' and (lab = $1 or not $2)
                     order by lab = $1 desc, ready_at desc nulls first limit 1 for update skip locked)
         returning id",
    )
    .bind(lab.as_str())
    .bind(only_this_lab)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = evicted {
        announce(conn, SessionId(id), None).await?;
    }
    Ok(evicted.is_some())
}

/// All sessions in reserve.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_reserved(conn: &mut PgConnection) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions where phase = 'reserved' order by ready_at nulls last, created_at",
    )
    .fetch_all(conn)
    .await?)
}

/// How many sessions of a lab learners have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Which lab.
    pub lab: String,
    /// How many are being made.
    pub starting: usize,
    /// How many run.
    pub running: usize,
}

/// How many sessions of each lab learners have.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn count_in_use(conn: &mut PgConnection) -> Result<Vec<InUse>, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select lab, count(*) filter (where phase = 'allocated'), count(*) filter (where phase = 'running')
         from sessions where phase in ('allocated', 'running') group by lab",
    )
    .fetch_all(conn)
    .await?;
    let number = |count: i64| usize::try_from(count).unwrap_or(0);
    Ok(rows
        .into_iter()
        .map(|(lab, starting, running)| InUse { lab, starting: number(starting), running: number(running) })
        .collect())
}

/// Gives up a session that nobody has taken; whether that still was so.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn give_up(conn: &mut PgConnection, id: SessionId, reason: &str) -> Result<bool, StoreError> {
    let done =
        sqlx::query("update sessions set phase = 'ending', note = $2 where id = $1 and phase = 'reserved'")
            .bind(id.0)
            .bind(reason)
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// What a lab's reserve is like.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PoolRow {
    /// Which lab.
    pub lab: String,
    /// How many the operator wanted made at first, when that was last looked at.
    pub initial: i32,
    /// How many of them are still to be taken.
    pub initial_left: i32,
    /// When a learner last started the lab.
    pub last_started_at: Option<DateTime<Utc>>,
    /// How many could not be made, one after the other.
    pub failures: i32,
    /// Why the last one could not.
    pub failure: String,
    /// Before when no other is made.
    pub retry_at: Option<DateTime<Utc>>,
}

/// All reserves that there ever were.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_pools(conn: &mut PgConnection) -> Result<Vec<PoolRow>, StoreError> {
    Ok(sqlx::query_as("select * from lab_pools order by lab").fetch_all(conn).await?)
}

/// Notes how many sessions of a lab are to be made at first. A number that the operator changed counts anew.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn set_initial(conn: &mut PgConnection, lab: &LabSlug, initial: i32) -> Result<(), StoreError> {
    sqlx::query(
        "insert into lab_pools as p (lab, initial, initial_left) values ($1, $2, $2)
         on conflict (lab) do update set initial = $2, initial_left = $2 where p.initial <> $2",
    )
    .bind(lab.as_str())
    .bind(initial)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a learner started a lab.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn note_start(
    conn: &mut PgConnection,
    lab: &LabSlug,
    taken: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into lab_pools as p (lab, last_started_at) values ($1, $2)
         on conflict (lab) do update set last_started_at = $2,
             initial_left = greatest(p.initial_left - case when $3 then 1 else 0 end, 0)",
    )
    .bind(lab.as_str())
    .bind(now)
    .bind(taken)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes how making a session ahead went. After each failure in a row the next try waits longer, from ten seconds
/// to ten minutes.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn note_made(
    conn: &mut PgConnection,
    lab: &str,
    failure: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into lab_pools as p (lab, failures, failure, retry_at)
         values ($1, case when $2::text is null then 0 else 1 end, coalesce($2, ''),
             case when $2 is null then null else $3::timestamptz + interval '10 seconds' end)
         on conflict (lab) do update set
             failures = case when $2 is null then 0 else p.failures + 1 end,
             failure = coalesce($2, ''),
             retry_at = case when $2 is null then null
                 else $3::timestamptz + least(interval '10 seconds' * power(2, least(p.failures, 10)), interval '10 minutes') end",
    )
    .bind(lab)
    .bind(failure)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
