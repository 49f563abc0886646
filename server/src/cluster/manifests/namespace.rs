//! Namespaces: the learners', and the one of all workbenches.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{NamespaceSpec, SecurityPolicy, SessionSpec};
use super::labels;

/// Pod Security Admission refuses what goes beyond this policy.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";

/// One of the learner's namespaces.
#[must_use]
pub fn learner(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Namespace {
    let annotations = spec.expires_at.map(|at| [(labels::EXPIRES_AT.to_owned(), at.to_rfc3339())].into());
    let mut labels = labels::with_egress(spec, instance);
    labels.insert(labels::MAIN_NAMESPACE.to_owned(), spec.names.namespace.clone());
    namespace(&space.name, labels, space.security, annotations)
}

/// The namespace of all workbenches.
#[must_use]
pub fn workbenches(instance: &str) -> Namespace {
    namespace(instance, labels::of_instance(instance), SecurityPolicy::Restricted, None)
}

type Pairs = std::collections::BTreeMap<String, String>;

fn namespace(name: &str, mut labels: Pairs, policy: SecurityPolicy, annotations: Option<Pairs>) -> Namespace {
    labels.insert(ENFORCE.to_owned(), policy.as_str().to_owned());
    labels.insert(ENFORCE_VERSION.to_owned(), "latest".to_owned());
    Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            annotations,
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}
