//! Progress: the events, and what follows from them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lectern_api::classes::{LearnerCheck, LearnerRow, LearnerSession};
use lectern_api::ids::{ClassId, SessionId, UserId};
use lectern_api::page::PageLink;
use lectern_api::progress::{CheckState, Happening, PageProgress, ProgressEvent, SessionProgress};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::StoreError;
use super::sessions::{SessionRow, announce, find_session};

/// What may still be recorded of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Room {
    /// How many events were.
    pub events_taken: i32,
    /// Whether it has been over for too long.
    pub is_over: bool,
}

/// Keeps other transactions from this session's progress until the caller's ends.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn lock_session(
    conn: &mut PgConnection,
    session: SessionId,
    taken_after_end_mins: i32,
) -> Result<Room, StoreError> {
    Ok(sqlx::query_as(
        "select events_taken, coalesce(ended_at < now() - make_interval(mins => $2), false) as is_over
         from sessions where id = $1 for no key update",
    )
    .bind(session.0)
    .bind(taken_after_end_mins)
    .fetch_one(conn)
    .await?)
}

/// Adds an event and what follows from it, in the caller's transaction; false where it was known already.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn insert_event(
    conn: &mut PgConnection,
    session: SessionId,
    user: UserId,
    event: &ProgressEvent,
) -> Result<bool, StoreError> {
    let (kind, detail) = match &event.what {
        Happening::PageViewed => ("page_viewed", serde_json::json!({})),
        Happening::ActionRun { action } => ("action_run", serde_json::json!({ "action": action })),
        Happening::LabFinished => ("lab_finished", serde_json::json!({})),
    };
    let page = event.page.as_str();
    let added = sqlx::query(
        "insert into progress_events (id, session_id, kind, page, detail, happened_at)
         values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing",
    )
    .bind(event.id.0)
    .bind(session.0)
    .bind(kind)
    .bind(page)
    .bind(Json(detail))
    .bind(event.at)
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    match &event.what {
        Happening::PageViewed => {
            sqlx::query(
                "insert into page_progress as p (session_id, page, viewed_at) values ($1, $2, now())
                 on conflict (session_id, page) do update set viewed_at = coalesce(p.viewed_at, now())",
            )
            .bind(session.0)
            .bind(page)
            .execute(&mut *conn)
            .await?;
        }
        Happening::ActionRun { action } => {
            sqlx::query(
                "insert into page_progress as p (session_id, page, actions_run) values ($1, $2, array[$3])
                 on conflict (session_id, page) do update set actions_run =
                     (select array_agg(distinct a order by a) from unnest(p.actions_run || $3) as a)",
            )
            .bind(session.0)
            .bind(page)
            .bind(i32::try_from(*action).unwrap_or(i32::MAX))
            .execute(&mut *conn)
            .await?;
        }
        Happening::LabFinished => {
            sqlx::query("update sessions set finished_at = coalesce(finished_at, now()) where id = $1")
                .bind(session.0)
                .execute(&mut *conn)
                .await?;
        }
    }
    let viewed = matches!(event.what, Happening::PageViewed).then_some(page);
    sqlx::query(
        "update sessions set last_active_at = now(), current_page = coalesce($2, current_page),
             events_taken = events_taken + 1
         where id = $1",
    )
    .bind(session.0)
    .bind(viewed)
    .execute(&mut *conn)
    .await?;
    announce(conn, session, Some(user)).await?;
    Ok(true)
}

/// Records what a check said, in the caller's transaction.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn record_check(
    conn: &mut PgConnection,
    session: SessionId,
    user: UserId,
    name: &str,
    page: Option<&str>,
    passed: bool,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into progress_events (id, session_id, kind, page, detail, happened_at)
         values ($1, $2, $3, $4, $5, now())",
    )
    .bind(Uuid::now_v7())
    .bind(session.0)
    .bind(if passed { "check_passed" } else { "check_failed" })
    .bind(page)
    .bind(Json(serde_json::json!({ "check": name })))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into check_results as c (session_id, name, page, passed, at) values ($1, $2, $3, $4, now())
         on conflict (session_id, name) do update set passed = $4, runs = c.runs + 1, at = now(),
             page = coalesce($3, c.page)",
    )
    .bind(session.0)
    .bind(name)
    .bind(page)
    .bind(passed)
    .execute(&mut *conn)
    .await?;
    sqlx::query("update sessions set last_active_at = now() where id = $1")
        .bind(session.0)
        .execute(&mut *conn)
        .await?;
    announce(conn, session, Some(user)).await
}

#[derive(sqlx::FromRow)]
struct PageRow {
    page: String,
    viewed_at: Option<DateTime<Utc>>,
    actions_run: Vec<i32>,
}

#[derive(sqlx::FromRow)]
struct CheckRow {
    session_id: Uuid,
    name: String,
    page: Option<String>,
    passed: bool,
    runs: i32,
    at: DateTime<Utc>,
}

