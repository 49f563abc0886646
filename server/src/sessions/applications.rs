//! The web applications of running sessions: which a lab names, and connections to them through the workbench.

use lectern_api::ids::{SessionId, UserId};
use lectern_link::MuxStream;

use super::environment::{definition_values, fill};
use super::spec::names;
use super::{SessionError, Workbenches};
use crate::cluster::{Backend, Routes};
use crate::store::sessions::SessionRow;

/// The host that stands for the workbench itself.
const WORKBENCH: &str = "localhost";

/// A web application that a lab names in `session.ingresses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub name: String,
    pub is_https: bool,
    /// Where it listens, as seen from the workbench.
    pub host: String,
    pub port: u16,
}

impl Workbenches {
    /// Finds a running session of the learner's, to show its web applications.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`].
    pub async fn find_previewed(&self, user: UserId, id: SessionId) -> Result<SessionRow, SessionError> {
        self.find_running(user, id).await
    }

    /// Lists the applications that the session's lab names.
    #[must_use]
    pub fn list_applications(&self, row: &SessionRow) -> Vec<Application> {
        let Ok(lab) = self.labs.find(&row.lab) else { return vec![] };
        let values = definition_values(row, &lab, &self.labs.previews);
        let application = |ingress: &lectern_content::spec::Ingress| {
            let text = |text: &Option<String>| text.as_deref().map(|text| fill(text, &values));
            let is_https =
                text(&ingress.protocol).is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"));
            Application {
                name: fill(&ingress.name, &values),
                is_https,
                host: text(&ingress.host)
                    .filter(|host| !host.is_empty())
                    .unwrap_or_else(|| WORKBENCH.to_owned()),
                port: ingress.port.unwrap_or(if is_https { 443 } else { 80 }),
            }
        };
        lab.spec.session.ingresses.iter().map(application).collect()
    }

    /// Reads the rules of the session's Ingress objects.
    ///
    /// # Errors
    /// The cluster's.
    pub async fn list_routes(&self, row: &SessionRow) -> Result<Routes, SessionError> {
        Ok(self.cluster.list_routes(&names(row)).await?)
    }

    /// Returns where the workbench reaches the service of a rule; `None` if there is none.
    ///
    /// # Errors
    /// The cluster's.
    pub async fn find_service(&self, backend: &Backend) -> Result<Option<(String, u16)>, SessionError> {
        Ok(self.cluster.find_service(backend).await?)
    }

    /// Connects to a port of the workbench or of a host that it reaches. The link is one of its own: what passes through it
    /// holds up no terminal.
    ///
    /// # Errors
    /// [`SessionError::Workbench`], whose cause says why the port cannot be reached.
    pub async fn dial(&self, row: &SessionRow, host: &str, port: u16) -> Result<MuxStream, SessionError> {
        let opening = self.preview_links.find_or_open(row.id, self.provisioner.open_bare_link(row));
        let link = Self::opened(opening).await?;
        let dialled = match host {
            WORKBENCH | "127.0.0.1" | "::1" => link.dial(port).await,
            host => link.connect_to(host, port).await,
        };
        dialled.map_err(SessionError::Workbench)
    }

    /// Closes a session's link for web applications.
    pub async fn close_previews(&self, id: SessionId) {
        self.preview_links.forget(id).await;
    }
}
