//! The audit log: who did what, from where, and how it ended.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// `GET /api/v1/audit?before=…&limit=…` (admin): a page of the log, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// At most `limit` of them (100, at most 500).
    pub records: Vec<AuditRecord>,
    /// What to ask for next as `before`; absent: this was the end.
    pub next_before: Option<i64>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number: one more than the record's before it.
    pub id: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Who did it; absent: nobody was signed in, or it was the command line or the server itself.
    pub actor: Option<UserId>,
    /// The actor's user name, while the account exists.
    pub actor_name: Option<String>,
    /// Where the request came from; `cli` and `server` stand for the command line and the server itself.
    pub address: String,
    /// What was tried, such as `sign_in`.
    pub action: String,
    /// To what: `user:<id>`, `class:<id>`, `session:<id>`, or empty.
    pub object: String,
    /// The user name behind a `user:` object, while the account exists.
    pub object_name: Option<String>,
    /// `ok`, or the code of the problem that was answered, such as `sign_in_refused`.
    pub outcome: String,
    /// More about it, such as the new role.
    pub detail: String,
    /// How often it happened, where refusals in short succession became one record.
    pub times: u32,
}
