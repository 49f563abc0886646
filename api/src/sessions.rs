//! Sessions: one learner's run of one lab.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{CheckName, LabSlug, SessionId, TerminalName};
use crate::page::PageLink;

/// The domain of the addresses that a session's variables give for its web applications where web previews are off: no
/// host under it exists, and whoever leads to one says so instead.
pub const NO_PREVIEW_DOMAIN: &str = "no-preview.invalid";

/// The domain of those addresses where web applications are reached by ports. No host under it exists either, but
/// `POST …/preview-grants` answers with the address to open instead.
pub const PORTS_PREVIEW_DOMAIN: &str = "preview.invalid";

/// `POST /api/v1/sessions/{id}/preview-grants`: ask for a way to a web application of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskPreview {
    /// Its address, as the lab's variables make it.
    pub url: String,
}

/// Answers [`AskPreview`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewGrant {
    /// The address to load, in a frame or a tab, once and within a minute. It leads to the application.
    pub url: String,
}

/// `POST /api/v1/sessions`: start a lab. A learner who already runs it gets the session there is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartSession {
    /// Which lab.
    pub lab: LabSlug,
    /// Values for parameters that the lab declares, by their names or aliases; the lab's own for the rest.
    /// They count for a new session only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// `POST /api/v1/sessions/{id}/extensions`: more time. Answered with the [`Session`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExtendSession {
    /// The end that the caller has seen. Where it has moved since, nothing is added: so a retry counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum SessionState {
    /// Its objects are being made.
    Starting {
        /// What is being done, for the learner: `Starting the workbench`.
        step: String,
    },
    /// The terminals can be used.
    Running {
        /// When it ends by itself.
        expires_at: DateTime<Utc>,
        /// From when on its learner should be warned that the end is near.
        warn_at: DateTime<Utc>,
        /// What `POST …/extensions` would make of the end; absent where no more time is to be had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extends_to: Option<DateTime<Utc>>,
    },
    /// Its objects are being removed.
    Ending,
    /// It is over.
    Ended {
        /// Why it ended.
        reason: EndReason,
    },
    /// It could not be started, or broke.
    Failed {
        /// Why, and what to do, in words for the learner.
        reason: String,
    },
}

/// Why a session ended. The words for it are made where they are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its learner ended it.
    Learner,
    /// Its learner's account was deleted.
    AccountDeleted,
    /// Its learner's account was disabled.
    AccountDisabled,
    /// Its time was over.
    Expired,
    /// Its learner was away for too long.
    Abandoned {
        /// For how long, in minutes.
        minutes: u32,
    },
    /// Its workbench was lost and could not be recreated.
    WorkbenchLost {
        /// Why it could not, in words for the learner.
        detail: String,
    },
    /// It waited in the reserve and was of no more use there.
    Discarded {
        /// What was wrong with it.
        because: Discarded,
    },
    /// What an earlier release wrote: a sentence without a subject, such as `its time was over`.
    #[serde(rename = "text")]
    Other {
        /// The sentence.
        text: String,
    },
}

/// Why a session that waited in the reserve was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discarded {
    /// Its lab or its workbench is no longer as it was made.
    Outdated,
    /// Its lab left the catalogue.
    LabGone,
    /// More were in reserve than the operator wants.
    Surplus,
    /// There was no room for it.
    NoRoom,
    /// A learner who started another lab needed its place.
    MadeRoom,
}

/// `GET /api/v1/sessions/{id}`, and what `…/events` sends on each change (SSE event `session`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Which lab.
    pub lab: LabSlug,
    /// The lab's title.
    pub lab_title: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// The learner's namespace in the cluster.
    pub namespace: String,
    /// The lab's table of contents.
    pub pages: Vec<PageLink>,
    /// The terminals that the layout shows, in order.
    pub terminals: Vec<TerminalName>,
    /// How they are arranged: `default`, `split`, `split/2`, `lower` or `none` (the dialect's words).
    pub terminal_layout: String,
    /// What stands beside the terminals. Lists of sessions leave it out.
    #[serde(default, skip_serializing_if = "SessionTabs::is_empty")]
    pub tabs: SessionTabs,
    /// When the learner asked for it.
    pub created_at: DateTime<Utc>,
    /// What its learner should know of how it was made: what of the lab is missing, and what went wrong without
    /// keeping it from starting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// The tabs of a session that a lab asks for, apart from its terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTabs {
    /// The tools, in the order in which they are shown.
    pub tools: Vec<Tool>,
    /// The lab's own tabs, in its order.
    pub dashboards: Vec<Dashboard>,
}

impl SessionTabs {
    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.dashboards.is_empty()
    }
}

/// A tool that has a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// The editor.
    Editor,
    /// The files of the home directory: browse, upload, download.
    Files,
    /// What runs in the session's namespaces.
    Cluster,
}

/// A tab of the lab's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    /// What the tab is called.
    pub name: String,
    /// What it shows: a web address, or `terminal:<name>`.
    pub url: String,
}

/// Something of a session that is not as the lab's author meant it. The session runs all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub about: NoticeAbout,
    /// A sentence for the learner: what is missing or failed, and why.
    pub message: String,
    /// What a script printed, or the end of it; may have many lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What a [`Notice`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeAbout {
    /// An object that the lab prepares is missing.
    Object,
    /// A set-up script failed, or took too long and was stopped.
    SetUp,
    /// An environment variable has no value.
    Variable,
    /// Something that the lab wants of the workbench itself is missing.
    Workbench,
}

/// `POST /api/v1/sessions/{id}/checks/{name}`: run a check.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunCheck {
    /// The page on which the check stands, for the learner's progress.
    #[serde(default)]
    pub page: Option<String>,
    /// The number of the block on that page that runs it. Two blocks with one check have a result each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// Arguments for the script.
    #[serde(default)]
    pub args: Vec<String>,
    /// What a form gave; JSON on the script's standard input, which is an empty object if there is no form.
    #[serde(default)]
    pub inputs: Option<serde_json::Value>,
    /// How long one try may take; at most 120, absent: 15.
    #[serde(default)]
    pub timeout_secs: Option<u32>,
}

/// What a check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Which check.
    pub name: CheckName,
    /// Whether it passed: exit status 0 in time.
    pub passed: bool,
    /// What it printed to both streams: the first and the last 8 KiB.
    pub output: String,
    /// How long it took.
    pub duration_ms: u64,
}
