//! What a learner has done.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{CheckName, EventId, PageName};

/// `POST /api/v1/sessions/{id}/progress-events`: one thing that the learner did. At most 200 in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressEvent {
    /// Made by the browser; the same id twice counts once.
    pub id: EventId,
    /// When it happened by the browser's clock; the server also keeps its own.
    pub at: DateTime<Utc>,
    /// On which page.
    pub page: PageName,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// What the browser may report. Checks are recorded by the server, which ran them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// The page was shown.
    PageViewed,
    /// An action was run.
    ActionRun {
        /// The block's number on its page.
        action: u32,
    },
    /// The last page was finished.
    LabFinished,
}

/// `GET /api/v1/sessions/{id}/progress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionProgress {
    /// The page last viewed.
    pub current_page: Option<PageName>,
    /// The pages that were viewed or worked on.
    pub pages: Vec<PageProgress>,
    /// Whether the learner reached the end.
    pub finished: bool,
}

/// A learner on one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageProgress {
    /// Which page.
    pub page: PageName,
    /// When it was first shown.
    pub viewed_at: Option<DateTime<Utc>>,
    /// The numbers of the actions that were run at least once.
    pub actions_run: Vec<u32>,
    /// The last result of each block whose check was run.
    pub checks: Vec<CheckState>,
}

/// The last result of the check of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckState {
    /// Which check.
    pub name: CheckName,
    /// The number of the block on its page. Absent for what was recorded before each block had a result of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// Whether it passed when last run.
    pub passed: bool,
    /// How often it was run.
    pub runs: u32,
    /// When it was last run.
    pub at: DateTime<Utc>,
}
