//! Progress: the recorded events, and what is derived from them.

mod checks;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lectern_api::classes::{LearnerCheck, LearnerRow, LearnerSession};
use lectern_api::ids::{ClassId, PageName, SessionId, UserId};
use lectern_api::page::PageLink;
use lectern_api::progress::{Happening, PageProgress, ProgressEvent, SessionProgress};
use sqlx::PgConnection;
use uuid::Uuid;

pub use checks::{CheckRun, record_check};

use super::sessions::{SessionRow, announce, find_session, query_sessions};
use super::{Inconsistent, StoreError};

/// Limit on the clickable blocks of a page that are counted.
pub const ACTIONS_PER_PAGE: u32 = 1000;

/// What limits the recording of more events of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many events were recorded.
    pub events_taken: i32,
    /// Whether the session has been over for too long.
    pub is_over: bool,
}

/// Locks a session's progress until the caller's transaction ends.
pub async fn lock_session(
    conn: &mut PgConnection,
    session: SessionId,
    taken_after_end_mins: i32,
) -> Result<Room, StoreError> {
    Ok(sqlx::query_as!(
        Room,
        r#"select events_taken, coalesce(ended_at < now() - make_interval(mins => $2), false) as "is_over!"
           from sessions where id = $1 for no key update"#,
        session.0,
        taken_after_end_mins
    )
    .fetch_one(conn)
    .await?)
}

/// Records an event and updates what is derived from it, in the caller's transaction. Returns `false` if the event was
/// recorded before.
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
    let added = sqlx::query!(
        "insert into progress_events (id, session_id, kind, page, detail, happened_at)
         values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing",
        event.id.0,
        session.0,
        kind,
        page,
        detail,
        event.at
    )
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    match &event.what {
        Happening::PageViewed => {
            sqlx::query!(
                "insert into page_progress as p (session_id, page, viewed_at) values ($1, $2, now())
                 on conflict (session_id, page) do update set viewed_at = coalesce(p.viewed_at, now())",
                session.0,
                page
            )
            .execute(&mut *conn)
            .await?;
        }
        Happening::ActionRun { action } => {
            sqlx::query!(
                "insert into page_progress as p (session_id, page, actions_run) values ($1, $2, array[$3::int])
                 on conflict (session_id, page) do update set actions_run =
                     (select array_agg(distinct a order by a) from unnest(p.actions_run || $3::int) as a)",
                session.0,
                page,
                i32::try_from(*action).unwrap_or(i32::MAX)
            )
            .execute(&mut *conn)
            .await?;
        }
        Happening::LabFinished => {
            sqlx::query!(
                "update sessions set finished_at = coalesce(finished_at, now()) where id = $1",
                session.0
            )
            .execute(&mut *conn)
            .await?;
        }
    }
    let viewed = matches!(event.what, Happening::PageViewed).then_some(page);
    sqlx::query!(
        "update sessions set last_active_at = now(), current_page = coalesce($2, current_page),
             events_taken = events_taken + 1
         where id = $1",
        session.0,
        viewed
    )
    .execute(&mut *conn)
    .await?;
    announce(conn, session, Some(user)).await?;
    Ok(true)
}

struct PageRow {
    session_id: Uuid,
    page: String,
    viewed_at: Option<DateTime<Utc>>,
    actions_run: Vec<i32>,
}

impl TryFrom<PageRow> for PageProgress {
    type Error = Inconsistent;

    fn try_from(row: PageRow) -> Result<Self, Inconsistent> {
        let inconsistent = |column| Inconsistent::new("page_progress", column, row.session_id);
        let actions_run =
            row.actions_run.iter().map(|action| u32::try_from(*action)).collect::<Result<_, _>>();
        Ok(Self {
            page: row.page.parse().map_err(|_| inconsistent("page"))?,
            viewed_at: row.viewed_at,
            actions_run: actions_run.map_err(|_| inconsistent("actions_run"))?,
            checks: vec![],
        })
    }
}

