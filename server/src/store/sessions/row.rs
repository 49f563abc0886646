//! A row of `sessions`, read once and checked: whoever has one need not ask whether it contradicts itself.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::ids::{LabSlug, SessionId, TerminalName};
use lectern_api::page::PageLink;
use lectern_api::sessions::{EndReason, Notice, Session, SessionState, SessionTabs};
use sqlx::types::Json;
use uuid::Uuid;

use crate::lifecycle::{Phase, latest_end, warning_at};
use crate::store::{Inconsistent, StoreError};

/// A session as the database holds it.
#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: SessionId,
    /// `None` while it waits in the reserve, and once its learner's account was deleted.
    pub user_id: Option<Uuid>,
    pub lab: LabSlug,
    lab_title: String,
    phase: Phase,
    /// The learner's namespace.
    pub namespace: String,
    /// The learner's further namespaces.
    pub secondary_namespaces: Vec<String>,
    /// The pod with the terminals.
    pub workbench: String,
    pages: Vec<PageLink>,
    terminals: Vec<TerminalName>,
    terminal_layout: String,
    /// How many checks the lab has.
    pub checks_total: i32,
    /// The values of the lab's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The variables that the lab's set-up scripts wrote when they first ran. `None` until they have run.
    pub set_up_env: Option<BTreeMap<String, String>>,
    /// The variables whose values stand in objects of the session, as they were when it was made.
    pub referenced_env: BTreeMap<String, String>,
    notices: Vec<Notice>,
    /// How long it runs without extensions.
    pub duration_secs: i32,
    overtime_secs: i32,
    deadline_secs: i32,
    /// After how long without a sign of the learner it ends. `None` if it never does.
    pub orphaned_secs: Option<i32>,
    /// Stands for the lab's files as they were when it was made ahead.
    pub lab_version: String,
    created_at: DateTime<Utc>,
    /// When it became ready to be taken out of the reserve.
    pub ready_at: Option<DateTime<Utc>>,
    running_at: Option<DateTime<Utc>>,
    /// Until when a server holds the claim to recreate its workbench. `None` if the workbench is whole.
    pub rebuilding_until: Option<DateTime<Utc>>,
    /// The page last viewed.
    pub current_page: Option<String>,
    /// When the learner last did something.
    pub last_active_at: Option<DateTime<Utc>>,
}

/// A query for [`Columns`]: the SQL before and after the list of columns, then the arguments.
macro_rules! query_sessions {
    ($before:tt, $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::store::sessions::row::Columns,
            $before
                + r#" sessions.id,
                    sessions.user_id,
                    sessions.lab,
                    sessions.lab_title,
                    sessions.phase,
                    sessions.note,
                    sessions.end_reason as "end_reason: crate::store::sessions::row::Reason",
                    sessions.namespace,
                    sessions.secondary_namespaces,
                    sessions.workbench,
                    sessions.pages as "pages: crate::store::sessions::row::Pages",
                    sessions.terminals as "terminals: crate::store::sessions::row::Terminals",
                    sessions.terminal_layout,
                    sessions.checks_total,
                    sessions.parameters as "parameters: crate::store::sessions::row::Values",
                    sessions.set_up_env as "set_up_env: crate::store::sessions::row::Values",
                    sessions.referenced_env as "referenced_env: crate::store::sessions::row::Values",
                    sessions.notices as "notices: crate::store::sessions::row::Notices",
                    sessions.duration_secs,
                    sessions.overtime_secs,
                    sessions.deadline_secs,
                    sessions.orphaned_secs,
                    sessions.lab_version,
                    sessions.created_at,
                    sessions.ready_at,
                    sessions.running_at,
                    sessions.expires_at,
                    sessions.rebuilding_until,
                    sessions.current_page,
                    sessions.last_active_at "#
                + $after
            $(, $argument)*
        )
    };
}
pub(in crate::store) use query_sessions;

/// The types of the columns that hold JSON.
pub(in crate::store) type Reason = Json<EndReason>;
pub(in crate::store) type Pages = Json<Vec<PageLink>>;
pub(in crate::store) type Terminals = Json<Vec<TerminalName>>;
pub(in crate::store) type Values = Json<BTreeMap<String, String>>;
pub(in crate::store) type Notices = Json<Vec<Notice>>;

/// The columns as they are, in the order of [`query_sessions`].
#[derive(Debug)]
pub(in crate::store) struct Columns {
    pub id: Uuid,
    pub user_id: Option<Uuid>,
    pub lab: String,
    pub lab_title: String,
    pub phase: String,
    pub note: String,
    pub end_reason: Option<Json<EndReason>>,
    pub namespace: String,
    pub secondary_namespaces: Vec<String>,
    pub workbench: String,
    pub pages: Json<Vec<PageLink>>,
    pub terminals: Json<Vec<TerminalName>>,
    pub terminal_layout: String,
    pub checks_total: i32,
    pub parameters: Json<BTreeMap<String, String>>,
    pub set_up_env: Option<Json<BTreeMap<String, String>>>,
    pub referenced_env: Json<BTreeMap<String, String>>,
    pub notices: Json<Vec<Notice>>,
    pub duration_secs: i32,
    pub overtime_secs: i32,
    pub deadline_secs: i32,
    pub orphaned_secs: Option<i32>,
    pub lab_version: String,
    pub created_at: DateTime<Utc>,
    pub ready_at: Option<DateTime<Utc>>,
    pub running_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub rebuilding_until: Option<DateTime<Utc>>,
    pub current_page: Option<String>,
    pub last_active_at: Option<DateTime<Utc>>,
}

