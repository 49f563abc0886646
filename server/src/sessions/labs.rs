//! The labs of sessions, as far as the catalogue still has them.

use std::sync::Arc;

use lectern_api::ids::LabSlug;
use lectern_content::Lab;

use super::SessionError;
use crate::catalog::Catalog;
use crate::config::previews::PreviewSite;

/// The catalogue, asked for labs that are to run.
#[derive(Clone)]
pub(super) struct Labs {
    pub(super) catalog: Catalog,
    /// Where browsers reach their web applications, which labs are told.
    pub(super) previews: Arc<PreviewSite>,
}

impl Labs {
    /// Finds a lab that can run. That of a session may have left the catalogue since.
    ///
    /// # Errors
    /// [`SessionError::UnknownLab`], [`SessionError::BrokenLab`].
    pub(super) fn find(&self, slug: &LabSlug) -> Result<Arc<Lab>, SessionError> {
        match self.catalog.find_lab(slug) {
            Some(Ok(lab)) => Ok(lab),
            Some(Err(_)) => Err(SessionError::BrokenLab(slug.clone())),
            None => Err(SessionError::UnknownLab(slug.clone())),
        }
    }
}
