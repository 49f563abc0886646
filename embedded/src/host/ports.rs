//! The parts' ports: chosen among the free ones at the first start, and kept from then on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use crate::data_dir::layout::Layout;
use crate::error::Error;
use crate::files;

/// The range lies below the one for outgoing connections of Linux, and below the node ports of Kubernetes.
const FIRST: u16 = 20_000;
const LAST: u16 = 29_999;

/// All ports that parts bind, except the name server's 53.
const PURPOSES: [&str; 15] = [
    "kube-apiserver",
    "etcd-client",
    "etcd-peer",
    "etcd-health",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubelet-health",
    "kube-proxy-health",
    "kube-proxy-metrics",
    "coredns-health",
    "coredns-ready",
    "network-policy-health",
    "volumes-health",
    "registry",
];

/// The ports by purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// Reads the recorded ports, replaces those that something else uses now, and records the result.
    pub(crate) fn settle(layout: &Layout) -> Result<Self, Error> {
        // if the record is damaged, new ports are chosen
        let known: BTreeMap<String, u16> =
            files::read_json(&layout.ports()).ok().flatten().unwrap_or_default();
        // starts at a point that depends on the data folder, so that two of them seldom choose the same
        let start = u16::from_str_radix(&layout.tag()[..4], 16).unwrap_or(0) % (LAST - FIRST);
        let mut candidates = (0..LAST - FIRST).map(|step| FIRST + (start + step) % (LAST - FIRST));
        let mut settled = BTreeMap::new();
        for purpose in PURPOSES {
            let remembered = known.get(purpose).copied().filter(|port| is_free(*port));
            let port = match remembered {
                Some(port) => port,
                None => candidates
                    .by_ref()
                    .find(|port| !known.values().any(|taken| taken == port) && is_free(*port))
                    .ok_or_else(|| Error::NoFreePort {
                        purpose: purpose.to_owned(),
                        first: FIRST,
                        last: LAST,
                    })?,
            };
            settled.insert(purpose.to_owned(), port);
        }
        if settled != known {
            files::replace_json(&layout.ports(), &settled)?;
        }
        Ok(Self(settled))
    }

    /// Returns the port for one of the purposes above.
    pub(crate) fn of(&self, purpose: &str) -> u16 {
        debug_assert!(PURPOSES.contains(&purpose), "{purpose} is not among the purposes");
        self.0.get(purpose).copied().unwrap_or_default()
    }
}

#[cfg(test)]
impl Ports {
    /// The ports from the first one on, in the order of their purposes, whether they are free or not.
    pub(crate) fn numbered() -> Self {
        Self(PURPOSES.iter().zip(FIRST..).map(|(purpose, port)| ((*purpose).to_owned(), port)).collect())
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_and_only_a_taken_one_changes() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::new(folder.path());
        let first = Ports::settle(&layout).expect("ports");
        assert_eq!(Ports::settle(&layout).expect("ports"), first);
        let _guest = TcpListener::bind(("127.0.0.1", first.of("registry"))).expect("the port is free");
        let second = Ports::settle(&layout).expect("ports");
        assert_ne!(second.of("registry"), first.of("registry"));
        assert_eq!(second.of("kube-apiserver"), first.of("kube-apiserver"));
    }

    #[test]
    fn no_two_parts_share_a_port() {
        let folder = tempfile::tempdir().expect("folder");
        let ports = Ports::settle(&Layout::new(folder.path())).expect("ports");
        let mut all: Vec<_> = ports.0.values().collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), PURPOSES.len());
    }
}
