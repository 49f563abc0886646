//! What the operator decides, read once from flags, environment and one file.

pub mod portal;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use url::Url;

/// Where the server listens and what it calls itself.
#[derive(Args, Clone, Debug)]
pub struct HttpConfig {
    /// Address to listen on.
    #[arg(long, env = "LECTERN_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address under which browsers reach Lectern, where it differs: behind a proxy, or with a name.
    #[arg(long, env = "LECTERN_PUBLIC_URL")]
    pub public_url: Option<Url>,
}

/// Where labs come from.
#[derive(Args, Clone, Debug)]
pub struct CatalogConfig {
    /// Folder of which each sub-folder is a lab.
    #[arg(long, env = "LECTERN_LABS_DIR", default_value = "labs")]
    pub labs_dir: PathBuf,
}

/// The database.
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// Postgres to use: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

/// The Kubernetes cluster.
#[derive(Args, Clone, Debug)]
pub struct ClusterFlags {
    /// Cluster to use; without it the one that this program runs in.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Image of the workbench, in which the terminals run.
    #[arg(long, env = "LECTERN_WORKBENCH_IMAGE", default_value = "docker.io/lectern/workbench:latest")]
    pub workbench_image: String,
    /// Namespace for the workbenches.
    #[arg(long, env = "LECTERN_WORKBENCH_NAMESPACE", default_value = "lectern-workbenches")]
    pub workbench_namespace: String,
}

/// What the running services need to know.
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    /// As in [`HttpConfig::public_url`].
    pub public_url: Option<Url>,
    /// How many sessions, and how long.
    pub portal: portal::Portal,
}
