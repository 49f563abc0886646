//! The data folder: where everything lies, who holds it, how its parts are, and what is to be undone.

pub(crate) mod layout;
pub(crate) mod leftovers;
pub(crate) mod lock;
pub(crate) mod status;
