//! The cluster roles of learners, bound in their own namespaces only.
//!
//! They follow Kubernetes' own `admin`, `edit` and `view`, but do not aggregate other roles: rights that an operator
//! adds to those for other people (such as custom resources that create cloud accounts) are not given to learners. A
//! lab that needs more rights adds them in its rules.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::super::NamespaceRole;
use super::labels;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const RBAC: &str = "rbac.authorization.k8s.io";

/// Rights: verbs on resources of a group.
type Rights = (&'static [&'static str], &'static str, &'static [&'static str]);

#[rustfmt::skip] // a table
const VIEW: &[Rights] = &[
    (READ, "", &[
        "bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces", "namespaces/status",
        "persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status",
        "podtemplates", "replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status",
        "resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status",
    ]),
    (READ, "apps", &[
        "controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
        "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
        "statefulsets/scale", "statefulsets/status",
    ]),
    (READ, "autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    (READ, "batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    (READ, "discovery.k8s.io", &["endpointslices"]),
    (READ, "events.k8s.io", &["events"]),
    (READ, "extensions", &[
        "daemonsets", "deployments", "deployments/scale", "ingresses", "networkpolicies", "replicasets",
        "replicasets/scale",
    ]),
    (READ, "metrics.k8s.io", &["pods"]),
    (READ, "networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"]),
    (READ, "policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    (READ, "resource.k8s.io", &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"]),
];

#[rustfmt::skip] // a table
const EDIT: &[Rights] = &[
    (READ, "", &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]),
    // only of the accounts of their own namespace
    (&["impersonate"], "", &["serviceaccounts"]),
    (&["create"], "", &["pods/eviction", "serviceaccounts/token"]),
    (WRITE, "", &[
        "configmaps", "events", "persistentvolumeclaims", "pods", "pods/attach", "pods/exec", "pods/portforward",
        "pods/proxy", "podtemplates", "replicationcontrollers", "replicationcontrollers/scale", "secrets",
        "serviceaccounts", "services", "services/proxy",
    ]),
    (WRITE, "apps", &[
        "daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets",
        "replicasets/scale", "statefulsets", "statefulsets/scale",
    ]),
    (WRITE, "autoscaling", &["horizontalpodautoscalers"]),
    (WRITE, "batch", &["cronjobs", "jobs"]),
    (READ, "coordination.k8s.io", &["leases"]),
    (WRITE, "coordination.k8s.io", &["leases"]),
    (WRITE, "events.k8s.io", &["events"]),
    (WRITE, "extensions", &[
        "daemonsets", "deployments", "deployments/scale", "ingresses", "networkpolicies", "replicasets",
        "replicasets/scale",
    ]),
    (WRITE, "networking.k8s.io", &["ingresses", "networkpolicies"]),
    (WRITE, "policy", &["poddisruptionbudgets"]),
];

const ADMIN: &[Rights] = &[
    // the cluster lets nobody grant a right that they do not have themselves
    (READ, RBAC, &["rolebindings", "roles"]),
    (WRITE, RBAC, &["rolebindings", "roles"]),
    (&["create"], "authorization.k8s.io", &["localsubjectaccessreviews"]),
];

/// Returns the cluster role's name. Each installation has roles of its own, because installations of different
/// releases may share a cluster.
#[must_use]
pub fn name(instance: &str, role: NamespaceRole) -> String {
    format!("{instance}:learner-{}", role.as_str())
}

/// Builds the roles. They are owned by the namespace of the workbenches, with which the cluster deletes them.
#[must_use]
pub fn learners(instance: &str, owner: &OwnerReference) -> Vec<ClusterRole> {
    let tables: [(NamespaceRole, &[&[Rights]]); 3] = [
        (NamespaceRole::View, &[VIEW]),
        (NamespaceRole::Edit, &[VIEW, EDIT]),
        (NamespaceRole::Admin, &[VIEW, EDIT, ADMIN]),
    ];
    tables
        .into_iter()
        .map(|(role, tables)| ClusterRole {
            metadata: metadata(&name(instance, role), instance, owner),
            rules: Some(tables.iter().copied().flatten().map(rule).collect()),
            ..ClusterRole::default()
        })
        .collect()
}

/// What every learner may see of the cluster itself: the classes that their objects name; and single objects by name,
/// which `kubectl apply --dry-run=client` needs. Nothing that reveals who else is here can be listed.
#[rustfmt::skip] // a table
const CLUSTER: &[Rights] = &[
    (READ, "storage.k8s.io", &["storageclasses"]),
    (READ, "networking.k8s.io", &["ingressclasses"]),
    (READ, "scheduling.k8s.io", &["priorityclasses"]),
    (READ, "node.k8s.io", &["runtimeclasses"]),
    (&["get"], "", &["namespaces", "persistentvolumes"]),
    (&["get"], RBAC, &["clusterrolebindings", "clusterroles"]),
    (&["get"], "apiextensions.k8s.io", &["customresourcedefinitions"]),
];

/// Builds the role with these rights, and its binding to all accounts in the namespace of the workbenches, which are
/// the learners'.
#[must_use]
pub fn cluster_wide(instance: &str, owner: &OwnerReference) -> (ClusterRole, ClusterRoleBinding) {
    let name = format!("{instance}:learner-cluster");
    let metadata = metadata(&name, instance, owner);
    let role = ClusterRole {
        metadata: metadata.clone(),
        rules: Some(CLUSTER.iter().map(rule).collect()),
        ..ClusterRole::default()
    };
    let binding = ClusterRoleBinding {
        metadata,
        role_ref: RoleRef { api_group: RBAC.to_owned(), kind: "ClusterRole".to_owned(), name },
        subjects: Some(vec![Subject {
            api_group: Some(RBAC.to_owned()),
            kind: "Group".to_owned(),
            name: format!("system:serviceaccounts:{instance}"),
            ..Subject::default()
        }]),
    };
    (role, binding)
}

fn rule((verbs, group, resources): &Rights) -> PolicyRule {
    let texts = |texts: &[&str]| texts.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![(*group).to_owned()]),
        resources: Some(texts(resources)),
        verbs: texts(verbs),
        ..PolicyRule::default()
    }
}

pub(super) fn metadata(name: &str, instance: &str, owner: &OwnerReference) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels::of_instance(instance)),
        owner_references: Some(vec![owner.clone()]),
        ..ObjectMeta::default()
    }
}
