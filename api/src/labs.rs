//! The catalogue.

use serde::{Deserialize, Serialize};

use crate::ids::LabSlug;
use crate::page::PageLink;

/// `GET /api/v1/labs`: one lab of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabSummary {
    /// Its name in URLs.
    pub slug: LabSlug,
    /// Its title.
    pub title: String,
    /// A few sentences; may be empty.
    pub description: String,
    /// `beginner`, `intermediate`, `advanced` or `extreme`.
    pub difficulty: Option<String>,
    /// The time it is meant to take.
    pub duration_minutes: Option<u32>,
    /// Tags, in the author's order.
    pub tags: Vec<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its table of contents.
    pub pages: Vec<PageLink>,
    /// Where it comes from: a folder, or the address of a repository, archive or artefact, without credentials. Only
    /// authors and admins are told.
    #[serde(default)]
    pub source: Option<String>,
    /// What is wrong with the lab's present files, where something is, and why its source could not be fetched; only
    /// authors and admins are told.
    /// A lab that never loaded has an empty `pages` and cannot be started.
    pub errors: Vec<LabProblem>,
    /// What lint finds in the lab's files. Empty for everybody but authors and admins.
    #[serde(default)]
    pub report: LabReport,
    /// What the lab asks for and does not get from this platform. Empty for everybody but instructors, authors and admins.
    #[serde(default)]
    pub warnings: Vec<LabProblem>,
    /// Whether its learners can take over the machine that their pods run on; only instructors, authors and admins are
    /// told.
    #[serde(default)]
    pub privileged: bool,
    /// What of the lab is switched off on this platform, in a few plain words each.
    #[serde(default)]
    pub switched_off: Vec<String>,
}

/// What lint finds in a lab's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabReport {
    /// The findings, the worst first; not all of them if there are very many.
    pub findings: Vec<LabFinding>,
    /// How many more there are.
    pub left_out: u32,
}

/// One finding of lint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabFinding {
    /// `error`, `warning` or `advice`.
    pub severity: String,
    /// The kind of finding, such as `missing-file`; `lectern lint --explain` says more about it.
    pub code: String,
    /// The file, relative to the lab's folder.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// One thing that is wrong with a lab's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabProblem {
    /// The file, relative to the lab's folder; or the source, where that is meant.
    pub file: String,
    /// The line, from 1; absent where the whole file is meant.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
