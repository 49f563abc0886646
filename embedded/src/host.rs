//! What is changed and checked on the machine itself: interfaces, firewall, cgroups, mounts, sysctls, ports.

pub(crate) mod cgroups;
pub(crate) mod firewall;
pub(crate) mod machine;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod ports;
pub(crate) mod probe;
pub(crate) mod sysctl;
