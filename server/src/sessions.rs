//! Sessions: one learner's run of one lab, from the click to the last object's removal.
//!
//! What a session shall be stands in Postgres first; [`provision`] and the [`reconciler`] make the cluster
//! follow. The pure states are in [`lifecycle`].

mod activity;
mod checks;
mod environment;
mod extension;
pub mod lifecycle;
mod links;
mod parameters;
mod provision;
pub mod reconciler;
mod spec;
mod start;
mod turns;
mod versions;
mod workspace;

use std::sync::Arc;

use lectern_api::ids::{CheckName, LabSlug, PageName, SessionId, UserId};
use lectern_api::sessions::Session;
use lectern_content::Lab;
use lectern_link::LinkError;
use sqlx::PgPool;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterError};
use crate::config::portal::Portal;
use crate::store::sessions::SessionRow;
use crate::store::{self, StoreError};
use lifecycle::{Event, Phase};

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
    /// The lab asks for something that cannot be.
    #[error("the lab {lab} cannot be started: {reason}")]
    UnfitLab {
        /// Which lab.
        lab: LabSlug,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter that the lab does not have, or a value that it cannot take.
    #[error("{0}")]
    BadParameter(String),
    /// As many sessions run as may.
    #[error("{} at the moment; try again when somebody has finished", full(lab.as_ref(), *most))]
    NoRoom {
        /// Of which lab; none: of all together.
        lab: Option<LabSlug>,
        /// How many may run.
        most: u32,
    },
    /// The person runs as many labs as they may.
    #[error("you run {0} labs at once already, which is as many as you may; end one of them first")]
    TooMany(u32),
    /// The person's ended sessions are still being removed.
    #[error("the labs that you ended are still being removed; try again in half a minute")]
    StillEnding,
    /// The person started as many sessions as they may in an hour.
    #[error("you started {most} labs within an hour, which is as many as you may; try again in {}", minutes(*wait_secs))]
    TooManyStarts {
        /// How many they may.
        most: u32,
        /// How long until they may again, in seconds.
        wait_secs: u64,
    },
    /// The person asks for many sessions at the same time.
    #[error("you start many labs at the same moment; try again in a second")]
    TooManyAtOnce,
    /// Others start sessions, on another server.
    #[error("many labs are being started at this moment; try again in a few seconds")]
    Busy,
    /// No such session, or somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    /// No such page.
    #[error("the lab has no page {0}")]
    UnknownPage(PageName),
    /// Not now.
    #[error("the session is not running")]
    NotRunning,
    /// It was extended as often as it may be.
    #[error("the session cannot be extended any further")]
    NoMoreTime,
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

fn full(lab: Option<&LabSlug>, most: u32) -> String {
    match lab {
        Some(lab) => format!("all {most} places of the lab {lab} are taken"),
        None => format!("{most} sessions run, which is as many as there may be"),
    }
}

fn minutes(secs: u64) -> String {
    match secs.div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

/// Which check was not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRefusal {
    /// Its name.
    pub name: CheckName,
    /// Why, for its learner.
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
    portal: Arc<Portal>,
    versions: Arc<versions::Versions>,
    signs: Arc<activity::Signs>,
    passes: tokio::sync::watch::Sender<Option<reconciler::Pass>>,
    links: Arc<links::Links>,
    turns: Arc<turns::Turns>,
    /// Where long work runs: not on the threads that serve requests, which end with their server.
    runtime: tokio::runtime::Handle,
}

impl Sessions {
    /// The service on this database, cluster and catalogue, within the operator's bounds. Long work runs on the
    /// runtime that this is called on.
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock, cluster: Cluster, catalog: Catalog, portal: Portal) -> Self {
        Self {
            pool,
            clock,
            versions: Arc::new(versions::Versions::new(cluster.workbench_image())),
            cluster,
            catalog,
            portal: Arc::new(portal),
            signs: Arc::default(),
            passes: tokio::sync::watch::Sender::new(None),
            links: Arc::default(),
            turns: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
        }
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
