//! State that the checks on every request share.

use std::sync::Once;

use super::headers::Headers;
use super::hosts::Hosts;
use super::limits::Limits;
use super::readiness::Readiness;
use crate::config::ServiceConfig;

/// State that these checks share.
pub struct Edge {
    pub limits: Limits,
    /// The headers of answers.
    pub headers: Headers,
    pub readiness: Readiness,
    pub(super) hosts: Hosts,
    pub(super) https_warning: Once,
}

impl Edge {
    #[must_use]
    pub fn new(config: &ServiceConfig) -> Self {
        Self {
            limits: Limits::default(),
            headers: Headers::new(config),
            readiness: Readiness::default(),
            hosts: Hosts::new(config.public_url.as_ref(), &config.allowed_hosts),
            https_warning: Once::new(),
        }
    }
}
