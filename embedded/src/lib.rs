//! The embedded defaults of `lectern up`: real Kubernetes, Postgres and an image registry on one bare machine.
//!
//! [`Embedded::start`] checks the machine, clears what an earlier run may have left, starts all parts in order and keeps
//! them running. [`Embedded::stop`] stops them and leaves nothing but the data folder behind. [`read_status`] reports to
//! any process how the parts are.
//!
//! This crate owns processes, interfaces, firewall tables, cgroups and sysctls. It uses neither SQL nor the API of
//! Kubernetes: callers get a kubeconfig and a database address.

// kubelet's settings are one long `json!`
#![recursion_limit = "256"]

mod cluster;
mod data_dir;
mod embedded;
mod error;
mod files;
mod host;
mod images;
mod options;
mod pods_disk;
mod postgres;
mod preflight;
mod process;
mod progress;

pub use data_dir::status::{Health, PartStatus, Status, read_status};
pub use embedded::{Embedded, recover};
pub use error::Error;
pub use options::{ClusterOptions, NODE_NAME, Network, Options, STORAGE_CLASS};
pub use progress::{Progress, Step, StepState};
