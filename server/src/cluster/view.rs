//! The cluster view: what runs in a session's namespaces, read and changed with its learner's rights.
//!
//! A view is a set of watches and the picture that they make. It is started for the first viewer of a session, shared
//! by all of them, and stopped with the last one: a session at which nobody looks costs nothing. Kinds that the
//! learner may not list are left out. What is wrong with an object is put into words by [`causes`].

pub mod causes;
mod digest;
mod kinds;
mod log;
mod model;
mod object;
mod refused;
mod snapshot;
mod usage;
mod watching;

pub use log::{LineCutter, LogStream};
pub use object::{ObjectError, ObjectRef};
pub use snapshot::Snapshot;
pub(super) use usage::NodeUsage;
pub(super) use watching::Views;
pub use watching::{TooManyViews, View};
