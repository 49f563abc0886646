//! A server of its own for each test, and what tests do with it.

pub mod client;
pub mod environment;
pub mod janitor;
pub mod lab_folder;
pub mod people;
pub mod proxy;
pub mod stream;

use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::web::Data;
use futures::FutureExt as _;
use lectern_server::app::{App, Parts, RunError};
use lectern_server::catalog::source::SourceList;
use lectern_server::catalog::{Catalog, CatalogConfig};
use lectern_server::clock::Clock;
use lectern_server::cluster::Cluster;
use lectern_server::config::ServiceConfig;
use lectern_server::config::portal::{Maxima, Portal};
use lectern_server::config::previews::PreviewSite;
use lectern_server::http::services::Services;
use lectern_server::store;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use client::Client;
use environment::Database;
use lab_folder::LabFolder;

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One server with a database and a folder of labs that nobody else uses.
pub struct TestApp {
    pub pool: PgPool,
    pub labs: LabFolder,
    pub clock: Clock,
    pub services: Data<Services>,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    pub database: Database,
    cluster: Cluster,
    config: ServiceConfig,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), RunError>>,
}

/// What differs from one test's server to another's.
#[derive(Default)]
pub struct Setting {
    pub public_url: Option<&'static str>,
    /// Networks of proxies whose word on addresses is believed.
    pub trusted_proxies: &'static [&'static str],
    /// Further names of the server.
    pub allowed_hosts: &'static [&'static str],
    /// Whether pages show pictures of other sites.
    pub external_pictures: bool,
    /// A connection to the cluster under a mark of its own, for tests that remove what belongs to no session.
    pub own_cluster: bool,
    /// Where more labs come from than the test's folder.
    pub more_labs: Option<String>,
    /// Reach the database through this port instead of directly.
    pub database_port: Option<u16>,
    /// The image of workbenches; absent: one that does not exist, for tests that want no workbench.
    pub workbench_image: Option<&'static str>,
    /// Whether homes outlive their pods.
    pub keeps_homes: bool,
    /// Whether web previews are off, or where they are; absent: at `*.localhost`.
    pub previews: Option<PreviewSite>,
    /// The operator's numbers; absent: the usual ones, with nothing in reserve.
    pub portal: Option<Portal>,
}

impl Setting {
    fn service_config(&self) -> ServiceConfig {
        let without_reserve = || {
            let sessions = Maxima { reserved_labs: Some(0), ..Maxima::default() };
            Portal { sessions, ..Portal::default() }
        };
        ServiceConfig {
            public_url: self.public_url.map(|url| url.parse().expect("a URL")),
            trusted_proxies: self
                .trusted_proxies
                .iter()
                .map(|text| text.parse().expect("a network"))
                .collect(),
            allowed_hosts: self.allowed_hosts.iter().map(|name| (*name).to_owned()).collect(),
            external_pictures: self.external_pictures,
            portal: self.portal.clone().unwrap_or_else(without_reserve),
            previews: self.previews.clone().unwrap_or(PreviewSite::Domain {
                domain: "localhost".to_owned(),
                scheme: "http",
                port: 0,
            }),
        }
    }
}

/// Runs a test with a server of its own, and removes its database however the test ended.
pub fn run(test: impl AsyncFnOnce(&TestApp)) {
    run_with(Setting::default(), test);
}

/// As [`run`], with a server that differs from the usual one.
pub fn run_with(setting: Setting, test: impl AsyncFnOnce(&TestApp)) {
    environment::block_on(async {
        let database = Database::create().await;
        let app = TestApp::start(database.clone(), setting, Clock::default()).await;
        let ended = AssertUnwindSafe(test(&app)).catch_unwind().await;
        drop(app);
        database.remove().await;
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

impl TestApp {
    async fn start(database: Database, setting: Setting, clock: Clock) -> Self {
        let labs = LabFolder::with_one_lab();
        let cluster = match (setting.own_cluster, setting.workbench_image) {
            (false, None) => environment::cluster().await,
            (_, image) => {
                let image = image.unwrap_or(environment::NO_IMAGE);
                environment::another_cluster(image, setting.keeps_homes).await
            }
        };
        let port = setting.database_port;
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(if port.is_some() { Duration::from_secs(1) } else { Duration::from_secs(10) })
            .connect_with(database.options(port))
            .await
            .expect("the test's own database answers");
        store::migrate(&pool).await.expect("an empty database can be migrated");
        let more_labs = setting.more_labs.as_deref();
        Self::serve(pool, labs, clock, cluster, database, setting.service_config(), more_labs)
    }

    /// A second server of the same installation: same database, same cluster, the same labs.
    pub fn another_server(&self) -> Self {
        self.another_server_on(self.pool.clone())
    }

    /// The same, which reaches the database in its own way.
    pub fn another_server_on(&self, pool: PgPool) -> Self {
        let labs = LabFolder::with_one_lab();
        Self::serve(
            pool,
            labs,
            self.clock.clone(),
            self.cluster.clone(),
            self.database.clone(),
            self.config.clone(),
            None,
        )
    }

    fn serve(
        pool: PgPool,
        labs: LabFolder,
        clock: Clock,
        cluster: Cluster,
        database: Database,
        config: ServiceConfig,
        more_labs: Option<&str>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut config = config;
        if let PreviewSite::Domain { port, .. } = &mut config.previews {
            *port = listener.local_addr().expect("a bound listener has an address").port();
        }
        let (_, notices) = watch::channel(vec![]);
        lectern_server::tls::install();
        let mut catalog = CatalogConfig::of_folder(labs.path());
        let more = more_labs.map(|list| list.parse::<SourceList>().expect("sources of labs"));
        catalog.sources.extend(more.into_iter().flat_map(|list| list.0));
        let app = App::build(Parts {
            pool: pool.clone(),
            cluster: cluster.clone(),
            catalog: Catalog::open(catalog, &config.portal).expect("the folder of labs is there"),
            clock: clock.clone(),
            config: config.clone(),
            listener,
            notices,
            audit_file: None,
            // the others would act on their own while a test looks
            runs_job: |job| matches!(job.name, "announcements" | "logins" | "limits"),
        })
        .expect("a bound listener has an address");
        let (base, services) = (format!("http://{}", app.address()), app.services());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(app.run(async {
            // an error is the sender's end, which means the same
            let _ = stopped.await;
        }));
        Self { pool, labs, clock, services, base, database, cluster, config, stop, serving }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) {
        drop(self.stop);
        let ended = in_time("the server's end", self.serving).await.expect("the server does not panic");
        ended.expect("the server ends well");
    }

    /// Starts what makes the cluster follow the database, as `lectern serve` does; it ends with the test.
    pub fn reconcile(&self) -> impl Drop + use<> {
        struct Ending(tokio::task::AbortHandle);
        impl Drop for Ending {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let reconciler = self.services.reconciler.clone();
        Ending(tokio::spawn(reconciler.run(self.services.changes.subscribe(), || ())).abort_handle())
    }

    /// A browser that is not signed in.
    pub fn browser(&self) -> Client {
        Client::new(&self.base)
    }

    /// A browser that is not signed in, at an address that the proxy in front of the server tells.
    pub fn browser_at(&self, address: &str) -> Client {
        let mut browser = self.browser();
        browser.forwarded_for = Some(address.to_owned());
        browser
    }

    /// A number from the database.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect("a query that counts")
    }

    /// Changes the database behind the server's back.
    pub async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.expect("a statement that is right");
    }
}

/// Waits for something, but not for ever.
pub async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
