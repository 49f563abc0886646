//! The API as browsers use it: real HTTP, a real Postgres with a database for each test, a real API server, and
//! the real program's [`lectern_server::app::App`] in this process.
//!
//! `DATABASE_URL` must name a server on which databases may be made, `KUBECONFIG` a cluster. Nothing here needs a
//! node: sessions that must run are rows. What happens in workbenches is tested in `tests/cluster` and `e2e`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may end them, too, and clippy spares only the tests"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the environment names the database, and rows hold the system's time"
)]

mod access;
mod accounts;
mod allowances;
mod audit;
mod audit_chain;
mod bounds;
mod classes;
mod cluster_view;
mod edge;
mod extensions;
mod files;
mod guessing;
mod identity;
mod join_codes;
mod labs;
mod lifecycle;
mod logins;
mod passwords;
mod previews;
mod privacy;
mod problems;
mod progress;
mod reserve;
mod schema;
mod sessions;
mod store;
mod streams;
mod support;
mod terminals;