impl Columns {
    fn contradicts(&self, column: &'static str) -> Inconsistent {
        Inconsistent { table: "sessions", column, id: self.id.to_string() }
    }

    fn phase(&self) -> Result<Phase, Inconsistent> {
        let note = || self.note.clone();
        // releases before 0.2 wrote a sentence, and may still run beside this one
        let reason = || match &self.end_reason {
            Some(Json(reason)) => reason.clone(),
            None => EndReason::Other { text: note() },
        };
        Ok(match self.phase.as_str() {
            "reserved" => Phase::Reserved { step: self.ready_at.is_none().then(note) },
            "allocated" => Phase::Allocated { step: note() },
            "running" if self.running_at.is_none() => return Err(self.contradicts("running_at")),
            "running" => {
                Phase::Running { expires_at: self.expires_at.ok_or_else(|| self.contradicts("expires_at"))? }
            }
            "ending" => Phase::Ending { reason: reason() },
            "ended" => Phase::Ended { reason: reason() },
            "failed" => Phase::Failed { reason: note() },
            _ => return Err(self.contradicts("phase")),
        })
    }
}

impl TryFrom<Columns> for SessionRow {
    type Error = Inconsistent;

    fn try_from(columns: Columns) -> Result<Self, Inconsistent> {
        let phase = columns.phase()?;
        if matches!(phase, Phase::Allocated { .. } | Phase::Running { .. }) && columns.user_id.is_none() {
            return Err(columns.contradicts("user_id"));
        }
        let lab = columns.lab.parse().map_err(|_| columns.contradicts("lab"))?;
        Ok(Self {
            id: SessionId(columns.id),
            user_id: columns.user_id,
            lab,
            lab_title: columns.lab_title,
            phase,
            namespace: columns.namespace,
            secondary_namespaces: columns.secondary_namespaces,
            workbench: columns.workbench,
            pages: columns.pages.0,
            terminals: columns.terminals.0,
            terminal_layout: columns.terminal_layout,
            checks_total: columns.checks_total,
            parameters: columns.parameters.0,
            set_up_env: columns.set_up_env.map(|env| env.0),
            referenced_env: columns.referenced_env.0,
            notices: columns.notices.0,
            duration_secs: columns.duration_secs,
            overtime_secs: columns.overtime_secs,
            deadline_secs: columns.deadline_secs,
            orphaned_secs: columns.orphaned_secs,
            lab_version: columns.lab_version,
            created_at: columns.created_at,
            ready_at: columns.ready_at,
            running_at: columns.running_at,
            rebuilding_until: columns.rebuilding_until,
            current_page: columns.current_page,
            last_active_at: columns.last_active_at,
        })
    }
}

impl SessionRow {
    pub(in crate::store) fn read_one(columns: Option<Columns>) -> Result<Option<Self>, StoreError> {
        Ok(columns.map(Self::try_from).transpose()?)
    }

    pub(in crate::store) fn read_all(rows: Vec<Columns>) -> Result<Vec<Self>, StoreError> {
        Ok(rows.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
    }

    /// Where it is in its life, with what belongs to that.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether its terminals can be used.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Whether its lab lists this page.
    #[must_use]
    pub fn has_page(&self, name: &str) -> bool {
        self.pages.iter().any(|page| page.name == name)
    }

    /// The end that an extension would bring. Returns `None` if no more time can be had.
    #[must_use]
    pub fn extends_to(&self) -> Option<DateTime<Utc>> {
        let (Phase::Running { expires_at }, Some(running_at)) = (&self.phase, self.running_at) else {
            return None;
        };
        let secs = |number: i32| TimeDelta::seconds(number.into());
        latest_end(*expires_at, secs(self.overtime_secs), running_at + secs(self.deadline_secs))
    }

    fn wire_state(&self) -> SessionState {
        match &self.phase {
            Phase::Reserved { step } => SessionState::Starting { step: step.clone().unwrap_or_default() },
            Phase::Allocated { step } => SessionState::Starting { step: step.clone() },
            Phase::Running { expires_at } => SessionState::Running {
                expires_at: *expires_at,
                warn_at: warning_at(*expires_at, TimeDelta::seconds(self.duration_secs.into())),
                extends_to: self.extends_to(),
            },
            Phase::Ending { .. } => SessionState::Ending,
            Phase::Ended { reason } => SessionState::Ended { reason: reason.clone() },
            Phase::Failed { reason } => SessionState::Failed { reason: reason.clone() },
        }
    }

    /// The session as its learner sees it, without its tabs, which only its lab knows.
    #[must_use]
    pub fn to_wire(&self) -> Session {
        Session {
            id: self.id,
            lab: self.lab.clone(),
            lab_title: self.lab_title.clone(),
            state: self.wire_state(),
            namespace: self.namespace.clone(),
            pages: self.pages.clone(),
            terminals: self.terminals.clone(),
            terminal_layout: self.terminal_layout.clone(),
            tabs: SessionTabs::default(),
            created_at: self.created_at,
            notices: self.notices.clone(),
        }
    }
}
