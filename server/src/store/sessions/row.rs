//! A row of `sessions`, read once and checked: whoever has one need not ask whether it contradicts itself.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::ids::{LabSlug, SessionId, TerminalName};
use lectern_api::page::PageLink;
use lectern_api::sessions::{EndReason, Session, SessionState};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::lifecycle::{Phase, latest_end, warning_at};
use crate::store::Inconsistent;

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
    /// How long it runs without extensions.
    pub duration_secs: i32,
    overtime_secs: i32,
    deadline_secs: i32,
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

/// The columns as they are.
#[derive(sqlx::FromRow)]
struct Columns {
    id: Uuid,
    user_id: Option<Uuid>,
    lab: String,
    lab_title: String,
    phase: String,
    note: String,
    end_reason: Option<Json<EndReason>>,
    namespace: String,
    secondary_namespaces: Vec<String>,
    workbench: String,
    pages: Json<Vec<PageLink>>,
    terminals: Json<Vec<TerminalName>>,
    terminal_layout: String,
    checks_total: i32,
    parameters: Json<BTreeMap<String, String>>,
    set_up_env: Option<Json<BTreeMap<String, String>>>,
    duration_secs: i32,
    overtime_secs: i32,
    deadline_secs: i32,
    lab_version: String,
    created_at: DateTime<Utc>,
    ready_at: Option<DateTime<Utc>>,
    running_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    rebuilding_until: Option<DateTime<Utc>>,
    current_page: Option<String>,
    last_active_at: Option<DateTime<Utc>>,
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
            duration_secs: columns.duration_secs,
            overtime_secs: columns.overtime_secs,
            deadline_secs: columns.deadline_secs,
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

impl sqlx::FromRow<'_, PgRow> for SessionRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Columns::from_row(row)?.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

impl SessionRow {
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

    /// The session as its learner sees it.
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
            created_at: self.created_at,
        }
    }
}
