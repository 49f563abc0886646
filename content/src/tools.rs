//! What the project's own tools need and nothing that serves a lab does: `cargo xtask corpus`, the generator of
//! docs/AUTHORING.md, and the fuzzers.

pub mod corpus;
pub mod guide;
pub mod probe;