/// Returns what was done in a session.
pub async fn find_progress(
    conn: &mut PgConnection,
    session: &SessionRow,
) -> Result<SessionProgress, StoreError> {
    let pages = sqlx::query_as!(
        PageRow,
        "select session_id, page, viewed_at, actions_run from page_progress where session_id = $1 order by page",
        session.id.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let checks = checks::list_by_block(&mut *conn, session.id, None).await?;
    let finished = sqlx::query_scalar!(
        r#"select finished_at is not null as "finished!" from sessions where id = $1"#,
        session.id.0
    )
    .fetch_one(conn)
    .await?;
    let mut by_page: BTreeMap<String, PageProgress> = BTreeMap::new();
    for row in pages {
        by_page.insert(row.page.clone(), row.try_into()?);
    }
    for row in &checks {
        let Some(page) = row.page()? else { continue };
        by_page
            .entry(page.to_string())
            .or_insert(PageProgress { page, viewed_at: None, actions_run: vec![], checks: vec![] })
            .checks
            .push(row.try_into()?);
    }
    Ok(SessionProgress {
        current_page: current_page(session)?,
        pages: by_page.into_values().collect(),
        finished,
    })
}

/// Returns the page that the learner viewed last.
fn current_page(session: &SessionRow) -> Result<Option<PageName>, Inconsistent> {
    let page = session.current_page.as_ref().map(|page| page.parse::<PageName>()).transpose();
    page.map_err(|_| Inconsistent::new("sessions", "current_page", session.id))
}

/// Returns the learners of a class, each with their newest session; only one learner if `only` names one.
pub async fn list_learners(
    conn: &mut PgConnection,
    class: ClassId,
    only: Option<UserId>,
) -> Result<Vec<LearnerRow>, StoreError> {
    let learners = sqlx::query!(
        r#"select u.id, u.display_name, s.id as "session_id?",
                  (select count(*) from page_progress p where p.session_id = s.id and viewed_at is not null)
                      as "pages_viewed!"
           from enrolments e join users u on u.id = e.user_id
           left join lateral (select id from sessions where user_id = u.id order by created_at desc limit 1) s on true
           where e.class_id = $1 and ($2::uuid is null or u.id = $2)
           order by u.display_name, u.id"#,
        class.0,
        only.map(|user| user.0)
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = learners.iter().filter_map(|learner| learner.session_id).collect();
    let sessions = query_sessions!("select", "from sessions where id = any($1)", &ids).fetch_all(&mut *conn);
    let sessions = SessionRow::read_all(sessions.await?)?;
    let checks = checks::list_by_name(conn, &ids).await?;
    learners
        .into_iter()
        .map(|learner| {
            let session = sessions.iter().find(|session| Some(session.id.0) == learner.session_id);
            let session = session.map(|session| {
                let checks = checks.iter().filter(|check| check.session_id == session.id.0);
                let checks = checks.map(LearnerCheck::try_from).collect::<Result<_, Inconsistent>>()?;
                learner_session(session, learner.pages_viewed, checks)
            });
            Ok(LearnerRow {
                user: UserId(learner.id),
                display_name: learner.display_name,
                session: session.transpose()?,
            })
        })
        .collect()
}

fn learner_session(
    row: &SessionRow,
    pages_viewed: i64,
    checks: Vec<LearnerCheck>,
) -> Result<LearnerSession, StoreError> {
    let wire = row.to_wire();
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
        current_page: current_page(row)?,
        current_page_title,
        page_number,
        pages_total: u32::try_from(wire.pages.len()).unwrap_or(u32::MAX),
        pages_viewed: u32::try_from(pages_viewed).unwrap_or(u32::MAX),
        checks,
        checks_total: u32::try_from(row.checks_total)
            .map_err(|_| Inconsistent::new("sessions", "checks_total", row.id))?,
        last_active_at: row.last_active_at,
        started_at: wire.created_at,
        notices: wire.notices,
    })
}

/// Returns what an instructor of `class` sees of the learner who has this session. Returns `None` if the learner is not
/// in the class.
pub async fn find_learner_of_session(
    conn: &mut PgConnection,
    class: ClassId,
    session: SessionId,
) -> Result<Option<LearnerRow>, StoreError> {
    let Some(user) = find_session(conn, session).await?.and_then(|row| row.user_id) else { return Ok(None) };
    Ok(list_learners(conn, class, Some(UserId(user))).await?.pop())
}
