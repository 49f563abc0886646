//! What every trial needs: a database, labs and a server of its own, its administrator, and kubectl.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lectern_testbed::{Kubectl, copy_tree};
use serde_json::json;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::Database;
use crate::learner::Learner;
use crate::server::Server;
use crate::settings::Settings;

/// A lab of which nothing is kept ready.
pub const COLD: &str = "trial-cold";
/// A lab of which sessions are kept ready.
pub const RESERVED: &str = "trial-reserved";
/// The lab of which both are copies.
const ORIGINAL: &str = "container-immutability";

/// A running Lectern with what belongs to it.
pub struct Stage {
    pub server: Server,
    pub database: Database,
    pub kubectl: Kubectl,
    pub admin: Learner,
    /// Removed with everything in it at the end.
    _folder: TempDir,
}

impl Stage {
    /// Sets it up. `reserved` sessions of [`RESERVED`] are kept ready.
    pub async fn set_up(settings: &Settings, reserved: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lectern-trial-").tempdir()?;
        let labs = copy_labs(&settings.labs_dir, folder.path())?;
        let database = Database::create(&settings.database_url).await?;
        let set_up = async {
            let mut server = Server::new(settings, &database, folder.path(), &labs, &portal(reserved))?;
            let link = server.start().await?.context("the new server has no link for its administrator")?;
            let admin = Learner::sign_in(server.url(), &link).await?;
            Ok((server, admin))
        };
        match set_up.await {
            Ok((server, admin)) => {
                let kubectl = Kubectl::new(&settings.cluster_program, &settings.kubeconfig);
                Ok(Self { server, database, kubectl, admin, _folder: folder })
            }
            Err(error) => {
                let _ = database.remove().await;
                Err(error)
            }
        }
    }

    /// Stops it, and removes what it created in the cluster and in Postgres.
    pub async fn take_down(mut self) -> Result<()> {
        let stopped = self.server.stop().await;
        let label = format!("lectern.dev/instance={}", self.server.namespace());
        let removed = self.kubectl.run(&["delete", "namespaces", "-l", &label, "--wait=false"]).await;
        let dropped = self.database.remove().await;
        stopped.and(removed.map(drop)).and(dropped)
    }

    /// Restarts the server so that it keeps `reserved` sessions of [`RESERVED`] ready, and waits until they are.
    pub async fn keep_in_reserve(&mut self, reserved: u32, patience: Duration) -> Result<()> {
        self.server.stop().await?;
        self.server.write_portal(&portal(reserved))?;
        self.server.start().await?;
        self.wait_for_reserve(reserved.into(), patience).await
    }

    /// Waits until `wanted` sessions of [`RESERVED`] can be taken.
    pub async fn wait_for_reserve(&self, wanted: i64, patience: Duration) -> Result<()> {
        let mut conn = self.database.connect().await?;
        let ready = async {
            loop {
                // the column is read by name, because a database of an older server has none
                let ready: i64 = sqlx::query_scalar(
                    "select count(*) from sessions s where lab = $1 and phase = 'reserved'
                     and to_jsonb(s)->>'ready_at' is not null",
                )
                .bind(RESERVED)
                .fetch_one(&mut conn)
                .await?;
                if ready >= wanted {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(patience, ready).await {
            Ok(done) => done,
            Err(_) => bail!("there was no session in reserve within {} s", patience.as_secs()),
        }
    }
}

/// The operator's numbers.
fn portal(reserved: u32) -> serde_json::Value {
    json!({
        // one learner starts and ends sessions all the time
        "sessions": { "starts_per_hour": null },
        "defaults": { "reserved": 0 },
        "labs": { RESERVED: { "reserved": reserved } },
    })
}

/// Does the work until it is done. Ctrl-C or SIGTERM makes it an error, so that the caller can remove what was created.
pub async fn unless_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => bail!("it was interrupted"),
        _ = terminate.recv() => bail!("it was ended by SIGTERM"),
    }
}

/// Copies one lab twice into `folder`, each time under another name.
fn copy_labs(from: &Path, folder: &Path) -> Result<PathBuf> {
    let labs = folder.join("labs");
    let original = from.join(ORIGINAL);
    ensure!(original.is_dir(), "{} has no lab {ORIGINAL}; name the folder of labs", from.display());
    for name in [COLD, RESERVED] {
        let copy = labs.join(name);
        copy_tree(&original, &copy)?;
        let file = copy.join("resources/workshop.yaml");
        let text = std::fs::read_to_string(&file)?;
        let renamed = text.replacen(&format!("name: {ORIGINAL}"), &format!("name: {name}"), 1);
        ensure!(renamed != text, "{} does not name the lab {ORIGINAL}", file.display());
        std::fs::write(&file, renamed)?;
    }
    Ok(labs)
}