/// What was done in a session.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_progress(
    conn: &mut PgConnection,
    session: &SessionRow,
) -> Result<SessionProgress, StoreError> {
    let pages: Vec<PageRow> = sqlx::query_as(
        "select page, viewed_at, actions_run from page_progress where session_id = $1 order by page",
    )
    .bind(session.id)
    .fetch_all(&mut *conn)
    .await?;
    let checks: Vec<CheckRow> =
        sqlx::query_as("select * from check_results where session_id = $1 order by name")
            .bind(session.id)
            .fetch_all(&mut *conn)
            .await?;
    let finished: bool = sqlx::query_scalar("select finished_at is not null from sessions where id = $1")
        .bind(session.id)
        .fetch_one(conn)
        .await?;
    let mut by_page: BTreeMap<String, PageProgress> = BTreeMap::new();
    for row in pages {
        let Ok(page) = row.page.parse() else { continue };
        let actions_run = row.actions_run.into_iter().filter_map(|a| u32::try_from(a).ok()).collect();
        by_page
            .insert(row.page, PageProgress { page, viewed_at: row.viewed_at, actions_run, checks: vec![] });
    }
    for row in checks {
        let Some(Ok(page)) = row.page.as_ref().map(|p| p.parse()) else { continue };
        let Ok(name) = row.name.parse() else { continue };
        let state =
            CheckState { name, passed: row.passed, runs: u32::try_from(row.runs).unwrap_or(0), at: row.at };
        by_page
            .entry(row.page.unwrap_or_default())
            .or_insert(PageProgress { page, viewed_at: None, actions_run: vec![], checks: vec![] })
            .checks
            .push(state);
    }
    Ok(SessionProgress {
        current_page: session.current_page.as_deref().and_then(|p| p.parse().ok()),
        pages: by_page.into_values().collect(),
        finished,
    })
}

#[derive(sqlx::FromRow)]
struct LearnerSqlRow {
    learner_id: Uuid,
    learner_name: String,
    session_id: Option<Uuid>,
    pages_viewed: i64,
}

/// The learners of a class with their newest sessions; one learner where `only` names one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_learners(
    conn: &mut PgConnection,
    class: ClassId,
    only: Option<UserId>,
) -> Result<Vec<LearnerRow>, StoreError> {
    let learners: Vec<LearnerSqlRow> = sqlx::query_as(
        "select u.id as learner_id, u.display_name as learner_name, s.id as session_id,
                (select count(*) from page_progress p where p.session_id = s.id and viewed_at is not null)
                    as pages_viewed
         from enrolments e join users u on u.id = e.user_id
         left join lateral (select id from sessions where user_id = u.id order by created_at desc limit 1) s on true
         where e.class_id = $1 and ($2::uuid is null or u.id = $2)
         order by u.display_name, u.id",
    )
    .bind(class.0)
    .bind(only.map(|u| u.0))
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = learners.iter().filter_map(|l| l.session_id).collect();
    let sessions: Vec<SessionRow> =
        sqlx::query_as("select * from sessions where id = any($1)").bind(&ids).fetch_all(&mut *conn).await?;
    let checks: Vec<CheckRow> =
        sqlx::query_as("select * from check_results where session_id = any($1) order by at, name")
            .bind(&ids)
            .fetch_all(conn)
            .await?;
    learners
        .into_iter()
        .map(|learner| {
            let row = sessions.iter().find(|s| Some(s.id) == learner.session_id);
            let session = row
                .map(|row| {
                    let checks = checks
                        .iter()
                        .filter(|c| c.session_id == row.id)
                        .filter_map(|c| Some(LearnerCheck { name: c.name.parse().ok()?, passed: c.passed }))
                        .collect();
                    learner_session(row, learner.pages_viewed, checks)
                })
                .transpose()?;
            Ok(LearnerRow { user: UserId(learner.learner_id), display_name: learner.learner_name, session })
        })
        .collect()
}

fn learner_session(
    row: &SessionRow,
    pages_viewed: i64,
    checks: Vec<LearnerCheck>,
) -> Result<LearnerSession, StoreError> {
    let wire = row.to_wire()?;
    let place = |pages: &[PageLink]| {
        let at = pages.iter().position(|p| Some(&p.name) == row.current_page.as_ref())?;
        Some((u32::try_from(at).ok()? + 1, pages[at].title.clone()))
    };
    let (page_number, current_page_title) = place(&wire.pages).unzip();
    Ok(LearnerSession {
        id: wire.id,
        lab: wire.lab,
        lab_title: wire.lab_title,
        state: wire.state,
        current_page: row.current_page.as_deref().and_then(|p| p.parse().ok()),
        current_page_title,
        page_number,
        pages_total: u32::try_from(wire.pages.len()).unwrap_or(u32::MAX),
        pages_viewed: u32::try_from(pages_viewed).unwrap_or(u32::MAX),
        checks,
        checks_total: u32::try_from(row.checks_total).unwrap_or(0),
        last_active_at: row.last_active_at,
        started_at: wire.created_at,
    })
}

/// The session a change is about, and the row that an instructor of `class` sees of it; none where the learner
/// is not in the class.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_learner_of_session(
    conn: &mut PgConnection,
    class: ClassId,
    session: SessionId,
) -> Result<Option<LearnerRow>, StoreError> {
    let Some(user) = find_session(conn, session).await?.and_then(|row| row.user_id) else { return Ok(None) };
    Ok(list_learners(conn, class, Some(UserId(user))).await?.pop())
}
