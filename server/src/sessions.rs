//! Sessions: one learner's run of one lab, from the click to the last object's removal.
//!
//! What a session shall be stands in Postgres first; [`provision`] and the [`reconciler`] make the cluster
//! follow. The pure states are in [`lifecycle`].

mod environment;
pub mod lifecycle;
mod links;
mod provision;
pub mod reconciler;
mod spec;
mod workspace;

use std::sync::Arc;

use lectern_api::ids::{CheckName, LabSlug, PageName, SessionId, UserId};
use lectern_api::sessions::Session;
use lectern_content::Lab;
use lectern_link::LinkError;
use sqlx::PgPool;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterError, SessionNames};
use crate::store::sessions::{NewSession, SessionRow};
use crate::store::{self, StoreError};
use lifecycle::{Event, Phase};
pub use workspace::AttachTerminal;

/// How long a server that works on a session owns that work without saying that it is still there.
const CLAIM_SECS: i32 = 30;

/// Why something about a session could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such lab.
    #[error("there is no lab {0}")]
    UnknownLab(LabSlug),
    /// The lab's files never loaded.
    #[error(
        "the lab {0} cannot be started because its files are broken; its authors see why in the catalogue"
    )]
    BrokenLab(LabSlug),
    /// No such session, or somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    /// No such page.
    #[error("the lab has no page {0}")]
    UnknownPage(PageName),
    /// Not now.
    #[error("the session is not running")]
    NotRunning,
    /// The page cannot be shown.
    #[error("the page cannot be shown: {0}")]
    Render(String),
    /// The workbench does not answer.
    #[error("the workbench does not answer at the moment; it is tried again when you try again")]
    Workbench(#[source] LinkError),
    /// The agent would not run the check.
    #[error("the check {name} could not be run: {reason}", name = .0.name, reason = .0.reason)]
    CheckRefused(CheckRefusal),
    /// The cluster failed.
    #[error("the cluster could not do its part; try again in a minute")]
    Cluster(#[from] ClusterError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which check was not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRefusal {
    /// Its name.
    pub name: CheckName,
    /// The agent's words.
    pub reason: String,
}

impl From<sqlx::Error> for SessionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The service. Clones share it.
#[derive(Clone)]
pub struct Sessions {
    pool: PgPool,
    clock: Clock,
    cluster: Cluster,
    catalog: Catalog,
    links: Arc<links::Links>,
    /// Where long work runs: not on the threads that serve requests, which end with their server.
    runtime: tokio::runtime::Handle,
}

impl Sessions {
    /// The service on this database, cluster and catalogue. Long work runs on the runtime that this is called on.
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock, cluster: Cluster, catalog: Catalog) -> Self {
        Self {
            pool,
            clock,
            cluster,
            catalog,
            links: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Starts a lab for a learner; the session, and whether it is a new one. A learner who already runs the lab
    /// gets that session.
    ///
    /// # Errors
    /// [`SessionError::UnknownLab`], [`SessionError::BrokenLab`], or the database's. What goes wrong later is told
    /// by the session's state.
    pub async fn start_session(&self, user: UserId, slug: &LabSlug) -> Result<(Session, bool), SessionError> {
        let lab = self.find_lab(slug)?;
        let mut conn = self.pool.acquire().await?;
        if let Some(row) = store::sessions::find_live(&mut conn, user, slug).await? {
            return Ok((row.to_wire()?, false));
        }
        let id = SessionId::new();
        let names = SessionNames::generate(id, slug);
        let layout = lab.spec.session.applications.terminal;
        let new = NewSession {
            id,
            user,
            lab: slug.clone(),
            lab_title: lab.title.clone(),
            namespace: names.namespace.clone(),
            workbench: names.workbench.clone(),
            pages: lab.pages.clone(),
            terminals: layout.sessions().iter().filter_map(|name| name.parse().ok()).collect(),
            terminal_layout: spec::layout_word(layout).to_owned(),
            checks_total: i32::try_from(lab.checks.len()).unwrap_or(i32::MAX),
            duration_secs: spec::duration_secs(&lab),
            step: "Starting".to_owned(),
        };
        let row = match store::sessions::insert_session(&mut conn, &new, CLAIM_SECS).await {
            Ok(row) => row,
            // another request of the same learner was quicker
            Err(error) if error.violated_constraint() == Some("one_live_session_per_learner_and_lab") => {
                let row = store::sessions::find_live(&mut conn, user, slug).await?;
                return Ok((row.ok_or(SessionError::UnknownSession)?.to_wire()?, false));
            }
            Err(error) => return Err(error.into()),
        };
        drop(conn);
        tracing::info!(session.id = %id, lab.slug = %slug, "a learner starts a lab");
        let session = row.to_wire()?;
        self.spawn_provisioning(row);
        Ok((session, true))
    }

    /// The session, for its learner.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], or the database's.
    pub async fn find_session(&self, user: UserId, id: SessionId) -> Result<Session, SessionError> {
        Ok(self.find_owned(user, id).await?.to_wire()?)
    }

    /// The learner's sessions, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<Session>, SessionError> {
        let mut conn = self.pool.acquire().await?;
        let rows = store::sessions::list_owned(&mut conn, user).await?;
        Ok(rows.iter().map(SessionRow::to_wire).collect::<Result<_, _>>()?)
    }

    /// Ends a session. One that is ending or over stays as it is.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], or the database's.
    pub async fn end_session(&self, user: UserId, id: SessionId, reason: &str) -> Result<(), SessionError> {
        let row = self.find_owned(user, id).await?;
        self.advance(&row, Event::End { reason: reason.to_owned() }).await?;
        self.links.forget(id).await;
        Ok(())
    }

    /// Applies an event to a session as the database has it now; its new phase, or none where the event means
    /// nothing there.
    async fn advance(&self, row: &SessionRow, event: Event) -> Result<Option<Phase>, SessionError> {
        let mut conn = self.pool.acquire().await?;
        let mut phase = row.phase();
        loop {
            let Some(next) = phase.after(event.clone()) else { return Ok(None) };
            if store::sessions::update_phase(&mut conn, row.session_id(), &phase, &next).await? {
                return Ok(Some(next));
            }
            // somebody else was quicker: see what they made of it
            let row = store::sessions::find_session(&mut conn, row.session_id()).await?;
            phase = row.ok_or(SessionError::UnknownSession)?.phase();
        }
    }

    async fn find_owned(&self, user: UserId, id: SessionId) -> Result<SessionRow, SessionError> {
        let mut conn = self.pool.acquire().await?;
        store::sessions::find_owned(&mut conn, user, id).await?.ok_or(SessionError::UnknownSession)
    }

    fn find_lab(&self, slug: &LabSlug) -> Result<Arc<Lab>, SessionError> {
        match self.catalog.find_lab(slug) {
            Some(Ok(lab)) => Ok(lab),
            Some(Err(_)) => Err(SessionError::BrokenLab(slug.clone())),
            None => Err(SessionError::UnknownLab(slug.clone())),
        }
    }

    /// The lab of a session, which may have been taken out of the catalogue since.
    fn lab_of(&self, row: &SessionRow) -> Result<Arc<Lab>, SessionError> {
        self.find_lab(&row.to_wire()?.lab)
    }
}
