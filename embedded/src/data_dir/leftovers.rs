//! The record of what is changed on the machine. It is written before the first change, and everything is undone from it.
//!
//! A stop and the recovery after a `kill -9` run the same code: both read the record and clear everything in it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::data_dir::layout::Layout;
use crate::data_dir::lock::Lock;
use crate::data_dir::status;
use crate::error::Error;
use crate::files;
use crate::host::cgroups;
use crate::host::firewall;
use crate::host::machine;
use crate::host::network::{self, OwnBridge};
use crate::host::sysctl::Saved;
use crate::process::table;

/// The record of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Leftovers {
    boot_id: String,
    network_namespace: u64,
    cluster: Option<ClusterLeftovers>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClusterLeftovers {
    sysctls: Saved,
    bridge: String,
    cgroup: String,
    controllers_before: Vec<String>,
    made_folders: Vec<PathBuf>,
    tables_before: Vec<String>,
}

impl Leftovers {
    /// Records the state of the machine before the first change.
    pub(crate) async fn survey(
        cluster: Option<(String, String)>,
        made_folders: Vec<PathBuf>,
    ) -> Result<Self, Error> {
        let cluster = match cluster {
            None => None,
            Some((bridge, cgroup)) => Some(ClusterLeftovers {
                sysctls: Saved::read(),
                bridge,
                cgroup,
                controllers_before: cgroups::delegated(),
                made_folders,
                tables_before: firewall::present_tables().await?,
            }),
        };
        Ok(Self { boot_id: machine::boot_id(), network_namespace: machine::network_namespace(), cluster })
    }

    /// Writes the record. After this, the machine may be changed.
    pub(crate) fn record(&self, layout: &Layout) -> Result<(), Error> {
        files::replace_json(&layout.leftovers(), self)
    }
}

/// Returns whether an earlier run was not stopped in order.
pub(crate) fn exist(layout: &Layout) -> bool {
    layout.leftovers().exists()
}

/// Returns whether the recorded run had a cluster.
pub(crate) fn of_a_cluster(layout: &Layout) -> Result<bool, Error> {
    let record: Option<Leftovers> = files::read_json(&layout.leftovers())?;
    Ok(record.is_some_and(|record| record.cluster.is_some()))
}

/// How long the pods' processes may take to exit before they are killed.
pub(crate) const PATIENT: Duration = Duration::from_secs(2);
/// The same after the supervisor was killed, when waiting is not worth it.
const IMPATIENT: Duration = Duration::ZERO;

/// Stops the pods of the recorded cluster. containerd may still run.
pub(crate) async fn end_pods(layout: &Layout, patience: Duration) -> Result<(), Error> {
    let record: Option<Leftovers> = files::read_json(&layout.leftovers())?;
    if let Some(cluster) = record.and_then(|record| record.cluster) {
        cgroups::end_processes(&cluster.cgroup, patience).await;
    }
    Ok(())
}

/// Clears everything that the record names, then the record itself.
pub(crate) async fn clear(layout: &Layout) -> Result<(), Error> {
    let Some(record) = files::read_json::<Leftovers>(&layout.leftovers())? else { return Ok(()) };
    let mut remains = Vec::new();
    // a reboot clears everything but the folders that were created
    let same_boot = record.boot_id == machine::boot_id();
    if same_boot {
        remains.extend(end_parts(layout).await?);
    }
    if let Some(cluster) = &record.cluster {
        if same_boot {
            remains.extend(
                clear_cluster(cluster, record.network_namespace == machine::network_namespace()).await,
            );
        }
        for folder in cluster.made_folders.iter().rev() {
            // a folder that is used by others by now is not empty and stays
            let _ = fs::remove_dir(folder);
        }
    }
    if !remains.is_empty() {
        return Err(Error::Remains { what: remains });
    }
    files::remove_file(&layout.leftovers())
}

/// Clears what Lecterns with other data folders left in this network namespace: their bridges and kube-proxy's tables
/// would be in the way. The caller holds the lock of the namespace, so none of them runs any more.
pub(crate) async fn clear_abandoned(own: &Layout) -> Result<(), Error> {
    for OwnBridge { name: bridge, data_dir } in network::own_bridges().await? {
        let layout = Layout::new(data_dir);
        if layout.root() == own.root() {
            continue;
        }
        tracing::warn!(data_dir = %layout.root().display(), %bridge, "clearing what a killed Lectern with another data folder left");
        if exist(&layout) {
            let _lock = Lock::take(&layout, false)?;
            clear(&layout).await?;
        }
        // the record is missing if the folder was removed or moved: what has our name is cleared all the same
        if machine::interface_exists(&bridge) {
            let remains = clear_unrecorded(&layout, &bridge).await?;
            if !remains.is_empty() {
                return Err(Error::Remains { what: remains });
            }
        }
    }
    Ok(())
}

async fn clear_unrecorded(layout: &Layout, bridge: &str) -> Result<Vec<String>, Error> {
    let mut remains = end_parts(layout).await?;
    let cgroup = layout.cgroup();
    cgroups::end_processes(&cgroup, IMPATIENT).await;
    network::remove_bridge(bridge).await?;
    // it is not known which tables iptables created for us, so all of them stay
    firewall::clear(bridge, &firewall::present_tables().await?).await?;
    remains.extend(cgroups::remove(&cgroup).await);
    Ok(remains)
}

async fn clear_cluster(cluster: &ClusterLeftovers, same_network: bool) -> Vec<String> {
    cgroups::end_processes(&cluster.cgroup, IMPATIENT).await;
    let mut remains: Vec<_> = cgroups::processes(&cluster.cgroup)
        .iter()
        .map(|process| format!("process {} of a pod", process.pid))
        .collect();
    if same_network {
        let outcomes = [
            network::remove_bridge(&cluster.bridge).await,
            firewall::clear(&cluster.bridge, &cluster.tables_before).await,
        ];
        remains.extend(outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()));
    }
    remains.extend(cgroups::remove(&cluster.cgroup).await);
    cgroups::revoke(&cluster.controllers_before);
    remains.extend(cluster.sysctls.restore(same_network));
    remains
}

/// Kills every process that carries our mark or is in the record of parts.
async fn end_parts(layout: &Layout) -> Result<Vec<String>, Error> {
    let record = status::read_record(layout).ok().flatten();
    let recorded = |name: &str| record.as_ref().and_then(|record| record.parts.get(name)?.process);
    // Postgres hides its environment, has children in process groups of their own, and should shut down in order
    if let Some(postgres) = recorded("postgres").filter(|process| process.is_alive()) {
        for (signal, limit) in [(Signal::SIGINT, 5), (Signal::SIGQUIT, 3), (Signal::SIGKILL, 1)] {
            postgres.signal(signal);
            if table::wait_gone(&[postgres], Duration::from_secs(limit)).await.is_empty() {
                break;
            }
        }
    }
    let mut survivors = Vec::new();
    // repeated, because a process may have started another one just before it was killed
    for _ in 0..5 {
        let parts = table::marked_with(layout.root());
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        for part in &parts {
            part.signal(Signal::SIGKILL);
        }
        survivors = table::wait_gone(&parts, Duration::from_secs(2)).await;
    }
    Ok(survivors.iter().map(|process| format!("process {}", process.pid)).collect())
}
