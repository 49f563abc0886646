//! The results of checks. A block of a page has a result of its own; a check as a whole has passed if it passed in every
//! block that ran it.

use chrono::{DateTime, Utc};
use lectern_api::classes::LearnerCheck;
use lectern_api::ids::{CheckName, PageName, SessionId, UserId};
use lectern_api::progress::CheckState;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::sessions::announce;
use crate::store::{Inconsistent, StoreError};

/// One run of a check.
#[derive(Clone, Copy, Debug)]
pub struct CheckRun<'a> {
    pub name: &'a str,
    /// The page from which it was run.
    pub page: Option<&'a str>,
    /// The number of the block on that page.
    pub block: Option<u32>,
    pub passed: bool,
}

/// Records the result of a check, in the caller's transaction.
pub async fn record_check(
    conn: &mut PgConnection,
    session: SessionId,
    user: UserId,
    run: &CheckRun<'_>,
) -> Result<(), StoreError> {
    let detail = match run.block {
        Some(block) => serde_json::json!({ "check": run.name, "block": block }),
        None => serde_json::json!({ "check": run.name }),
    };
    sqlx::query!(
        "insert into progress_events (id, session_id, kind, page, detail, happened_at)
         values ($1, $2, $3, $4, $5, now())",
        Uuid::now_v7(),
        session.0,
        if run.passed { "check_passed" } else { "check_failed" },
        run.page,
        detail
    )
    .execute(&mut *conn)
    .await?;
    let passed_everywhere =
        run.passed && list_by_block(&mut *conn, session, Some(run.name)).await?.iter().all(|row| row.passed);
    sqlx::query!(
        "insert into check_results as c (session_id, name, page, passed, at) values ($1, $2, $3, $4, now())
         on conflict (session_id, name) do update set passed = $4, runs = c.runs + 1, at = now(),
             page = coalesce($3, c.page)",
        session.0,
        run.name,
        run.page,
        passed_everywhere
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("update sessions set last_active_at = now() where id = $1", session.0)
        .execute(&mut *conn)
        .await?;
    announce(conn, session, Some(user)).await
}

pub(super) struct BlockCheckRow {
    session_id: Uuid,
    name: String,
    page: Option<String>,
    block: Option<i32>,
    passed: bool,
    runs: i32,
    at: DateTime<Utc>,
}

impl BlockCheckRow {
    fn inconsistent(&self, what: &'static str) -> Inconsistent {
        Inconsistent::new("progress_events", what, self.session_id)
    }

    /// Returns the page that the check belongs to, if it belongs to one.
    pub(super) fn page(&self) -> Result<Option<PageName>, Inconsistent> {
        self.page.as_ref().map(|page| page.parse().map_err(|_| self.inconsistent("page"))).transpose()
    }
}

impl TryFrom<&BlockCheckRow> for CheckState {
    type Error = Inconsistent;

    fn try_from(row: &BlockCheckRow) -> Result<Self, Inconsistent> {
        let wrong = |_| row.inconsistent("detail");
        Ok(Self {
            name: row.name.parse().map_err(|_| row.inconsistent("detail"))?,
            block: row.block.map(u32::try_from).transpose().map_err(wrong)?,
            passed: row.passed,
            runs: u32::try_from(row.runs).map_err(wrong)?,
            at: row.at,
        })
    }
}

/// Returns the last result in each block of a session; only those of one check if `only` names it. An event of an earlier
/// release names no block: it counts until a block of its page runs the same check.
pub(super) async fn list_by_block(
    conn: &mut PgConnection,
    session: SessionId,
    only: Option<&str>,
) -> Result<Vec<BlockCheckRow>, StoreError> {
    let mut rows = sqlx::query_as!(
        BlockCheckRow,
        r#"select distinct on (e.page, detail->>'check', (detail->>'block')::int)
                  session_id, detail->>'check' as "name!", e.page, (detail->>'block')::int as block,
                  kind = 'check_passed' as "passed!", recorded_at as at,
                  (count(*) over (partition by e.page, detail->>'check', (detail->>'block')::int))::int as "runs!"
           from progress_events e
           where session_id = $1 and kind in ('check_passed', 'check_failed')
               and ($2::text is null or detail->>'check' = $2)
           order by e.page, detail->>'check', (detail->>'block')::int, recorded_at desc, id desc"#,
        session.0,
        only
    )
    .fetch_all(conn)
    .await?;
    let known: Vec<_> = rows
        .iter()
        .filter(|row| row.block.is_some())
        .map(|row| (row.page.clone(), row.name.clone()))
        .collect();
    rows.retain(|row| row.block.is_some() || !known.contains(&(row.page.clone(), row.name.clone())));
    Ok(rows)
}

pub(super) struct CheckRow {
    pub session_id: Uuid,
    name: String,
    passed: bool,
}

impl TryFrom<&CheckRow> for LearnerCheck {
    type Error = Inconsistent;

    fn try_from(row: &CheckRow) -> Result<Self, Inconsistent> {
        let name = row.name.parse::<CheckName>();
        let name = name.map_err(|_| Inconsistent::new("check_results", "name", row.session_id))?;
        Ok(Self { name, passed: row.passed })
    }
}

/// Returns the checks of these sessions, each as a whole, in the order in which they were last run.
pub(super) async fn list_by_name(
    conn: &mut PgConnection,
    sessions: &[Uuid],
) -> Result<Vec<CheckRow>, StoreError> {
    Ok(sqlx::query_as!(
        CheckRow,
        "select session_id, name, passed from check_results where session_id = any($1) order by at, name",
        sessions
    )
    .fetch_all(conn)
    .await?)
}
