//! Builds everything once, runs it, and knows the address that it is bound to.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Data, JsonConfig, PathConfig, QueryConfig};
use actix_web::{App as ActixApp, HttpServer};
use lectern_api::platform::Notice;
use sqlx::PgPool;
use tokio::sync::{broadcast, watch};

use crate::audit::{Audit, AuditFile};
use crate::background::{Background, Job, JobEnded};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::ServiceConfig;
use crate::config::previews::PreviewSite;
use crate::http::edge::Edge;
use crate::http::guard::{guard, unreadable_body};
use crate::http::log::log_request;
use crate::http::previews::{divert, serve_port};
use crate::http::record::record_request;
use crate::http::services::Services;
use crate::http::{ApiError, endpoints};
use crate::identity::Identity;
use crate::job_board::JobBoard;
use crate::previews::Previews;
use crate::progress::Progress;
use crate::sessions;
use crate::terminals::OpenTerminals;

/// Capacity of the change channel; slower subscribers learn that they missed some.
const CHANGES_KEPT: usize = 1024;
/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The largest JSON body, in bytes.
const BODY_BYTES: usize = 512 * 1024;

/// What an [`App`] is built from.
pub struct Parts {
    /// The database, migrated.
    pub pool: PgPool,
    pub cluster: Cluster,
    pub catalog: Catalog,
    pub clock: Clock,
    pub config: ServiceConfig,
    /// Where to listen; bound by the caller, so that a port in use is found before anything else happens.
    pub listener: TcpListener,
    /// What operators should know; may change while the server runs.
    pub notices: watch::Receiver<Vec<Notice>>,
    /// Where the audit log is written to, besides the database.
    pub audit_file: Option<AuditFile>,
    /// Which background jobs run: all of them, except where a test wants to hold one back.
    pub runs_job: fn(&Job) -> bool,
}

/// Why a server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the listener failed")]
    Listener(#[source] std::io::Error),
    #[error(transparent)]
    Job(#[from] JobEnded),
}

/// The server, ready to run.
pub struct App {
    services: Data<Services>,
    listener: TcpListener,
    /// Those of the ports for web applications.
    preview_listeners: Vec<TcpListener>,
    address: SocketAddr,
    runs_job: fn(&Job) -> bool,
}

impl App {
    /// Builds the services.
    ///
    /// # Errors
    /// The listener's address cannot be read, or a port for web applications is in use.
    pub fn build(parts: Parts) -> std::io::Result<Self> {
        let Parts { pool, cluster, catalog, clock, config, listener, notices, audit_file, runs_job } = parts;
        let address = listener.local_addr()?;
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let sessions::Room { sessions, workbenches, reconciler } = sessions::build(sessions::Parts {
            pool: pool.clone(),
            clock: clock.clone(),
            cluster: cluster.clone(),
            catalog: catalog.clone(),
            portal: config.portal.clone(),
            previews: config.previews.clone(),
        });
        let preview_listeners = bind_ports(&config.previews, address)?;
        let services = Data::new(Services {
            identity: Identity::new(pool.clone(), clock.clone()),
            progress: Progress::new(pool.clone(), clock),
            audit: Audit::start(pool.clone(), audit_file),
            terminals: OpenTerminals::default(),
            previews: Previews::new(config.previews.clone(), pool.clone(), workbenches.clone()),
            port: address.port(),
            sessions,
            workbenches,
            reconciler,
            jobs: JobBoard::default(),
            catalog,
            changes,
            edge: Edge::new(&config),
            config,
            pool,
            cluster,
            notices,
        });
        Ok(Self { services, listener, preview_listeners, address, runs_job })
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

    /// Serves, and runs the background jobs, until `stop` resolves; then finishes requests for at most five seconds.
    ///
    /// # Errors
    /// The listener failed, or a background job ended.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let services = self.services.clone();
        let applications = serve_ports(self.preview_listeners, services.clone())?;
        let mut server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(services.clone())
                .app_data(JsonConfig::default().limit(BODY_BYTES).error_handler(|e, _| unreadable_body(&e)))
                .app_data(PathConfig::default().error_handler(|e, _| unreadable(&e)))
                .app_data(QueryConfig::default().error_handler(|e, _| unreadable(&e)))
                .wrap(from_fn(guard))
                .wrap(from_fn(record_request))
                .wrap(from_fn(divert))
                .wrap(from_fn(log_request))
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
        .listen(self.listener)
        .map_err(RunError::Listener)?
        .run();
        let handle = server.handle();
        let mut background = Background::start(&self.services.clone().into_inner(), self.runs_job);
        let ended = async {
            tokio::select! {
                () = stop => None,
                error = background.failed() => Some(error),
            }
        };
        let result = tokio::select! {
            result = &mut server => result.map_err(RunError::Listener),
            error = ended => {
                // it notices the stop only while it is polled
                let (result, ()) = tokio::join!(server, handle.stop(true));
                error.map_or(result.map_err(RunError::Listener), |error| Err(error.into()))
            }
        };
        if let Some(applications) = applications {
            applications.stop(true).await;
        }
        background.stop().await;
        self.services.audit.flush().await;
        result
    }
}

/// Takes the ports for web applications, on the address of the main one.
fn bind_ports(site: &PreviewSite, address: SocketAddr) -> std::io::Result<Vec<TcpListener>> {
    let PreviewSite::Ports(ports) = site else { return Ok(vec![]) };
    let bind = |port| {
        TcpListener::bind((address.ip(), port)).map_err(|error| {
            let advice = "end the program that uses it, or choose other ports with --preview-ports";
            std::io::Error::new(
                error.kind(),
                format!("cannot listen on port {port} for web applications: {error}; {advice}"),
            )
        })
    };
    ports.clone().map(bind).collect()
}

/// Serves the ports for web applications, on threads of their own.
fn serve_ports(
    listeners: Vec<TcpListener>,
    services: Data<Services>,
) -> Result<Option<ServerHandle>, RunError> {
    if listeners.is_empty() {
        return Ok(None);
    }
    let mut server = HttpServer::new(move || {
        ActixApp::new().app_data(services.clone()).default_service(actix_web::web::to(serve_port))
    })
    .workers(2)
    .client_request_timeout(HEAD_WITHIN)
    .shutdown_timeout(1)
    .disable_signals();
    for listener in listeners {
        server = server.listen(listener).map_err(RunError::Listener)?;
    }
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Some(handle))
}

fn unreadable(error: &dyn std::fmt::Display) -> actix_web::Error {
    ApiError::BadRequest(error.to_string()).into()
}
