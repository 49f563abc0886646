//! The parts' own ports: found free at the first start and kept from then on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::Error;
use crate::files;
use crate::layout::Layout;

/// Below the range that Linux gives to outgoing connections, and below the node ports of Kubernetes.
const FIRST: u16 = 20_000;
const LAST: u16 = 29_999;

/// Every port that a part binds beside the name server's 53.
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

/// Which part has which port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// Reads the remembered ports, takes others for those that somebody else uses now, and writes them down.
    pub(crate) fn settle(layout: &Layout) -> Result<Self, Error> {
        // a damaged memory of ports only means new ports
        let known: BTreeMap<String, u16> =
            files::read_json(&layout.ports()).ok().flatten().unwrap_or_default();
        // spread by data folder, so that two of them seldom want the same
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

    /// The port for a purpose of the list above.
    pub(crate) fn of(&self, purpose: &str) -> u16 {
        debug_assert!(PURPOSES.contains(&purpose), "no port is kept for {purpose}");
        self.0.get(purpose).copied().unwrap_or_default()
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
