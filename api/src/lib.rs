//! What crosses the wire between browser, server and agent: plain serde types and ids.
//!
//! Nothing in here does I/O, and all of it builds for `wasm32-unknown-unknown`. The server's rows and
//! domain types convert into these with `From`; they may drift apart. JSON is `snake_case`, instants are
//! RFC 3339 in UTC, durations carry their unit in the name.

#![warn(missing_docs)]

pub mod actions;
pub mod agent;
pub mod audit;
pub mod classes;
pub mod cluster_view;
pub mod files;
pub mod identity;
pub mod ids;
pub mod labs;
pub mod page;
pub mod platform;
pub mod problem;
pub mod progress;
pub mod sessions;
pub mod terminal;
