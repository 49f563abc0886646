//! The kernel settings that Kubernetes changes: saved before, restored after.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

const ROOT: &str = "/proc/sys";

/// The settings that we, kubelet, kube-proxy and the CNI plugins write.
const SINGLE: [&str; 16] = [
    "kernel/pid_max",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_udp_timeout",
    "net/netfilter/nf_conntrack_udp_timeout_stream",
    // must precede the settings of interfaces, which it changes
    "net/ipv4/ip_forward",
];

/// The settings that forwarding changes on each interface, and on `all` and `default`.
const PER_INTERFACE: [&str; 3] = ["forwarding", "accept_redirects", "route_localnet"];

/// The saved settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Saved(Vec<(PathBuf, String)>);

impl Saved {
    /// Reads all settings that may be changed.
    pub(crate) fn read() -> Self {
        let mut paths: Vec<PathBuf> = SINGLE.iter().map(|name| Path::new(ROOT).join(name)).collect();
        for (family, names) in [("ipv4", &PER_INTERFACE[..]), ("ipv6", &PER_INTERFACE[..1])] {
            let folder = Path::new(ROOT).join("net").join(family).join("conf");
            let mut interfaces: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().collect();
            // `all` first, because writing it changes the others
            interfaces.sort_by_key(|entry| (entry.file_name() != "all", entry.file_name()));
            for interface in interfaces {
                paths.extend(names.iter().map(|name| interface.path().join(name)));
            }
        }
        Self(paths.into_iter().filter_map(|path| read(&path).map(|value| (path, value))).collect())
    }

    /// Restores what has changed. Network settings are restored only if `with_network` is set, because they belong to the
    /// namespace in which they were read. Returns what could not be restored.
    pub(crate) fn restore(&self, with_network: bool) -> Vec<String> {
        let network = Path::new(ROOT).join("net");
        let mut failed = Vec::new();
        for (path, value) in &self.0 {
            if path.starts_with(&network) && !with_network {
                continue;
            }
            // the settings of an interface disappear with it
            let Some(present) = read(path) else { continue };
            if present != *value
                && let Err(error) = fs::write(path, value)
            {
                failed.push(format!("{} back to {value}: {error}", path.display()));
            }
        }
        failed
    }
}

fn read(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// Reads a numeric setting. Returns `None` if it does not exist.
pub(crate) fn number(name: &str) -> Option<u64> {
    read(&Path::new(ROOT).join(name))?.parse().ok()
}

/// Writes a setting, named by its path below `/proc/sys`, unless it has this value already.
pub(crate) fn set(name: &str, value: &str) -> Result<(), Error> {
    let path = Path::new(ROOT).join(name);
    if read(&path).as_deref() == Some(value) {
        return Ok(());
    }
    fs::write(&path, value).map_err(Error::file("write", path))
}
