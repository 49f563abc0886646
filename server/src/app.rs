//! Builds everything once, and knows the address that it is bound to.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Data, JsonConfig, PathConfig, QueryConfig};
use actix_web::{App as ActixApp, HttpServer};
use lectern_api::ids::{ClassId, SessionId, UserId};
use lectern_api::platform::{Notice, Platform};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, watch};

use crate::audit::{Audit, AuditFile};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::ServiceConfig;
use crate::http::edge::{Edge, guard, unreadable_body};
use crate::http::trail::record_request;
use crate::http::{ApiError, endpoints};
use crate::identity::Identity;
use crate::progress::Progress;
use crate::sessions::{SessionError, Sessions};
use crate::store::{self, StoreError};
use crate::terminals::OpenTerminals;

/// How many changes may wait for a slow stream before it is told that it missed some.
const CHANGES_KEPT: usize = 1024;
/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The largest JSON body, in bytes.
const BODY_BYTES: usize = 512 * 1024;

/// What changed.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Something about a session.
    Session {
        /// Which session.
        session: SessionId,
        /// Whose it is.
        user: UserId,
    },
    /// Who is in a class.
    Enrolment(ClassId),
}

impl Change {
    /// The session that changed, if it was one.
    #[must_use]
    pub fn session(self) -> Option<SessionId> {
        match self {
            Self::Session { session, .. } => Some(session),
            Self::Enrolment(_) => None,
        }
    }

    /// Reads what the database announced on one of its channels.
    fn read(channel: &str, payload: &str) -> Option<Self> {
        let mut ids = payload.split(' ').map(str::parse::<uuid::Uuid>);
        let first = ids.next()?.ok()?;
        if channel == store::ENROLMENT_CHANGES {
            return Some(Self::Enrolment(ClassId(first)));
        }
        Some(Self::Session { session: SessionId(first), user: UserId(ids.next()?.ok()?) })
    }
}

/// What handlers call.
pub struct Services {
    /// Who the caller is.
    pub identity: Identity,
    /// What learners have done.
    pub progress: Progress,
    /// Which labs there are.
    pub catalog: Catalog,
    /// Sessions.
    pub sessions: Sessions,
    /// What was done, by whom.
    pub audit: Audit,
    /// The terminals that are open on this server.
    pub terminals: OpenTerminals,
    /// Changes to sessions and classes, from all servers.
    pub changes: broadcast::Sender<Change>,
    /// What every request is measured by.
    pub edge: Edge,
    /// Settings.
    pub config: ServiceConfig,
    /// For the health checks only.
    pub pool: PgPool,
    /// For the health checks only.
    pub cluster: Cluster,
    /// What operators should know.
    pub notices: watch::Receiver<Vec<Notice>>,
}

impl Services {
    /// What the platform says of itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn platform(&self) -> Result<Platform, SessionError> {
        let mut notices = self.notices.borrow().clone();
        notices.extend(self.sessions.list_notices().await?);
        Ok(Platform {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kubernetes_version: self.cluster.version().to_owned(),
            notices,
        })
    }
}

/// What an [`App`] is built from.
pub struct Parts {
    /// The database, migrated.
    pub pool: PgPool,
    /// The cluster.
    pub cluster: Cluster,
    /// The labs.
    pub catalog: Catalog,
    /// The time.
    pub clock: Clock,
    /// Settings.
    pub config: ServiceConfig,
    /// Where to listen; bound by the caller, so that a port in use is found before anything else happens.
    pub listener: TcpListener,
    /// What operators should know; may change while the server runs.
    pub notices: watch::Receiver<Vec<Notice>>,
    /// Where the audit log is written to, besides the database.
    pub audit_file: Option<AuditFile>,
}

/// The server, ready to run.
pub struct App {
    services: Data<Services>,
    listener: TcpListener,
    address: SocketAddr,
}

impl App {
    /// Builds the services.
    ///
    /// # Errors
    /// The listener's address cannot be read.
    pub fn build(parts: Parts) -> std::io::Result<Self> {
        let Parts { pool, cluster, catalog, clock, config, listener, notices, audit_file } = parts;
        let address = listener.local_addr()?;
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let services = Data::new(Services {
            identity: Identity::new(pool.clone(), clock.clone()),
            progress: Progress::new(pool.clone(), clock.clone()),
            audit: Audit::start(pool.clone(), audit_file),
            terminals: OpenTerminals::default(),
            sessions: Sessions::new(
                pool.clone(),
                clock,
                cluster.clone(),
                catalog.clone(),
                config.portal.clone(),
            ),
            catalog,
            changes,
            edge: Edge::new(&config),
            config,
            pool,
            cluster,
            notices,
        });
        Ok(Self { services, listener, address })
    }

    /// The address that it is bound to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The services, for the command line and for tests.
    #[must_use]
    pub fn services(&self) -> Data<Services> {
        self.services.clone()
    }

    /// Serves until `stop` resolves; then finishes what is under way for at most five seconds.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let services = self.services.clone();
        let (identity, limits) = (services.identity.clone(), services.edge.limits.clone());
        let background = [
            tokio::spawn(forward_changes(services.clone().into_inner())),
            tokio::spawn(async move {
                identity.keep_sweeping().await;
            }),
            tokio::spawn(async move {
                limits.keep_sweeping().await;
            }),
        ];
        let mut server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(services.clone())
                .app_data(JsonConfig::default().limit(BODY_BYTES).error_handler(|e, _| unreadable_body(&e)))
                .app_data(PathConfig::default().error_handler(|e, _| unreadable(&e)))
                .app_data(QueryConfig::default().error_handler(|e, _| unreadable(&e)))
                .wrap(from_fn(guard))
                .wrap(from_fn(record_request))
                .wrap(from_fn(crate::telemetry::log_request))
                .configure(endpoints::configure)
        })
        // a terminal's frames are small, and each is wanted now
        .on_connect(|connection, _| {
            if let Some(socket) = connection.downcast_ref::<TcpStream>() {
                // fails where the browser is gone already
                let _ = socket.set_nodelay(true);
            }
        })
        .workers(std::thread::available_parallelism().map_or(2, usize::from).min(8))
        .client_request_timeout(HEAD_WITHIN)
        .shutdown_timeout(5)
        .disable_signals()
        .listen(self.listener)?
        .run();
        let handle = server.handle();
        let result = tokio::select! {
            result = &mut server => result,
            () = stop => {
                // it hears of the stop only while it is polled
                let (result, ()) = tokio::join!(server, handle.stop(true));
                result
            }
        };
        for task in background {
            task.abort();
        }
        self.services.audit.flush().await;
        result
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> actix_web::Error {
    ApiError::BadRequest(error.to_string()).into()
}

/// Hears what any server announces through Postgres and tells the streams of this one.
async fn forward_changes(services: std::sync::Arc<Services>) {
    loop {
        match store::listen_for_changes(&services.pool).await {
            Ok(listener) => {
                let error = forward_from(listener, &services.changes).await;
                tracing::warn!(%error, "lost the database's announcements; listening again");
            }
            Err(error) => tracing::warn!(%error, "cannot listen for the database's announcements"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn forward_from(mut listener: PgListener, changes: &broadcast::Sender<Change>) -> StoreError {
    loop {
        match listener.recv().await {
            Ok(notification) => {
                if let Some(change) = Change::read(notification.channel(), notification.payload()) {
                    // fails where nobody listens
                    let _ = changes.send(change);
                }
            }
            Err(error) => return error.into(),
        }
    }
}
