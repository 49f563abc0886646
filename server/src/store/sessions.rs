//! Sessions: their rows. [`transition`] writes their phases; nothing else does.

pub mod claims;
pub mod notices;
pub mod removal;
pub mod reserve;
pub(in crate::store) mod row;
pub mod time;
pub mod transition;

use std::collections::BTreeMap;

use lectern_api::ids::{LabSlug, SessionId, TerminalName, UserId};
use lectern_api::page::PageLink;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::StoreError;
use super::announcements::SESSION_CHANGES;
use crate::lifecycle::Phase;
pub use row::SessionRow;
pub(in crate::store) use row::query_sessions;
use transition::phase_word;

/// A session that is about to be added.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub id: SessionId,
    /// Its learner. `None` if it is made ahead.
    pub user: Option<UserId>,
    pub lab: LabSlug,
    pub lab_title: String,
    /// The learner's namespace.
    pub namespace: String,
    /// The learner's further namespaces.
    pub secondary_namespaces: Vec<String>,
    /// The pod with the terminals.
    pub workbench: String,
    /// The values of the lab's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The lab's table of contents.
    pub pages: Vec<PageLink>,
    pub terminals: Vec<TerminalName>,
    /// How the terminals are arranged, in the dialect's words.
    pub terminal_layout: String,
    /// How many checks the lab has.
    pub checks_total: i32,
    /// How long it may run.
    pub terms: Terms,
    /// Stands for the lab's files as they are now.
    pub lab_version: String,
    /// The first step's text.
    pub step: String,
}

/// How long a session may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Without extensions, in seconds.
    pub duration_secs: i32,
    /// What one extension adds, in seconds; 0 if there are none.
    pub overtime_secs: i32,
    /// With all extensions, in seconds.
    pub deadline_secs: i32,
    /// After how many seconds without a sign of the learner it ends. `None` if it never does.
    pub orphaned_secs: Option<i32>,
}

/// Adds a session, claimed by the caller for `claim_secs`: allocated if it has a learner, else reserved.
///
/// # Errors
/// With the constraint `one_live_session_per_learner_and_lab` if the learner has one already.
pub async fn insert_session(
    conn: &mut PgConnection,
    new: &NewSession,
    claim_secs: i32,
) -> Result<SessionRow, StoreError> {
    let phase = Phase::beginning(new.user.is_some(), new.step.clone());
    let row: row::Columns = query_sessions!("insert into sessions (id, user_id, lab, lab_title, phase, note, namespace, secondary_namespaces, workbench,
             parameters, pages, terminals, terminal_layout, checks_total, duration_secs, overtime_secs,
             deadline_secs, orphaned_secs, lab_version, claimed_until)
         values ($1, $2, $3, $4, $20, $5, $6, $7, $8, $9,
             $10, $11, $12, $13, $14, $15, $16, $17, $18, now() + make_interval(secs => $19)) returning", "", new.id.0, new.user.map(|user| user.0), new.lab.as_str(), &new.lab_title, &new.step, &new.namespace, &new.secondary_namespaces[..], &new.workbench, Json(&new.parameters) as _, Json(&new.pages) as _, Json(&new.terminals) as _, &new.terminal_layout, new.checks_total, new.terms.duration_secs, new.terms.overtime_secs, new.terms.deadline_secs, new.terms.orphaned_secs, &new.lab_version, f64::from(claim_secs), phase_word(&phase))
    .fetch_one(&mut *conn)
    .await?;
    announce(conn, new.id, new.user).await?;
    Ok(row.try_into()?)
}

/// Finds the learner's session of this lab that starts or runs.
pub async fn find_live(
    conn: &mut PgConnection,
    user: UserId,
    lab: &LabSlug,
) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(
        query_sessions!(
            "select",
            "from sessions where user_id = $1 and lab = $2 and phase in ('allocated', 'running')",
            user.0,
            lab.as_str()
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// Finds a session, if this person has it.
pub async fn find_owned(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(
        query_sessions!("select", "from sessions where id = $1 and user_id = $2", id.0, user.0)
            .fetch_optional(conn)
            .await?,
    )
}

/// Finds a session, if this person has it or is the instructor of a class in which its learner is enrolled.
pub async fn find_visible(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(
        query_sessions!(
            "select",
            "from sessions where sessions.id = $1 and (sessions.user_id = $2 or exists (
             select from enrolments e join classes c on c.id = e.class_id join users o on o.id = c.owner_id
             where e.user_id = sessions.user_id and c.owner_id = $2 and o.role <> 'learner'))",
            id.0,
            user.0
        )
        .fetch_optional(conn)
        .await?,
    )
}

/// Finds a session, whoever has it.
pub async fn find_session(conn: &mut PgConnection, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    SessionRow::read_one(
        query_sessions!("select", "from sessions where id = $1", id.0).fetch_optional(conn).await?,
    )
}

/// Stores the variables that a session's set-up scripts wrote, unless some are stored already.
pub async fn keep_set_up_env(
    conn: &mut PgConnection,
    id: SessionId,
    env: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update sessions set set_up_env = $2 where id = $1 and set_up_env is null",
        id.0,
        Json(env) as _
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists at most fifty of a person's sessions: those that are not over first, then the newest.
pub async fn list_owned(conn: &mut PgConnection, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
    SessionRow::read_all(
        query_sessions!(
            "select",
            "from sessions where user_id = $1
         order by phase in ('allocated', 'running', 'ending') desc, created_at desc limit 50",
            user.0
        )
        .fetch_all(conn)
        .await?,
    )
}

/// Announces to all servers that a session changed, when the transaction commits.
pub async fn announce(
    conn: &mut PgConnection,
    id: SessionId,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    let user = user.map_or(Uuid::nil(), |user| user.0);
    sqlx::query!("select pg_notify($1, $2)", SESSION_CHANGES, format!("{id} {user}")).execute(conn).await?;
    Ok(())
}
