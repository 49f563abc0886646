//! What handlers get: every service, built once.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use lectern_api::platform::{Notice, Platform};
use sqlx::PgPool;
use tokio::sync::{broadcast, watch};

use super::edge::Edge;
use super::visitor::{client_address, network_of};
use crate::audit::Audit;
use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::config::ServiceConfig;
use crate::identity::Identity;
use crate::job_board::JobBoard;
use crate::previews::Previews;
use crate::progress::Progress;
use crate::sessions::{Reconciler, SessionError, Sessions, Workbenches};
use crate::store::announcements::Change;
use crate::terminals::OpenTerminals;

/// What handlers call.
pub struct Services {
    pub identity: Identity,
    pub progress: Progress,
    pub catalog: Catalog,
    /// Sessions: the learner's verbs.
    pub sessions: Sessions,
    /// What goes on in running sessions.
    pub workbenches: Workbenches,
    /// Makes the cluster follow the database.
    pub reconciler: Reconciler,
    /// The background jobs of this server.
    pub jobs: JobBoard,
    /// The record of what was done, by whom.
    pub audit: Audit,
    /// The terminals that are open on this server.
    pub terminals: OpenTerminals,
    /// Web applications of sessions.
    pub previews: Previews,
    /// The port that this server listens on.
    pub port: u16,
    /// Changes to sessions and classes, from all servers.
    pub changes: broadcast::Sender<Change>,
    /// What every request is measured by.
    pub edge: Edge,
    pub config: ServiceConfig,
    /// For the health checks only.
    pub pool: PgPool,
    /// For the health checks only.
    pub cluster: Cluster,
    /// What operators should know.
    pub notices: watch::Receiver<Vec<Notice>>,
}

impl Services {
    /// Describes the platform, for instructors and operators.
    ///
    /// # Errors
    /// The database's.
    pub async fn platform(&self) -> Result<Platform, SessionError> {
        let mut notices = self.notices.borrow().clone();
        notices.extend(self.reconciler.list_notices().await?);
        Ok(Platform {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kubernetes_version: self.cluster.version().to_owned(),
            notices,
        })
    }

    /// Returns the address that a request counts for.
    #[must_use]
    pub fn address_of(&self, req: &HttpRequest) -> IpAddr {
        // only a request without a socket has no peer
        let peer = req.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
        network_of(client_address(peer, req.headers(), &self.config.trusted_proxies))
    }

    /// Returns the full address that a request came from, for the record.
    #[must_use]
    pub fn full_address_of(&self, req: &HttpRequest) -> String {
        let peer = req.peer_addr().map(|peer| peer.ip());
        peer.map(|peer| client_address(peer, req.headers(), &self.config.trusted_proxies).to_string())
            .unwrap_or_default()
    }
}
