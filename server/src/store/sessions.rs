//! Sessions: their rows.

pub mod claims;
pub mod removal;
pub mod reserve;
pub mod time;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::ids::{LabSlug, SessionId, TerminalName, UserId};
use lectern_api::page::PageLink;
use lectern_api::sessions::{Session, SessionState};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{SESSION_CHANGES, StoreError};
use crate::sessions::lifecycle::{Phase, latest_end, warning_at};

/// A row of `sessions`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is; nobody's while it waits in reserve.
    pub user_id: Option<Uuid>,
    /// The lab's slug.
    pub lab: String,
    lab_title: String,
    phase: String,
    note: String,
    /// The learner's namespace.
    pub namespace: String,
    /// The learner's further namespaces.
    pub secondary_namespaces: Vec<String>,
    /// The pod with the terminals.
    pub workbench: String,
    pages: Json<Vec<PageLink>>,
    terminals: Json<Vec<TerminalName>>,
    terminal_layout: String,
    /// How many checks the lab has.
    pub checks_total: i32,
    /// The values of the lab's parameters.
    pub parameters: Json<BTreeMap<String, String>>,
    /// The variables that its set-up scripts wrote when they ran first; none: they have not run.
    pub set_up_env: Option<Json<BTreeMap<String, String>>>,
    /// How long it runs without extensions.
    pub duration_secs: i32,
    /// What one extension adds.
    pub overtime_secs: i32,
    /// How long it may run with all extensions.
    pub deadline_secs: i32,
    /// Stands for the lab's files as they were when it was made ahead.
    pub lab_version: String,
    created_at: DateTime<Utc>,
    /// Since when it can be taken out of the reserve.
    pub ready_at: Option<DateTime<Utc>>,
    running_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    /// Until when a server makes its workbench anew; none: it is whole.
    pub rebuilding_until: Option<DateTime<Utc>>,
    /// When the learner's cluster token must be replaced.
    pub token_expires_at: Option<DateTime<Utc>>,
    /// The page last viewed.
    pub current_page: Option<String>,
    /// When the learner last did something.
    pub last_active_at: Option<DateTime<Utc>>,
}

impl SessionRow {
    /// Its id.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        SessionId(self.id)
    }

    /// Where it is in its life, with what belongs to that.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let note = self.note.clone();
        match (self.phase.as_str(), self.expires_at) {
            ("reserved", _) => Phase::Reserved { step: self.ready_at.is_none().then_some(note) },
            ("allocated", _) => Phase::Allocated { step: note },
            ("running", Some(expires_at)) => Phase::Running { expires_at },
            ("ending", _) => Phase::Ending { reason: note },
            ("ended", _) => Phase::Ended { reason: note },
            _ => Phase::Failed { reason: note },
        }
    }

    /// Whether its terminals can be used.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.phase(), Phase::Running { .. })
    }

    /// Whether its lab lists this page.
    #[must_use]
    pub fn has_page(&self, name: &str) -> bool {
        self.pages.iter().any(|page| page.name == name)
    }

    /// The end that an extension would bring; none where no more time is to be had.
    #[must_use]
    pub fn extends_to(&self) -> Option<DateTime<Utc>> {
        let (running_at, expires_at) = (self.running_at?, self.expires_at?);
        let secs = |number: i32| TimeDelta::seconds(number.into());
        latest_end(expires_at, secs(self.overtime_secs), running_at + secs(self.deadline_secs))
    }

    fn wire_state(&self) -> SessionState {
        match self.phase() {
            Phase::Reserved { step } => SessionState::Starting { step: step.unwrap_or_default() },
            Phase::Allocated { step } => SessionState::Starting { step },
            Phase::Running { expires_at } => SessionState::Running {
                expires_at,
                warn_at: warning_at(expires_at, TimeDelta::seconds(self.duration_secs.into())),
                extends_to: self.extends_to(),
            },
            Phase::Ending { .. } => SessionState::Ending,
            Phase::Ended { reason } => SessionState::Ended { reason },
            Phase::Failed { reason } => SessionState::Failed { reason },
        }
    }

    /// The session as its learner sees it; an error where the row holds a lab name that is none.
    ///
    /// # Errors
    /// [`StoreError::Statement`] (decoding).
    pub fn to_wire(&self) -> Result<Session, StoreError> {
        let lab: LabSlug =
            self.lab.parse().map_err(|error| StoreError::Statement(sqlx::Error::Decode(Box::new(error))))?;
        Ok(Session {
            id: self.session_id(),
            lab,
            lab_title: self.lab_title.clone(),
            state: self.wire_state(),
            namespace: self.namespace.clone(),
            pages: self.pages.0.clone(),
            terminals: self.terminals.0.clone(),
            terminal_layout: self.terminal_layout.clone(),
            created_at: self.created_at,
        })
    }
}

/// What a new session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is; nobody's where it is made ahead.
    pub user: Option<UserId>,
    /// Which lab.
    pub lab: LabSlug,
    /// The lab's title.
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
    /// Its terminals.
    pub terminals: Vec<TerminalName>,
    /// Their arrangement.
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
    /// What one extension adds, in seconds; 0: there are none.
    pub overtime_secs: i32,
    /// With all extensions, in seconds.
    pub deadline_secs: i32,
    /// After how long without a sign of the learner it ends, in seconds; none: never.
    pub orphaned_secs: Option<i32>,
}

