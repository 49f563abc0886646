//! Sessions: one learner's run of one lab, from the click to the removal of its last object.
//!
//! What a session shall be stands in Postgres first; the [`Provisioner`] and the [`Reconciler`] make the cluster follow.
//! [`Sessions`] has the learner's verbs, [`Workbenches`] what goes on in a running session.

mod activity;
mod applications;
mod checks;
mod environment;
mod error;
mod files;
mod labs;
mod links;
mod parameters;
mod provision;
pub mod reconciler;
mod spec;
mod start;
mod tabs;
mod turns;
mod versions;
mod view;
mod workbenches;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lectern_api::ids::{PageName, SessionId, UserId};
use lectern_api::page::RenderedPage;
use lectern_api::sessions::{EndReason, Session};
use sqlx::PgPool;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::portal::Portal;
use crate::config::previews::PreviewSite;
use crate::lifecycle::{Event, Phase};
use crate::store::sessions::SessionRow;
use crate::store::sessions::transition::{Pick, hold, transition};
use crate::store::{self, StoreError};
use activity::Activity;
pub use applications::Application;
pub use error::{CheckRefusal, SessionError};
pub use files::FileFailure;
use labs::Labs;
use links::Links;
use provision::Provisioner;
pub use reconciler::Reconciler;
use turns::Turns;
use versions::Versions;
pub use view::ObjectAddress;
pub use workbenches::Workbenches;

/// How long a server owns its work on a session without extending the claim.
const CLAIM_SECS: i32 = 30;

/// What the services of this room are built from.
pub struct Parts {
    pub pool: PgPool,
    pub clock: Clock,
    pub cluster: Cluster,
    pub catalog: Catalog,
    pub portal: Portal,
    /// Where browsers reach web applications.
    pub previews: PreviewSite,
}

/// The services of this room.
pub struct Room {
    pub sessions: Sessions,
    pub workbenches: Workbenches,
    pub reconciler: Reconciler,
}

/// Builds the services. Long work runs on the runtime on which this is called, not on the threads that serve requests,
/// which end with their server.
#[must_use]
pub fn build(parts: Parts) -> Room {
    let Parts { pool, clock, cluster, catalog, portal, previews } = parts;
    let (portal, links, activity) = (Arc::new(portal), Arc::<Links>::default(), Arc::<Activity>::default());
    let versions = Arc::new(Versions::new(cluster.workbench_image()));
    let labs = Labs { catalog: catalog.clone(), previews: Arc::new(previews) };
    let provisioner = Provisioner {
        pool: pool.clone(),
        clock: clock.clone(),
        cluster: cluster.clone(),
        labs: labs.clone(),
        portal: portal.clone(),
        links: links.clone(),
        runtime: tokio::runtime::Handle::current(),
    };
    let workbenches = Workbenches {
        pool: pool.clone(),
        cluster: cluster.clone(),
        labs: labs.clone(),
        links: links.clone(),
        preview_links: Arc::default(),
        activity: activity.clone(),
        provisioner: provisioner.clone(),
        clock: clock.clone(),
    };
    let sessions = Sessions {
        pool: pool.clone(),
        clock: clock.clone(),
        cluster: cluster.clone(),
        labs,
        portal: portal.clone(),
        versions: versions.clone(),
        turns: Arc::default(),
        provisioner: provisioner.clone(),
    };
    let reconciler = Reconciler { pool, clock, cluster, catalog, portal, versions, provisioner };
    Room { sessions, workbenches, reconciler }
}

/// The learner's verbs. Clones share it.
#[derive(Clone)]
pub struct Sessions {
    pool: PgPool,
    clock: Clock,
    cluster: Cluster,
    labs: Labs,
    portal: Arc<Portal>,
    versions: Arc<Versions>,
    turns: Arc<Turns>,
    provisioner: Provisioner,
}

impl Sessions {
    /// Finds a session of the learner's.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`].
    pub async fn find_session(&self, user: UserId, id: SessionId) -> Result<Session, SessionError> {
        Ok(self.with_tabs(&find_owned(&self.pool, user, id).await?))
    }

