//! What all tests share: the runtime, the connection to the cluster, and the server on which each gets a database.

use std::path::PathBuf;
use std::sync::LazyLock;

use lectern_server::cluster::{Cluster, ClusterConfig};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use url::Url;

use super::janitor;

/// Marks everything that this run of the tests makes.
pub static RUN: LazyLock<String> = LazyLock::new(|| format!("{:08x}", rand::random::<u32>()));

/// One for all tests: the cluster's connections outlive the test that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    janitor::hire();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime can be started")
});

/// Runs a test on the runtime that all share.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

fn variable(name: &str, what: &str) -> String {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "these tests need {what}, named by {name}: run `cargo xtask test rust`, which brings both up, or \
             `lectern parts --data-dir <folder>` and set what it prints"
        ),
    }
}

/// Where databases are made.
pub fn server_url() -> Url {
    let text = variable("DATABASE_URL", "a Postgres on which they may make databases");
    text.parse().expect("DATABASE_URL reads postgres://user:password@host/database")
}

/// The kubeconfig of the cluster.
pub fn kubeconfig() -> PathBuf {
    variable("KUBECONFIG", "a Kubernetes API server").into()
}

/// An image that is never pulled: most tests want no workbench.
pub const NO_IMAGE: &str = "lectern.invalid/workbench:none";

async fn connect(namespace: String, image: &str, keeps_homes: bool) -> Cluster {
    let config = ClusterConfig {
        kubeconfig: Some(kubeconfig()),
        workbench_namespace: namespace,
        workbench_image: image.to_owned(),
        home_storage_class: keeps_homes.then(|| variable("LECTERN_HOME_STORAGE_CLASS", "a storage class")),
        // as a server on loopback has it
        preview_domain: Some("localhost".to_owned()),
        ..ClusterConfig::default()
    };
    Cluster::connect(&config).await.expect("the cluster that KUBECONFIG names can be used")
}

/// The cluster, connected once.
pub async fn cluster() -> Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| connect(format!("lectern-api-{}", *RUN), NO_IMAGE, false)).await.clone()
}

/// The cluster under another mark: what one of them removes does not concern the other.
pub async fn another_cluster(image: &str, keeps_homes: bool) -> Cluster {
    connect(format!("lectern-api-{}-{:08x}", *RUN, rand::random::<u32>()), image, keeps_homes).await
}

/// How the name of each database of this run begins.
pub fn database_prefix(run: &str) -> String {
    format!("lectern_test_{run}_")
}

/// One test's database.
#[derive(Clone)]
pub struct Database {
    name: String,
}

impl Database {
    /// Makes an empty one.
    pub async fn create() -> Self {
        let name = format!("{}{:08x}", database_prefix(&RUN), rand::random::<u32>());
        let mut server = connect_server().await;
        sqlx::query(AssertSqlSafe(format!("create database {name}")))
            .execute(&mut server)
            .await
            .expect("the user of DATABASE_URL may make databases");
        Self { name }
    }

    /// Its address.
    pub fn url(&self) -> Url {
        let mut url = server_url();
        url.set_path(&self.name);
        url
    }

    /// How to connect to it; through a port of this machine, if one is named.
    pub fn options(&self, port: Option<u16>) -> PgConnectOptions {
        let mut url = self.url();
        if let Some(port) = port {
            // a folder of sockets stands in the query, and would win
            let others = url.query_pairs().into_owned().filter(|(name, _)| name != "host" && name != "port");
            let others: Vec<_> = others.collect();
            url.query_pairs_mut().clear().extend_pairs(others);
            url.set_host(Some("127.0.0.1")).expect("a host");
            url.set_port(Some(port)).expect("a URL with a host takes a port");
        }
        url.as_str().parse().expect("a database URL")
    }

    /// Removes it, also from under those who still use it.
    pub async fn remove(&self) {
        drop_database(&mut connect_server().await, &self.name).await;
    }
}

/// A connection to the server itself.
pub async fn connect_server() -> PgConnection {
    PgConnection::connect(server_url().as_str()).await.expect("the Postgres that DATABASE_URL names answers")
}

/// Removes a database that this run made.
pub async fn drop_database(server: &mut PgConnection, name: &str) {
    let statement = AssertSqlSafe(format!("drop database if exists {name} with (force)"));
    if let Err(error) = sqlx::query(statement).execute(server).await {
        eprintln!("the database {name} could not be removed: {error}");
    }
}
