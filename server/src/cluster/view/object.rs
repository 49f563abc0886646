//! Single objects: their text, an edited text, their deletion.

use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::{Api, Client};
use lectern_api::cluster_view::{ObjectKind, ObjectText};
use serde_json::{Value, json};

use super::super::{Cluster, ClusterError, SessionNames};
use super::{kinds, refused};

/// The longest name of an object.
const LONGEST_NAME: usize = 253;
/// What stands for the values of a secret. It is no base64, so that Kubernetes would not accept it as a value.
const REDACTED: &str = "<hidden>";
/// kubectl keeps the whole object here, as it was applied: with a secret's values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The field manager of changes in the view.
const FIELD_MANAGER: &str = "lectern-cluster-view";

/// An object in one of a session's namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    kind: ObjectKind,
    namespace: String,
    name: String,
}

impl ObjectRef {
    /// Returns a reference; `None` if the namespace is not the session's, or no object can have this name.
    #[must_use]
    pub fn new(names: &SessionNames, kind: ObjectKind, namespace: &str, name: &str) -> Option<Self> {
        let is_own = names.namespaces().any(|own| own == namespace);
        (is_own && is_object_name(name)).then(|| Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    pub(super) fn api(&self, client: Client) -> Api<DynamicObject> {
        Api::namespaced_with(client, &self.namespace, &kinds::resource(self.kind))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the reference is about, in words.
    pub(super) fn described(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// Returns whether a text is a DNS subdomain, as all names of these kinds are: so it is one part of an address.
pub(super) fn is_object_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(is_label)
}

/// Why something could not be done with an object. The messages are for the learner.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("{0} does not exist any more")]
    NotFound(String),
    /// It has changed since its text was read.
    #[error(
        "{what} has changed since you opened it, so nothing was done: load it again and repeat what you did. \
         Kubernetes says: {message}"
    )]
    Conflict { what: String, message: String },
    /// The API server refuses it.
    #[error("{sentence} Kubernetes says: {message}")]
    Refused { sentence: String, message: String },
    /// The text is not the object that was opened.
    #[error("{0}")]
    Unreadable(String),
    #[error("the cluster does not answer at the moment; try again")]
    Cluster(#[source] ClusterError),
}

impl ObjectError {
    /// Converts an error of kube's about an object.
    pub(super) fn of(error: kube::Error, what: &str) -> Self {
        match error {
            kube::Error::Api(status) => refused::of_status(*status, what),
            error => Self::Cluster(ClusterError::of(error, &format!("ask for {what}"))),
        }
    }
}

impl Cluster {
    /// Returns an object's text, with a secret's values only if they are wanted.
    ///
    /// # Errors
    /// Returns an error if it does not exist or the learner may not read it.
    pub async fn read_object(
        &self,
        names: &SessionNames,
        object: &ObjectRef,
        with_values: bool,
    ) -> Result<ObjectText, ObjectError> {
        let api = object.api(self.as_learner(names).map_err(ObjectError::Cluster)?);
        let read =
            api.get(&object.name).await.map_err(|error| ObjectError::of(error, &object.described()))?;
        text_of(object, &read, with_values)
    }

    /// Replaces an object by an edited text of it. Returns the text that it has then.
    ///
    /// # Errors
    /// Returns an error if the text is of another object, the object has changed since the text was read, or the
    /// API server refuses it.
    pub async fn replace_object(
        &self,
        names: &SessionNames,
        object: &ObjectRef,
        yaml: &str,
    ) -> Result<ObjectText, ObjectError> {
        let edited = edited(object, yaml)?;
        let api = object.api(self.as_learner(names).map_err(ObjectError::Cluster)?);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let replaced = api.replace(&object.name, &params, &edited).await;
        text_of(object, &replaced.map_err(|error| ObjectError::of(error, &object.described()))?, true)
    }

    /// Deletes an object, and what it controls after it. With a `uid` only the object that was shown is deleted, not
    /// another one of its name.
    ///
    /// # Errors
    /// Returns an error if it does not exist or the learner may not delete it.
    pub async fn delete_object(
        &self,
        names: &SessionNames,
        object: &ObjectRef,
        uid: Option<String>,
    ) -> Result<(), ObjectError> {
        let api = object.api(self.as_learner(names).map_err(ObjectError::Cluster)?);
        let preconditions = uid.map(|uid| Preconditions { uid: Some(uid), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        let deleted = api.delete(&object.name, &params).await;
        deleted.map(drop).map_err(|error| ObjectError::of(error, &object.described()))
    }
}

/// Writes an object as YAML.
fn text_of(object: &ObjectRef, read: &DynamicObject, with_values: bool) -> Result<ObjectText, ObjectError> {
    let mut value = json!(read);
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    let resource = kinds::resource(object.kind);
    value["apiVersion"] = json!(resource.api_version);
    value["kind"] = json!(resource.kind);
    let is_redacted = object.kind == ObjectKind::Secret && !with_values;
    if is_redacted {
        redact(&mut value);
    }
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let yaml = serde_saphyr::to_string_with_options(&value, options).map_err(|error| {
        ObjectError::Unreadable(format!("{} cannot be written as YAML: {error}", object.described()))
    })?;
    Ok(ObjectText { yaml, is_redacted })
}

/// Removes a secret's values, wherever they are.
fn redact(secret: &mut Value) {
    for member in ["data", "stringData"] {
        if let Some(values) = secret.get_mut(member).and_then(Value::as_object_mut) {
            values.values_mut().for_each(|value| *value = json!(REDACTED));
        }
    }
    if let Some(notes) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
        && let Some(applied) = notes.get_mut(LAST_APPLIED)
    {
        *applied = json!(REDACTED);
    }
}

/// Reads an edited text, which must be of the same object.
fn edited(object: &ObjectRef, yaml: &str) -> Result<DynamicObject, ObjectError> {
    let unreadable = |text: &str| ObjectError::Unreadable(text.to_owned());
    let mut value: Value = serde_saphyr::from_str(yaml)
        .map_err(|error| ObjectError::Unreadable(format!("This is not valid YAML: {error}")))?;
    let resource = kinds::resource(object.kind);
    if value["kind"] != json!(resource.kind) || value["apiVersion"] != json!(resource.api_version) {
        return Err(unreadable(
            "The lines apiVersion and kind cannot be changed. Use kubectl to create other objects.",
        ));
    }
    let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) else {
        return Err(unreadable("The part metadata is missing."));
    };
    if meta.get("name") != Some(&json!(object.name))
        || meta.get("namespace").is_some_and(|namespace| *namespace != json!(object.namespace))
    {
        return Err(unreadable("The name and the namespace of an object cannot be changed."));
    }
    if meta.get("resourceVersion").and_then(Value::as_str).is_none_or(str::is_empty) {
        let lost = "The line resourceVersion under metadata is missing, so nobody could tell whether the object has \
                    changed meanwhile. Load the object again.";
        return Err(unreadable(lost));
    }
    meta.insert("namespace".to_owned(), json!(object.namespace));
    meta.remove("managedFields");
    serde_json::from_value(value)
        .map_err(|error| ObjectError::Unreadable(format!("This is not an object of Kubernetes: {error}")))
}

#[cfg(test)]
mod tests;
