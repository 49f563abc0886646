//! Classes: an instructor's group, and its live view.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{CheckName, ClassId, JoinCode, LabSlug, PageName, SessionId, UserId};
use crate::sessions::{Notice, SessionState};

/// `POST /api/v1/classes` (instructor).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewClass {
    /// 1 to 80 characters.
    pub name: String,
}

/// `GET /api/v1/classes`: for instructors their classes, for learners those they are enrolled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its id.
    pub id: ClassId,
    /// Its name.
    pub name: String,
    /// What learners type to join; only its instructor sees it.
    pub join_code: Option<String>,
    /// Whom the code lets in; only its instructor sees it.
    #[serde(default)]
    pub join_rules: Option<JoinRules>,
    /// How many learners are enrolled.
    pub learners: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// `PUT /api/v1/classes/{id}/join-rules` (its instructor): whom the join code lets in. `POST
/// /api/v1/classes/{id}/join-codes` replaces the code and keeps these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRules {
    /// Whether anybody can join now.
    pub open: bool,
    /// From when on nobody can; absent: it does not end.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// How many learners the class takes; absent: any number. Fewer than it has lets nobody further in.
    #[serde(default)]
    pub max_learners: Option<u32>,
}

impl Default for JoinRules {
    fn default() -> Self {
        Self { open: true, expires_at: None, max_learners: None }
    }
}

/// `POST /api/v1/enrolments`: join a class by its code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinClass {
    /// The code, in any case, with or without the dash.
    pub join_code: JoinCode,
}

/// `GET /api/v1/classes/{id}/learners`, and what `…/events` sends (SSE event `learner`, one at a time).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerRow {
    /// Who.
    pub user: UserId,
    /// The name to show.
    pub display_name: String,
    /// The learner's newest session, if there ever was one.
    pub session: Option<LearnerSession>,
}

/// A learner's newest session, as their instructor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerSession {
    /// Its id.
    pub id: SessionId,
    /// Which lab.
    pub lab: LabSlug,
    /// The lab's title.
    pub lab_title: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// The page last viewed.
    pub current_page: Option<PageName>,
    /// That page's title.
    pub current_page_title: Option<String>,
    /// Its place in the lab, from 1.
    pub page_number: Option<u32>,
    /// How many pages the lab has.
    pub pages_total: u32,
    /// How many pages were viewed.
    pub pages_viewed: u32,
    /// The checks that were run, with their last result.
    pub checks: Vec<LearnerCheck>,
    /// How many checks the lab has.
    pub checks_total: u32,
    /// When the learner last did something.
    pub last_active_at: Option<DateTime<Utc>>,
    /// When the session was asked for.
    pub started_at: DateTime<Utc>,
    /// What of the session is not as the lab's author meant it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// One check of one learner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerCheck {
    /// Which check.
    pub name: CheckName,
    /// Whether it passed when last run.
    pub passed: bool,
}
