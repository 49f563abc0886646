//! Labels: by them the objects of this installation are found again.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use lectern_api::ids::SessionId;

use super::super::SessionSpec;

/// Who manages an object, and our value of it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "lectern");
/// Which session an object belongs to.
pub const SESSION: &str = "lectern.dev/session";
/// Which installation an object belongs to: its namespace of workbenches. Two servers with different ones may
/// share a cluster without taking each other's sessions for orphans.
pub const INSTANCE: &str = "lectern.dev/instance";
/// Which lab a session runs.
pub const LAB: &str = "lectern.dev/lab";
/// What a session may reach outside of itself. A workbench without it was made by an earlier release, and reaches the
/// internet.
pub const EGRESS: &str = "lectern.dev/egress";
/// The main one of a session's namespaces, on each of them: the names of the others begin with it.
pub const MAIN_NAMESPACE: &str = "lectern.dev/main-namespace";
/// When a session ends by itself; an annotation.
pub const EXPIRES_AT: &str = "lectern.dev/expires-at";

/// The labels of everything that belongs to a session.
#[must_use]
pub fn of_session(spec: &SessionSpec, instance: &str) -> BTreeMap<String, String> {
    let mut labels = of_instance(instance);
    labels.insert(SESSION.to_owned(), spec.names.session.to_string());
    labels.insert(LAB.to_owned(), spec.lab.to_string());
    labels
}

/// The labels of what a session's reach is read from: its namespaces, its workbench, its policies.
#[must_use]
pub fn with_egress(spec: &SessionSpec, instance: &str) -> BTreeMap<String, String> {
    let mut labels = of_session(spec, instance);
    labels.insert(EGRESS.to_owned(), spec.egress.as_str().to_owned());
    labels
}

/// The labels of what all sessions share.
#[must_use]
pub fn of_instance(instance: &str) -> BTreeMap<String, String> {
    labels([(MANAGED_BY.0, MANAGED_BY.1), (INSTANCE, instance)])
}

/// Selects all sessions' objects of an installation.
#[must_use]
pub fn selector(instance: &str) -> String {
    format!("{}={},{INSTANCE}={instance},{SESSION}", MANAGED_BY.0, MANAGED_BY.1)
}

/// Selects what carries one session's label.
#[must_use]
pub fn session_selector(session: SessionId) -> LabelSelector {
    selecting([(SESSION, session.to_string().as_str())])
}

/// Selects what carries these labels.
#[must_use]
pub fn selecting<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels(pairs)), ..LabelSelector::default() }
}

/// The session that an object's label names.
#[must_use]
pub fn session_of(meta: &ObjectMeta) -> Option<SessionId> {
    meta.labels.as_ref()?.get(SESSION)?.parse().ok()
}

/// Metadata of an object of a session in one of the learner's namespaces.
#[must_use]
pub fn in_namespace(spec: &SessionSpec, namespace: &str, instance: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(of_session(spec, instance)),
        ..ObjectMeta::default()
    }
}

/// Makes an object go with a namespace.
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
