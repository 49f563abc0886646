//! What the platform says of itself.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/platform` (instructor and above).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Lectern's version.
    pub version: String,
    /// The cluster's version, such as `v1.35.4`.
    pub kubernetes_version: String,
    /// What an operator should know and mend.
    pub notices: Vec<Notice>,
}

/// One thing that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// A stable word, such as `network_policies_not_enforced`.
    pub code: String,
    /// What it is and what to do.
    pub message: String,
}
