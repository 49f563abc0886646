//! Who the learner is in the cluster: a service account, bound to a cluster role in their own namespaces only.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{NamespaceSpec, Role as LearnerRole, SessionNames, SessionSpec};
use super::labels;

/// The learner's service account, and the name of its binding.
pub const LEARNER: &str = "learner";
/// The role with the rights that a lab adds, and the name of its binding.
pub const EXTRA: &str = "learner-extra";
/// The name of the binding with which a lab's own objects are made.
pub const LAB: &str = "lectern-lab";
/// The group in whose name they are made, beside the learner's.
pub const LAB_GROUP: &str = "lectern:lab-objects";
/// The workbench pods' service account: it may do nothing, and its token is never mounted.
pub const WORKBENCH: &str = "workbench";

/// The learner as the API server knows them.
#[must_use]
pub fn learner_user(names: &SessionNames, _instance: &str) -> String {
    format!("system:serviceaccount:{}:{LEARNER}", names.namespace)
}

/// The cluster role of learners that stands for one of Kubernetes' own: what a lab binds.
#[must_use]
pub fn role_name(_instance: &str, role: LearnerRole) -> String {
    role.as_str().to_owned()
}

/// The learner's service account, in the main one of their namespaces.
#[must_use]
pub fn learner_account(spec: &SessionSpec, instance: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: labels::in_namespace(spec, &spec.names.namespace, instance, LEARNER),
        // a pod of the learner's gets their rights only where it asks for them
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// What the learner may do in one of their namespaces.
#[must_use]
pub fn learner_binding(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> RoleBinding {
    RoleBinding {
        metadata: labels::in_namespace(spec, &space.name, instance, LEARNER),
        ..binding(spec, "ClusterRole", space.role.as_str())
    }
}

/// Lets the lab's own objects be made in a namespace in which the learner may do less than a lab; `None` if the learner
/// may do all that, or the lab has no objects.
///
/// They are made in the learner's name, so that all that bounds learners bounds them, and as a member of this group,
/// which no learner can join.
#[must_use]
pub fn lab_binding(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Option<RoleBinding> {
    if spec.objects.is_empty() || space.role == LearnerRole::Admin {
        return None;
    }
    let group = Subject { kind: "Group".to_owned(), name: LAB_GROUP.to_owned(), ..Subject::default() };
    Some(RoleBinding {
        metadata: labels::in_namespace(spec, &space.name, instance, LAB),
        subjects: Some(vec![group]),
        ..binding(spec, "ClusterRole", LearnerRole::Admin.as_str())
    })
}

/// What the lab lets the learner do besides, in the main one of their namespaces: a role and its binding; none
/// where the lab adds nothing.
///
/// # Errors
/// A rule that is none of RBAC's.
pub fn extra_rights(
    spec: &SessionSpec,
    instance: &str,
) -> Result<Option<(Role, RoleBinding)>, serde_json::Error> {
    if spec.rules.is_empty() {
        return Ok(None);
    }
    let rules: Vec<PolicyRule> =
        spec.rules.iter().map(|rule| serde_json::from_value(rule.clone())).collect::<Result<_, _>>()?;
    let metadata = labels::in_namespace(spec, &spec.names.namespace, instance, EXTRA);
    let role = Role { metadata: metadata.clone(), rules: Some(rules) };
    Ok(Some((role, RoleBinding { metadata, ..binding(spec, "Role", EXTRA) })))
}

fn binding(spec: &SessionSpec, kind: &str, role: &str) -> RoleBinding {
    RoleBinding {
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: kind.to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: LEARNER.to_owned(),
            namespace: Some(spec.names.namespace.clone()),
            ..Subject::default()
        }]),
        ..RoleBinding::default()
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
