//! Reading an [`Action`] from the wire.
//!
//! What serde would derive for fifty variants of one tagged enum takes a tenth of the web app's size; here each type
//! of argument is read by one function instead of one per argument.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};

use super::kinds::ArgumentType;
use super::table::Action;

/// Why an object is not an action.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// No text under `action`.
    #[error("the object has no member `action` that names one")]
    NoName,
    /// A name that the table does not have.
    #[error("there is no action `{0}`")]
    UnknownAction(String),
    /// An argument that the action cannot do without.
    #[error("the argument `{0}` is missing")]
    Missing(&'static str),
    /// An argument of another type than the table's.
    #[error("the argument `{name}` cannot be read")]
    Unreadable {
        /// Which argument.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
}

/// The members of an action's object.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Takes one argument out. One that is not there counts as null.
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

fn read(mut members: Map<String, Value>) -> Result<Action, WireError> {
    let Some(Value::String(name)) = members.remove("action") else { return Err(WireError::NoName) };
    Action::read(&name, &mut Members(members))
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Map::deserialize(deserializer)?).map_err(|error| match &error {
            WireError::Unreadable { cause, .. } => D::Error::custom(format_args!("{error}: {cause}")),
            _ => D::Error::custom(&error),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complaint(value: Value) -> String {
        serde_json::from_value::<Action>(value).unwrap_err().to_string()
    }

    #[test]
    fn an_argument_that_may_be_left_out_reads_as_none_and_unknown_members_do_no_harm() {
        let action: Action =
            serde_json::from_value(json!({"file": "x", "action": "editor:open-file", "later": {}})).unwrap();
        assert_eq!(action, Action::EditorOpenFile { file: "x".into(), line: None });
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(complaint(json!({"action": "editor:fly"})).contains("editor:fly"));
        assert!(complaint(json!({"file": "x"})).contains("`action`"));
        assert!(complaint(json!({"action": "editor:open-file"})).contains("`file` is missing"));
        let wrong = complaint(json!({"action": "editor:open-file", "file": "x", "line": "two"}));
        assert!(wrong.contains("`line`") && wrong.contains("two"), "{wrong}");
    }
}
