//! The cluster room against a real Kubernetes, and whole sessions on it. `KUBECONFIG` names it, `DATABASE_URL` a
//! Postgres on which databases may be made; `cargo xtask test` sets both.
//!
//! Each test makes an installation of its own (a random namespace of workbenches) and removes it, also when it
//! fails. Those in `bounds`, `finalizers`, `identity`, `objects` and `published` need an API server with its controllers, the others a node too.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment names the cluster, and objects hold the system's time"
)]

/// The server with its database, as the API's tests start it.
#[path = "../api"]
#[expect(dead_code, reason = "the API's tests use more of it")]
mod api {
    pub mod support;
}
mod bounds;
mod egress;
mod finalizers;
mod harness;
mod identity;
mod isolation;
mod lab_objects;
mod objects;
mod published;
mod sessions;
mod spoofing;
mod terminals;
mod view;
mod workbenches;

use api::support;
