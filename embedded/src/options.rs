//! The options of the embedded parts.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::error::Error;

/// The node's name in the cluster. It is the same on every machine, so that a data folder can move.
pub const NODE_NAME: &str = "lectern";

/// The storage class of the node's volumes: the only one, and therefore the default.
pub const STORAGE_CLASS: &str = "lectern-local";

/// What to start, and where its state lives.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder below which all state lives.
    pub data_dir: PathBuf,
    /// The options of Kubernetes. `None` if another cluster is used.
    pub cluster: Option<ClusterOptions>,
    /// Whether Postgres is started.
    pub postgres: bool,
}

/// How the embedded Kubernetes is set up.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The multi-call program of `cluster/`.
    pub program: PathBuf,
    /// A storage tree of docker-registry, whose images are made available to the cluster.
    pub images_dir: Option<PathBuf>,
    /// The size in bytes of the disk for pods' layers, emptyDirs and logs when it is created. The default is half of what
    /// is free beyond what the databases need, up to 32 GiB.
    pub pods_disk_bytes: Option<u64>,
    /// The name of the pods' network bridge.
    pub bridge: String,
    /// The range of the pods' addresses; the first one is the bridge's own.
    pub pods: Network,
    /// The range of the services' addresses.
    pub services: Network,
}

impl ClusterOptions {
    /// Returns the default options for a cluster program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            images_dir: None,
            pods_disk_bytes: None,
            bridge: "lectern0".to_owned(),
            pods: Network { address: Ipv4Addr::new(10, 83, 0, 0), prefix: 16 },
            services: Network { address: Ipv4Addr::new(10, 84, 0, 0), prefix: 16 },
        }
    }

    /// Returns the bridge's address, which is also that of the node, the API server and the name server.
    pub fn bridge_address(&self) -> Ipv4Addr {
        self.pods.host(1)
    }

    /// Returns the address of the name server's service.
    pub(crate) fn dns_service_address(&self) -> Ipv4Addr {
        self.services.host(10)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let bridge_is_fine = !self.bridge.is_empty()
            && self.bridge.len() <= 15
            && self
                .bridge
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !bridge_is_fine {
            return Err(Error::BadOption {
                option: "bridge",
                reason: format!(
                    "{:?} cannot be the name of an interface: use 1 to 15 of a-z, 0-9 and -",
                    self.bridge
                ),
            });
        }
        if self.pods.overlaps(&self.services) {
            return Err(Error::BadOption {
                option: "pods",
                reason: format!("the ranges {} and {} overlap", self.pods, self.services),
            });
        }
        Ok(())
    }
}

/// A range of IPv4 addresses, written like `10.83.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: Ipv4Addr,
    prefix: u8,
}

impl Network {
    /// Returns the length of the prefix in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Returns the address with this number in the range.
    pub fn host(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) + number)
    }

    fn mask(prefix: u8) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
    }

    /// Returns whether the two ranges share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mask = Self::mask(self.prefix.min(other.prefix));
        u32::from(self.address) & mask == u32::from(other.address) & mask
    }

    /// Returns the range with this address and this mask.
    pub(crate) fn from_parts(address: Ipv4Addr, mask: u32) -> Self {
        Self { address, prefix: u8::try_from(mask.count_ones()).unwrap_or(32) }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

impl std::str::FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |reason: &str| Error::BadOption { option: "range", reason: format!("{text:?} {reason}") };
        let (address, prefix) =
            text.split_once('/').ok_or_else(|| bad("lacks the length of the prefix, as in 10.83.0.0/16"))?;
        let address: Ipv4Addr = address.parse().map_err(|_| bad("does not start with an IPv4 address"))?;
        let prefix: u8 = prefix.parse().map_err(|_| bad("has no number after the slash"))?;
        if !(8..=24).contains(&prefix) {
            return Err(bad("must have a prefix of 8 to 24 bits"));
        }
        if u32::from(address) & !Self::mask(prefix) != 0 {
            return Err(bad("has bits set after its prefix"));
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a range")
    }

    #[test]
    fn a_range_counts_its_hosts_from_its_own_address() {
        assert_eq!(network("10.83.0.0/16").host(1), Ipv4Addr::new(10, 83, 0, 1));
    }

    #[test]
    fn ranges_inside_one_another_overlap_and_neighbours_do_not() {
        assert!(network("10.0.0.0/8").overlaps(&network("10.83.0.0/16")));
        assert!(!network("10.83.0.0/16").overlaps(&network("10.84.0.0/16")));
    }

    #[test]
    fn a_range_with_bits_after_its_prefix_is_refused() {
        assert!("10.83.0.1/16".parse::<Network>().is_err());
        assert!("10.83.0.0".parse::<Network>().is_err());
        assert!("10.83.0.0/30".parse::<Network>().is_err());
    }

    #[test]
    fn an_interface_name_that_the_kernel_would_refuse_is_refused_here() {
        let mut options = ClusterOptions::new("/bin/true");
        options.bridge = "a-name-far-too-long-for-linux".to_owned();
        assert!(options.validate().is_err());
    }
}
