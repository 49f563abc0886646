//! Errors as the API answers them: RFC 9457 problem details (`application/problem+json`).

use serde::{Deserialize, Serialize};

/// A problem. `code` is stable and meant for programs; `detail` is meant for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// Always `about:blank`; the code says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs, such as `not_found`.
    pub code: String,
    /// What happened and what to do next.
    pub detail: String,
    /// The field of the request that is meant, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
