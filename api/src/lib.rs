//! What crosses the wire between browser, server and agent: plain serde types and ids.
//!
//! Nothing in here does I/O, and all of it builds for `wasm32-unknown-unknown`. The server's rows and
//! domain types convert into these with `From`; they may drift apart.

pub mod actions;
pub mod page;
