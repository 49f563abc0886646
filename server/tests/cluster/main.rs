//! The cluster room against a real Kubernetes. `KUBECONFIG` names it; `cargo xtask test` sets it.
//!
//! Each test makes an installation of its own (a random namespace of workbenches) and removes it, also when it
//! fails. Those in `objects` need an API server with its controllers, the others a node too.

mod harness;
mod isolation;
mod objects;
mod workbenches;
