//! The embedded defaults of `lectern up`: real Kubernetes, Postgres and an image registry on one bare machine.
//!
//! [`Embedded::start`] checks the machine, clears away what an earlier run may have left, starts every part in its
//! order and keeps it running; [`Embedded::stop`] ends all of it and leaves nothing but the data folder behind.
//! [`read_status`] tells another process how the parts are doing.
//!
//! This crate owns processes, interfaces, firewall tables, cgroups and sysctls. It speaks neither SQL nor the API of
//! Kubernetes: callers get a kubeconfig and a database address.

mod cgroups;
mod cluster;
mod command;
mod embedded;
mod error;
mod files;
mod firewall;
mod images;
mod layout;
mod leftovers;
mod lock;
mod logs;
mod machine;
mod mounts;
mod network;
mod options;
mod pods_disk;
mod ports;
mod postgres;
mod preflight;
mod probe;
mod process;
mod progress;
mod status;
mod supervise;
mod sysctl;

pub use embedded::{Embedded, recover};
pub use error::Error;
pub use options::{ClusterOptions, Network, Options};
pub use progress::{Progress, Step, StepState};
pub use status::{Health, PartStatus, Status, read_status};

/// The node's name in the cluster, the same on every machine so that a data folder can move.
pub const NODE_NAME: &str = "lectern";

/// The storage class of the node's volumes: the only one, and so that of claims which name none.
pub const STORAGE_CLASS: &str = "lectern-local";
