//! Who the learner is in the cluster: a service account of the server's, bound to a cluster role in the learner's own
//! namespaces only.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{NamespaceSpec, Role as LearnerRole, SessionNames, SessionSpec};
use super::{labels, roles};

/// What the learner is called in their kubeconfig. Releases before 0.2 called so their service account, which lay in
/// the learner's own namespace, and its binding.
pub const LEARNER: &str = "learner";
/// The name of the binding of the learner's role.
pub const BINDING: &str = "lectern-learner";
/// The role with the rights that a lab adds, and the name of its binding.
pub const EXTRA: &str = "learner-extra";
/// The name of the binding with which a lab's own objects are made.
pub const LAB: &str = "lectern-lab";
/// The group in whose name they are made, beside the learner's.
pub const LAB_GROUP: &str = "lectern:lab-objects";
/// The workbench pods' service account: it may do nothing, and its token is never mounted.
pub const WORKBENCH: &str = "workbench";
/// How the names of learners' service accounts begin; the admission guard relies on it.
pub const ACCOUNT_PREFIX: &str = "learner-";

/// The learner as the API server knows them.
#[must_use]
pub fn learner_user(names: &SessionNames, instance: &str) -> String {
    format!("system:serviceaccount:{instance}:{}", account_name(names))
}

/// The cluster role of learners that stands for one of Kubernetes' own: what a lab binds.
#[must_use]
pub fn role_name(instance: &str, role: LearnerRole) -> String {
    roles::name(instance, role)
}

/// The name of a learner's service account, in the namespace of the workbenches: no learner has rights there, so nobody
/// can delete the account that they act as, and lock themselves out.
#[must_use]
pub fn account_name(names: &SessionNames) -> String {
    format!("{ACCOUNT_PREFIX}{}", names.session)
}

/// The learner's service account. It belongs to the learner's namespace, with whose end the cluster collects it;
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

/// What the learner may do in one of their namespaces.
#[must_use]
pub fn learner_binding(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> RoleBinding {
    RoleBinding {
        metadata: labels::in_namespace(spec, &space.name, instance, BINDING),
        ..binding(spec, instance, "ClusterRole", &roles::name(instance, space.role))
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
        ..binding(spec, instance, "ClusterRole", &roles::name(instance, LearnerRole::Admin))
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
