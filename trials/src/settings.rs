//! What a trial is given: a database, a cluster and the programs. `cargo xtask bench` and `cargo xtask test chaos`
//! set all of it.

use std::path::PathBuf;

use clap::Args;
use url::Url;

/// What stands ready, and the programs to be tried.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// The server to be tried.
    #[arg(long, env = "LECTERN_PROGRAM")]
    pub program: PathBuf,
    /// The program that holds kubectl, for comparison and for looking from outside.
    #[arg(long, env = "LECTERN_CLUSTER_PROGRAM")]
    pub cluster_program: PathBuf,
    /// A Postgres on which the trial may make a database of its own.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Url,
    /// The cluster.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: PathBuf,
    /// Where the labs that ship lie.
    #[arg(long, env = "LECTERN_LABS_DIR", default_value = "labs")]
    pub labs_dir: PathBuf,
    /// The data folder of the `lectern parts` that provides database and cluster: needed to kill its parts.
    #[arg(long, env = "LECTERN_PARTS_DATA_DIR")]
    pub parts_data_dir: Option<PathBuf>,
    /// Which version is tried, for the record.
    #[arg(long, env = "LECTERN_REVISION")]
    pub revision: Option<String>,
    /// File for the closing table, beside printing it.
    #[arg(long)]
    pub table: Option<PathBuf>,
}
