//! Who the learner is in the cluster: a service account, bound to a cluster role in their namespace only.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::SessionSpec;
use super::labels;

/// The learner's service account, and the name of its binding.
pub const LEARNER: &str = "learner";
/// The workbench pods' service account: it may do nothing, and its token is never mounted.
pub const WORKBENCH: &str = "workbench";

/// The learner's service account.
#[must_use]
pub fn learner_account(spec: &SessionSpec, instance: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: labels::in_namespace(spec, instance, LEARNER),
        // a pod of the learner's gets their rights only where it asks for them
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// What the learner may do.
#[must_use]
pub fn learner_binding(spec: &SessionSpec, instance: &str) -> RoleBinding {
    RoleBinding {
        metadata: labels::in_namespace(spec, instance, LEARNER),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: spec.role.as_str().to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: LEARNER.to_owned(),
            namespace: Some(spec.names.namespace.clone()),
            ..Subject::default()
        }]),
    }
}

/// The account under which workbench pods run.
#[must_use]
pub fn workbench_account(instance: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            name: Some(WORKBENCH.to_owned()),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::of_instance(instance)),
            ..ObjectMeta::default()
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
