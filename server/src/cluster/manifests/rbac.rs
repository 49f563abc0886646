//! The learner's identity in the cluster: a service account that belongs to the server, bound to a cluster role in the
//! learner's own namespaces only.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{NamespaceRole, NamespaceSpec, SessionNames, SessionSpec};
use super::{labels, roles};

/// The learner's name in their kubeconfig. In releases before 0.2 it was also the name of their service account,
/// which was in the learner's own namespace, and of its binding.
pub const LEARNER: &str = "learner";
/// The name of the binding of the learner's role.
pub const BINDING: &str = "lectern-learner";
/// The name of the role with the rights that a lab adds, and of its binding.
pub const EXTRA: &str = "learner-extra";
/// The name of the binding for creating a lab's own objects.
pub const LAB: &str = "lectern-lab";
/// The group that the server impersonates, in addition to the learner, to create them.
pub const LAB_GROUP: &str = "lectern:lab-objects";
/// The workbench pods' service account: it has no rights, and its token is never mounted.
pub const WORKBENCH: &str = "workbench";
/// The prefix of the names of learners' service accounts; the admission guard relies on it.
pub const ACCOUNT_PREFIX: &str = "learner-";

/// Returns the learner's user name at the API server.
#[must_use]
pub fn learner_user(names: &SessionNames, instance: &str) -> String {
    format!("system:serviceaccount:{instance}:{}", account_name(names))
}

/// Returns the name of the learners' cluster role that replaces one of Kubernetes' own in a lab's bindings.
#[must_use]
pub fn role_name(instance: &str, role: NamespaceRole) -> String {
    roles::name(instance, role)
}

/// Returns the name of a learner's service account in the namespace of the workbenches. Learners have no rights
/// there, so nobody can lock themselves out by deleting their own account.
#[must_use]
pub fn account_name(names: &SessionNames) -> String {
    format!("{ACCOUNT_PREFIX}{}", names.session)
}

/// Builds the learner's service account. It is owned by the learner's namespace, with which the cluster deletes it;
/// `namespace_uid` is that namespace's.
#[must_use]
pub fn learner_account(spec: &SessionSpec, instance: &str, namespace_uid: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            name: Some(account_name(&spec.names)),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::of_session(spec, instance)),
            owner_references: Some(vec![labels::owner_namespace(&spec.names.namespace, namespace_uid)]),
            ..ObjectMeta::default()
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Builds the binding of the learner's role in one of their namespaces. Returns `None` if the lab's own objects give them
/// their rights there.
#[must_use]
pub fn learner_binding(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Option<RoleBinding> {
    if space.role == NamespaceRole::Custom {
        return None;
    }
    Some(RoleBinding {
        metadata: labels::in_namespace(spec, &space.name, instance, BINDING),
        ..binding(spec, instance, "ClusterRole", &roles::name(instance, space.role))
    })
}

/// Builds the binding that lets a lab's own objects be created in a namespace in which the learner has fewer rights
/// than a lab. Returns `None` if the learner has them, or the lab has no objects.
///
/// The server impersonates the learner, so that all limits on learners apply, and a group that no learner can join.
#[must_use]
pub fn lab_binding(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Option<RoleBinding> {
    if spec.objects.is_empty() || space.role == NamespaceRole::Admin {
        return None;
    }
    let group = Subject { kind: "Group".to_owned(), name: LAB_GROUP.to_owned(), ..Subject::default() };
    Some(RoleBinding {
        metadata: labels::in_namespace(spec, &space.name, instance, LAB),
        subjects: Some(vec![group]),
        ..binding(spec, instance, "ClusterRole", &roles::name(instance, NamespaceRole::Admin))
    })
}

/// Builds the role with the rights that the lab adds in the learner's main namespace, and its binding. Returns `None`
/// if the lab adds none.
///
/// # Errors
/// Returns an error if a rule is not a valid RBAC rule.
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
    Ok(Some((role, RoleBinding { metadata, ..binding(spec, instance, "Role", EXTRA) })))
}

fn binding(spec: &SessionSpec, instance: &str, kind: &str, role: &str) -> RoleBinding {
    RoleBinding {
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: kind.to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account_name(&spec.names),
            namespace: Some(instance.to_owned()),
            ..Subject::default()
        }]),
        ..RoleBinding::default()
    }
}

/// Builds the service account of workbench pods.
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
