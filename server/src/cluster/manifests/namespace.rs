//! Namespaces: the learners', and that of all workbenches.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{NamespaceSpec, SecurityPolicy, SessionSpec};
use super::labels;

/// The label with the standard that Pod Security Admission enforces.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";

/// Builds one of the learner's namespaces.
#[must_use]
pub fn learner(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Namespace {
    let mut labels = labels::with_egress(spec, instance);
    labels.insert(labels::MAIN_NAMESPACE.to_owned(), spec.names.namespace.clone());
    namespace(&space.name, labels, space.security)
}

/// Builds the namespace of all workbenches.
#[must_use]
pub fn workbenches(instance: &str) -> Namespace {
    namespace(instance, labels::of_instance(instance), SecurityPolicy::Restricted)
}

fn namespace(name: &str, mut labels: BTreeMap<String, String>, policy: SecurityPolicy) -> Namespace {
    labels.insert(ENFORCE.to_owned(), policy.as_str().to_owned());
    labels.insert(ENFORCE_VERSION.to_owned(), "latest".to_owned());
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}