/// Adds a session that the caller works on for `claim_secs`: `allocated` where it has a learner, else `reserved`.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `one_live_session_per_learner_and_lab` where there is one.
pub async fn insert_session(
    conn: &mut PgConnection,
    new: &NewSession,
    claim_secs: i32,
) -> Result<SessionRow, StoreError> {
    let row = sqlx::query_as(
        "insert into sessions (id, user_id, lab, lab_title, phase, note, namespace, secondary_namespaces, workbench,
             parameters, pages, terminals, terminal_layout, checks_total, duration_secs, overtime_secs,
             deadline_secs, orphaned_secs, lab_version, claimed_until)
         values ($1, $2, $3, $4, case when $2 is null then 'reserved' else 'allocated' end, $5, $6, $7, $8, $9,
             $10, $11, $12, $13, $14, $15, $16, $17, $18, now() + make_interval(secs => $19))
         returning *",
    )
    .bind(new.id.0)
    .bind(new.user.map(|user| user.0))
    .bind(new.lab.as_str())
    .bind(&new.lab_title)
    .bind(&new.step)
    .bind(&new.namespace)
    .bind(&new.secondary_namespaces)
    .bind(&new.workbench)
    .bind(Json(&new.parameters))
    .bind(Json(&new.pages))
    .bind(Json(&new.terminals))
    .bind(&new.terminal_layout)
    .bind(new.checks_total)
    .bind(new.terms.duration_secs)
    .bind(new.terms.overtime_secs)
    .bind(new.terms.deadline_secs)
    .bind(new.terms.orphaned_secs)
    .bind(&new.lab_version)
    .bind(f64::from(claim_secs))
    .fetch_one(&mut *conn)
    .await?;
    announce(conn, new.id, new.user).await?;
    Ok(row)
}

/// The learner's live session of this lab.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_live(
    conn: &mut PgConnection,
    user: UserId,
    lab: &LabSlug,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions where user_id = $1 and lab = $2 and phase in ('allocated', 'running')",
    )
    .bind(user.0)
    .bind(lab.as_str())
    .fetch_optional(conn)
    .await?)
}

/// The session, if this person owns it.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_owned(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where id = $1 and user_id = $2")
        .bind(id.0)
        .bind(user.0)
        .fetch_optional(conn)
        .await?)
}

/// The session, if this person owns it, or is an instructor in whose class its learner is enrolled.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_visible(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select s.* from sessions s where s.id = $1 and (s.user_id = $2 or exists (
             select from enrolments e join classes c on c.id = e.class_id join users o on o.id = c.owner_id
             where e.user_id = s.user_id and c.owner_id = $2 and o.role <> 'learner'))",
    )
    .bind(id.0)
    .bind(user.0)
    .fetch_optional(conn)
    .await?)
}

/// The session, whoever owns it: for the reconciler.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_session(conn: &mut PgConnection, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where id = $1").bind(id.0).fetch_optional(conn).await?)
}

/// Keeps the variables that a session's set-up scripts wrote, unless some are kept already.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn keep_set_up_env(
    conn: &mut PgConnection,
    id: SessionId,
    env: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    sqlx::query("update sessions set set_up_env = $2 where id = $1 and set_up_env is null")
        .bind(id.0)
        .bind(Json(env))
        .execute(conn)
        .await?;
    Ok(())
}

/// A person's sessions that are not over, and the last fifty that are, newest first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_owned(conn: &mut PgConnection, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions where user_id = $1
         order by phase in ('allocated', 'running', 'ending') desc, created_at desc limit 50",
    )
    .bind(user.0)
    .fetch_all(conn)
    .await?)
}

/// Writes a session's new phase, if it is still in the phase `from`; whether it was.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_phase(
    conn: &mut PgConnection,
    id: SessionId,
    from: &Phase,
    to: &Phase,
) -> Result<bool, StoreError> {
    let (note, expires_at) = match to {
        Phase::Reserved { step } => (step.as_deref().unwrap_or_default(), None),
        Phase::Allocated { step } => (step.as_str(), None),
        Phase::Running { expires_at } => ("", Some(*expires_at)),
        Phase::Ending { reason } | Phase::Ended { reason } | Phase::Failed { reason } => {
            (reason.as_str(), None)
        }
    };
    let user: Option<Option<Uuid>> = sqlx::query_scalar(
        "update sessions set phase = $3, note = $4, expires_at = coalesce($5, expires_at),
             ready_at = case when $6 then coalesce(ready_at, now()) else ready_at end,
             running_at = case when $3 = 'running'
                 then coalesce(running_at, $5 - make_interval(secs => duration_secs)) else running_at end,
             ended_at = case when $3 in ('ended', 'failed') then now() else ended_at end
         where id = $1 and phase = $2 returning user_id",
    )
    .bind(id.0)
    .bind(from.name())
    .bind(to.name())
    .bind(note)
    .bind(expires_at)
    .bind(matches!(to, Phase::Reserved { step: None } | Phase::Running { .. }))
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(user) = user {
        announce(conn, id, user.map(UserId)).await?;
    }
    Ok(user.is_some())
}

/// Tells all servers that something about a session changed, when the transaction commits. A session in reserve is
/// nobody's business but the reconciler's, which hears of it too.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn announce(
    conn: &mut PgConnection,
    id: SessionId,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    let user = user.map_or(Uuid::nil(), |user| user.0);
    sqlx::query("select pg_notify($1, $2)")
        .bind(SESSION_CHANGES)
        .bind(format!("{id} {user}"))
        .execute(conn)
        .await?;
    Ok(())
}
