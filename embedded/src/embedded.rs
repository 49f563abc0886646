//! Starting and stopping all parts.

use std::path::{Path, PathBuf};

use crate::cluster::Cluster;
use crate::data_dir::layout::Layout;
use crate::data_dir::leftovers::{self, Leftovers};
use crate::data_dir::lock::Lock;
use crate::data_dir::status::Board;
use crate::error::Error;
use crate::files;
use crate::host::mounts;
use crate::options::Options;
use crate::pods_disk;
use crate::postgres;
use crate::preflight;
use crate::process::supervise::Part;
use crate::progress::Progress;

/// The running parts. [`Embedded::stop`] stops them; if the process ends without it, the next start clears them.
#[derive(Debug)]
pub struct Embedded {
    layout: Layout,
    progress: Progress,
    cluster: Option<Cluster>,
    postgres: Option<Part>,
    kubeconfig: Option<PathBuf>,
    server_kubeconfig: Option<PathBuf>,
    database_url: Option<String>,
    server_database_url: Option<String>,
    lock: Lock,
}

impl Embedded {
    /// Starts the parts and returns when all of them are ready.
    ///
    /// A caller that drops this future before it completes must call [`recover`] next, which stops and clears what had
    /// begun.
    ///
    /// # Errors
    /// Fails if the machine lacks something, something else is in the way, or a part does not become ready. Everything
    /// that was started or changed until then is undone.
    pub async fn start(options: Options, progress: Progress) -> Result<Self, Error> {
        preflight::check(&options).await?;
        let layout = prepare_data_dir(&options.data_dir)?;
        let lock = Lock::take(&layout, options.cluster.is_some())?;
        if leftovers::exist(&layout) {
            progress.step("clean-up after an earlier run", leftovers::clear(&layout)).await?;
        }
        if options.cluster.is_some() {
            leftovers::clear_abandoned(&layout).await?;
        }
        preflight::check_after_recovery(&options)?;
        let machine_side = options.cluster.as_ref().map(|cluster| (cluster.bridge.clone(), layout.cgroup()));
        let made_folders = if machine_side.is_some() { mounts::missing_mount_points() } else { Vec::new() };
        Leftovers::survey(machine_side, made_folders).await?.record(&layout)?;
        let board = Board::new(&layout);

        let cluster = async {
            match options.cluster {
                Some(options) => Cluster::start(options, &layout, &board, &progress).await.map(Some),
                None => Ok(None),
            }
        };
        let postgres = async {
            if options.postgres {
                postgres::start(&layout, &board, &progress).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (cluster, postgres) = tokio::join!(cluster, postgres);
        let (failure, cluster, postgres) = match (cluster, postgres) {
            (Ok(cluster), Ok(postgres)) => (None, cluster, postgres),
            (Err(error), postgres) => (Some(error), None, postgres.ok().flatten()),
            (Ok(cluster), Err(error)) => (Some(error), cluster, None),
        };
        let embedded = Self {
            kubeconfig: cluster.as_ref().map(Cluster::admin_kubeconfig),
            server_kubeconfig: cluster.as_ref().map(Cluster::server_kubeconfig),
            database_url: postgres.as_ref().map(|_| postgres::database_url(&layout)),
            server_database_url: postgres.as_ref().map(|_| postgres::server_database_url(&layout)),
            layout,
            progress,
            cluster,
            postgres,
            lock,
        };
        if let Some(failure) = failure {
            if let Err(error) = embedded.stop().await {
                tracing::error!(error = %error, "could not clean up after the failed start");
            }
            return Err(failure);
        }
        board.change(|record| {
            record.kubeconfig.clone_from(&embedded.kubeconfig);
            record.database_url.clone_from(&embedded.database_url);
        });
        Ok(embedded)
    }

    /// Returns the administrator's kubeconfig, or `None` without a cluster.
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.kubeconfig.as_deref()
    }

    /// Returns the kubeconfig of Lectern's server, which has a user of its own, or `None` without a cluster.
    pub fn server_kubeconfig(&self) -> Option<&Path> {
        self.server_kubeconfig.as_deref()
    }

    /// Returns the database's address for sqlx and libpq, on a Unix socket, or `None` without Postgres.
    pub fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// Returns the same address for the server's role, which owns nothing and has the rights that the owner grants it.
    #[must_use]
    pub fn server_database_url(&self) -> Option<&str> {
        self.server_database_url.as_deref()
    }

    /// Stops all parts and clears everything that they left outside the data folder.
    ///
    /// # Errors
    /// Fails if something could not be cleared; the next start tries again.
    pub async fn stop(self) -> Result<(), Error> {
        let Self { layout, progress, cluster, postgres, lock, .. } = self;
        let had_cluster = cluster.is_some();
        let stopping = async {
            let cluster = async {
                if let Some(cluster) = cluster {
                    cluster.stop().await;
                }
            };
            let postgres = async {
                if let Some(postgres) = postgres {
                    postgres.stop().await;
                }
            };
            tokio::join!(cluster, postgres);
            leftovers::clear(&layout).await?;
            if had_cluster { pods_disk::seal(&layout).await } else { Ok(()) }
        };
        let outcome = progress.step("stop of all parts", stopping).await;
        drop(lock);
        outcome
    }
}

/// Clears what a killed supervisor left: processes, mounts, interfaces, firewall rules, cgroups, changed sysctls.
/// [`Embedded::start`] does so by itself.
///
/// # Errors
/// Fails if a supervisor still runs on this data folder, or something could not be cleared.
pub async fn recover(data_dir: &Path) -> Result<(), Error> {
    let Ok(root) = data_dir.canonicalize() else { return Ok(()) };
    let layout = Layout::new(root);
    if !leftovers::exist(&layout) {
        return Ok(());
    }
    let _lock = Lock::take(&layout, leftovers::of_a_cluster(&layout)?)?;
    leftovers::clear(&layout).await
}

/// Creates the folders that everything relies on. Postgres' user must be able to enter the top one.
fn prepare_data_dir(data_dir: &Path) -> Result<Layout, Error> {
    files::create_dir(data_dir, 0o711)?;
    let layout = Layout::new(data_dir.canonicalize().map_err(Error::file("find", data_dir))?);
    for folder in [layout.run(), layout.home(), layout.logs()] {
        files::create_private_dir(&folder)?;
    }
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    #[tokio::test]
    async fn a_start_can_be_moved_to_another_thread_and_a_wrong_folder_changes_nothing() {
        let options = Options { data_dir: "relative".into(), cluster: None, postgres: false };
        let starting = Embedded::start(options, Progress::silent());
        is_send(&starting);
        assert!(matches!(starting.await, Err(Error::BadOption { .. } | Error::NotRoot)));
        assert!(!Path::new("relative").exists());
    }

    #[tokio::test]
    async fn recovering_a_folder_where_nothing_ran_is_no_work() {
        let folder = tempfile::tempdir().expect("folder");
        recover(folder.path()).await.expect("nothing to do");
        recover(Path::new("/nonexistent")).await.expect("nothing to do");
    }
}
