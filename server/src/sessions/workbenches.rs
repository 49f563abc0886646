//! Running sessions: their terminals, and the links to their workbenches. Checks are in [`super::checks`], files in
//! [`super::files`].

use std::io::Error as IoError;
use std::sync::Arc;
use std::time::Duration;

use lectern_api::ids::{SessionId, UserId};
use lectern_api::terminal::AttachRequest;
use lectern_link::{Link, LinkError};
use sqlx::PgPool;

use super::activity::Activity;
use super::labs::Labs;
use super::links::Links;
use super::provision::{ProvisionError, Provisioner};
use super::{SessionError, find_owned};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::store::sessions::SessionRow;
use crate::terminals::Attached;

/// Timeout for connecting to the workbench before the learner sees an error.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// What goes on in running sessions. Clones share it.
#[derive(Clone)]
pub struct Workbenches {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) cluster: Cluster,
    pub(super) labs: Labs,
    pub(super) links: Arc<Links>,
    /// Links that carry web applications only.
    pub(super) preview_links: Arc<Links>,
    pub(super) activity: Arc<Activity>,
    pub(super) provisioner: Provisioner,
}

impl Workbenches {
    /// Attaches a viewer to a terminal, which is started if it does not run.
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

    /// Checks that the person may still use this session's terminals.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`].
    pub async fn check_terminal_access(&self, user: UserId, id: SessionId) -> Result<(), SessionError> {
        self.find_running(user, id).await.map(drop)
    }

    pub(super) async fn find_running(&self, user: UserId, id: SessionId) -> Result<SessionRow, SessionError> {
        let row = find_owned(&self.pool, user, id).await?;
        if !row.is_running() {
            return Err(SessionError::NotRunning);
        }
        self.record_activity(id);
        Ok(row)
    }

    pub(super) async fn link(&self, row: &SessionRow) -> Result<Link, SessionError> {
        Self::opened(self.links.find_or_open(row.id, self.provisioner.open_link(row))).await
    }

    /// Waits for a link, but no longer than its learner would.
    pub(super) async fn opened(
        opening: impl Future<Output = Result<Link, ProvisionError>>,
    ) -> Result<Link, SessionError> {
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
