//! Labels, by which the server finds its objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use lectern_api::ids::SessionId;

use super::super::SessionSpec;

/// The label for who manages an object, and our value of it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "lectern");
/// The session that an object belongs to.
pub const SESSION: &str = "lectern.dev/session";
/// The installation that an object belongs to, by its namespace of workbenches. Two servers with different ones may
/// share a cluster without mistaking each other's sessions for orphans.
pub const INSTANCE: &str = "lectern.dev/instance";
/// The lab that a session runs.
pub const LAB: &str = "lectern.dev/lab";
/// A session's egress. A workbench without this label was created by an earlier release and may reach the internet.
pub const EGRESS: &str = "lectern.dev/egress";
/// A session's main namespace, on each of its namespaces. The names of the others begin with it.
pub const MAIN_NAMESPACE: &str = "lectern.dev/main-namespace";

/// Returns the labels of everything that belongs to a session.
#[must_use]
pub fn of_session(spec: &SessionSpec, instance: &str) -> BTreeMap<String, String> {
    let mut labels = of_instance(instance);
    labels.insert(SESSION.to_owned(), spec.names.session.to_string());
    labels.insert(LAB.to_owned(), spec.lab.to_string());
    labels
}

/// Returns the labels of objects from which a session's egress is read: its namespaces, its workbench, its policies.
#[must_use]
pub fn with_egress(spec: &SessionSpec, instance: &str) -> BTreeMap<String, String> {
    let mut labels = of_session(spec, instance);
    labels.insert(EGRESS.to_owned(), spec.egress.as_str().to_owned());
    labels
}

/// Returns the labels of objects that all sessions share.
#[must_use]
pub fn of_instance(instance: &str) -> BTreeMap<String, String> {
    labels([(MANAGED_BY.0, MANAGED_BY.1), (INSTANCE, instance)])
}

/// Selects all sessions' objects of an installation.
#[must_use]
pub fn selector(instance: &str) -> String {
    format!("{}={},{INSTANCE}={instance},{SESSION}", MANAGED_BY.0, MANAGED_BY.1)
}

/// Selects objects with one session's label.
#[must_use]
pub fn session_selector(session: SessionId) -> LabelSelector {
    selecting([(SESSION, session.to_string().as_str())])
}

/// Selects objects with these labels.
#[must_use]
pub fn selecting<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels(pairs)), ..LabelSelector::default() }
}

/// Returns the session that an object's label names.
#[must_use]
pub fn session_of(meta: &ObjectMeta) -> Option<SessionId> {
    meta.labels.as_ref()?.get(SESSION)?.parse().ok()
}

/// Builds the metadata of a session's object in one of the learner's namespaces.
#[must_use]
pub fn in_namespace(spec: &SessionSpec, namespace: &str, instance: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(of_session(spec, instance)),
        ..ObjectMeta::default()
    }
}

/// Builds the owner reference with which the cluster deletes an object together with a namespace.
#[must_use]
pub fn owner_namespace(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        ..OwnerReference::default()
    }
}

fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