    /// Returns a session as its learner sees it, with the tabs that its lab asks for. The lab may be gone.
    fn with_tabs(&self, row: &SessionRow) -> Session {
        let mut session = row.to_wire();
        if let Ok(lab) = self.labs.find(&row.lab) {
            session.tabs = tabs::tabs(
                &lab.spec.session,
                &environment::definition_values(row, &lab, &self.labs.previews),
            );
        }
        session
    }

    /// Lists the learner's sessions, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<Session>, SessionError> {
        let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
        let rows = store::sessions::list_owned(&mut conn, user).await?;
        Ok(rows.iter().map(SessionRow::to_wire).collect())
    }

    /// Ends a session of the learner's. One that is ending or over stays as it is.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`].
    pub async fn end_session(&self, user: UserId, id: SessionId) -> Result<(), SessionError> {
        find_owned(&self.pool, user, id).await?;
        advance(&self.pool, id, Event::End { reason: EndReason::Learner }).await?;
        self.provisioner.links.forget(id).await;
        Ok(())
    }

    /// Gives a running session more time. Returns the session, and whether its end moved: if `seen` is no longer its end,
    /// somebody was quicker and nothing is added.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`], [`SessionError::NoMoreTime`].
    pub async fn extend_session(
        &self,
        user: UserId,
        id: SessionId,
        seen: Option<DateTime<Utc>>,
    ) -> Result<(Session, bool), SessionError> {
        let mut tx = self.pool.begin().await.map_err(StoreError::from)?;
        let held = hold(&mut tx, Pick::Owned(user, id)).await?.ok_or(SessionError::UnknownSession)?;
        let Phase::Running { expires_at } = *held.row().phase() else {
            return Err(SessionError::NotRunning);
        };
        if seen.is_some_and(|seen| seen != expires_at) {
            return Ok((self.with_tabs(held.row()), false));
        }
        let to = held.row().extends_to().ok_or(SessionError::NoMoreTime)?;
        let extended = held.apply(&mut tx, Event::Extended { expires_at: to }).await?;
        let row = extended.ok_or(SessionError::NoMoreTime)?;
        tx.commit().await.map_err(StoreError::from)?;
        tracing::info!(session.id = %id, session.expires_at = %to, "a session was extended");
        Ok((self.with_tabs(&row), true))
    }

    /// Renders a page with this session's values in it.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::UnknownPage`], [`SessionError::Render`], and those of a lab that
    /// is gone.
    pub async fn render_page(
        &self,
        user: UserId,
        id: SessionId,
        page: &PageName,
    ) -> Result<RenderedPage, SessionError> {
        let row = find_owned(&self.pool, user, id).await?;
        let lab = self.labs.find(&row.lab)?;
        if !lab.pages.iter().any(|link| link.name == page.as_str()) {
            return Err(SessionError::UnknownPage(page.clone()));
        }
        let (variables, options) = environment::page_values(&row, &lab, &self.labs.previews);
        let page = page.clone();
        tokio::task::spawn_blocking(move || lab.render_page(page.as_str(), &variables, &options))
            .await
            .map_err(|error| SessionError::Render(error.to_string()))?
            .map_err(|error| SessionError::Render(error.to_string()))
    }
}

/// Applies an event to a session, in a transaction of its own. Returns the session as it is after it, or `None` if the
/// event means nothing in its phase.
async fn advance(pool: &PgPool, id: SessionId, event: Event) -> Result<Option<SessionRow>, StoreError> {
    let mut tx = pool.begin().await?;
    let moved = transition(&mut tx, Pick::One(id), event).await?;
    tx.commit().await?;
    Ok(moved)
}

async fn find_owned(pool: &PgPool, user: UserId, id: SessionId) -> Result<SessionRow, SessionError> {
    let mut conn = pool.acquire().await.map_err(StoreError::from)?;
    store::sessions::find_owned(&mut conn, user, id).await?.ok_or(SessionError::UnknownSession)
}
