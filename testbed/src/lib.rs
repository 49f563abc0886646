//! Starts a Lectern for tests, waits until it is ready, and stops it without leaving anything behind.
//!
//! It knows how the program `lectern` is started and what it reports; which tests run beside it is the caller's business.

mod external;
mod files;
#[cfg(feature = "async")]
mod kubectl;
mod lectern;
mod platform;

pub use external::External;
pub use files::copy_tree;
#[cfg(feature = "async")]
pub use kubectl::Kubectl;
pub use lectern::{Lectern, Ready, free_address, last_lines};
pub use platform::{Extent, Platform, Programs};
