//! What a learner does in a session: reads pages, attaches to terminals.

use std::io::Error as IoError;
use std::time::Duration;

use lectern_api::ids::{PageName, SessionId, UserId};
use lectern_api::page::RenderedPage;
use lectern_api::terminal::AttachRequest;
use lectern_content::{Lab, RenderOptions, Variables};
use lectern_link::{Link, LinkError};

use super::environment::page_variables;
use super::lifecycle::Phase;
use super::provision::ProvisionError;
use super::{SessionError, Sessions};
use crate::store::sessions::SessionRow;
use crate::terminals::Attached;

/// How long reaching the workbench may take before the learner is told.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

impl Sessions {
    /// A page with this session's values in it.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::UnknownPage`], [`SessionError::Render`], …
    pub async fn render_page(
        &self,
        user: UserId,
        id: SessionId,
        page: &PageName,
    ) -> Result<RenderedPage, SessionError> {
        let row = self.find_owned(user, id).await?;
        let lab = self.lab_of(&row)?;
        if !lab.pages.iter().any(|link| link.name == page.as_str()) {
            return Err(SessionError::UnknownPage(page.clone()));
        }
        let (variables, options) = page_values(&row, &lab);
        let page = page.clone();
        tokio::task::spawn_blocking(move || lab.render_page(page.as_str(), &variables, &options))
            .await
            .map_err(|error| SessionError::Render(error.to_string()))?
            .map_err(|error| SessionError::Render(error.to_string()))
    }

    /// Attaches a viewer to a terminal, which is started where it does not run.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`], [`SessionError::Workbench`], …
    pub async fn attach_terminal(
        &self,
        user: UserId,
        id: SessionId,
        request: AttachRequest,
    ) -> Result<Attached, SessionError> {
        let row = self.find_running(user, id).await?;
        let link = self.link(&row).await?;
        link.attach(request).await.map_err(SessionError::Workbench)
    }

    /// Whether the person may still have this session's terminals.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`], or the database's.
    pub async fn check_terminal_access(&self, user: UserId, id: SessionId) -> Result<(), SessionError> {
        self.find_running(user, id).await.map(drop)
    }

    pub(super) async fn find_running(&self, user: UserId, id: SessionId) -> Result<SessionRow, SessionError> {
        let row = self.find_owned(user, id).await?;
        match row.phase() {
            Phase::Running { .. } => {
                self.note_activity(id);
                Ok(row)
            }
            _ => Err(SessionError::NotRunning),
        }
    }

    async fn link(&self, row: &SessionRow) -> Result<Link, SessionError> {
        let opening = self.links.find_or_open(row.session_id(), self.open_link(row));
        match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(ProvisionError::Session(error))) => Err(*error),
            Ok(Err(ProvisionError::Cluster(error))) => Err(error.into()),
            Ok(Err(ProvisionError::Link(error))) => Err(SessionError::Workbench(error)),
            Ok(Err(other)) => {
                Err(SessionError::Workbench(LinkError::from(IoError::other(other.to_string()))))
            }
            Err(_) => {
                let late = IoError::new(std::io::ErrorKind::TimedOut, "no answer from the workbench");
                Err(SessionError::Workbench(LinkError::from(late)))
            }
        }
    }
}

/// What a session's pages are rendered with.
pub(super) fn page_values(row: &SessionRow, lab: &Lab) -> (Variables, RenderOptions) {
    (page_variables(row, lab), RenderOptions::new(format!("/api/v1/labs/{}/files", lab.slug)))
}
