//! Reading the arguments of an action from the wire.
//!
//! The code that serde derives for a tagged enum of fifty variants makes up a tenth of the web app's size. Here one
//! function reads each type of argument, instead of one for each argument.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::kinds::ArgumentType;

/// Why an object is not an action.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The member `action` is missing or is not text.
    #[error("the object has no member `action` that names one")]
    NoName,
    /// The table has no action of that name.
    #[error("there is no action `{0}`")]
    UnknownAction(String),
    /// A required argument is missing.
    #[error("the argument `{0}` is missing")]
    Missing(&'static str),
    /// An argument has the wrong type.
    #[error("the argument `{name}` cannot be read")]
    Unreadable {
        /// The argument's name.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
}

/// The members of an action's object, apart from `action`.
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Removes one argument and returns its value. An optional argument that is missing reads as null.
    pub(super) fn take<T: ArgumentType + DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<T, WireError> {
        let value = match self.0.remove(name) {
            None if T::REQUIRED => return Err(WireError::Missing(name)),
            found => found.unwrap_or_default(),
        };
        T::deserialize(value).map_err(|cause| WireError::Unreadable { name, cause })
    }
}
