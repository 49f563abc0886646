//! Terminals: each has a PTY with a shell, a ring that keeps its output, and any number of viewers.
//!
//! [`state::Terminal`] is what they share. [`shell`] writes output into it, slowed down by [`backpressure`], and [`feed`]
//! takes input from it; [`viewer`] does the opposite for one viewer, paced by [`flush`].

mod backpressure;
mod feed;
mod flush;
mod input;
mod profile;
mod registry;
mod ring;
mod shell;
mod state;
mod tty;
mod typing;
pub mod viewer;

pub use registry::Terminals;
