//! The objects that labs may create.

use serde_json::Value;

use super::{Allowances, network, rbac};

/// The kinds that learners may create themselves, by group. Labs may create them too.
const LEARNERS_KINDS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "ConfigMap",
            "Secret",
            "Service",
            "ServiceAccount",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
        ],
    ),
    ("apps", &["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"]),
    ("coordination.k8s.io", &["Lease"]),
    ("batch", &["Job", "CronJob"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("policy", &["PodDisruptionBudget"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding"]),
];
/// The variables that stand for the session's namespace.
pub(crate) const OWN: &[&str] = &["$(session_namespace)", "$(session_name)", "$(workshop_namespace)"];
/// The kinds of the whole cluster that workshops contain.
const CLUSTER_WIDE: &[&str] = &[
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
    "PriorityClass",
    "Node",
];

/// Returns whether objects of a kind belong to the whole cluster. Knows the kinds that workshops contain.
#[must_use]
pub fn is_cluster_wide(kind: &str) -> bool {
    CLUSTER_WIDE.contains(&kind)
}

/// The namespaces of the session for which objects are checked.
#[derive(Clone, Copy, Debug)]
pub enum OwnNamespaces<'a> {
    /// There is no session yet and no values are filled in. A name with a variable may become one of the session's.
    Unknown,
    /// These namespaces; all values are filled in.
    Are(&'a [String]),
}

impl OwnNamespaces<'_> {
    /// Returns whether a namespace belongs to the session, or may do so once values are filled in.
    pub(super) fn holds(&self, namespace: &str) -> bool {
        match self {
            Self::Unknown => {
                OWN.iter().any(|own| namespace.starts_with(own)) || self.may_still_change(namespace)
            }
            Self::Are(own) => own.iter().any(|own| own == namespace),
        }
    }

    /// Returns whether a text will change when values are filled in. It is checked again then.
    pub(super) fn may_still_change(&self, text: &str) -> bool {
        matches!(self, Self::Unknown) && text.contains("$(")
    }
}

/// An object that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Kind and name.
    pub object: String,
    /// The reason, as the end of a sentence.
    pub reason: String,
    /// The kind that the operator would have to allow. `None` if no setting allows the object.
    pub kind: Option<String>,
}

/// Returns the objects of a `List`, or the object itself if it is none.
#[must_use]
pub fn listed(manifest: &Value) -> Vec<&Value> {
    match (manifest.get("kind"), manifest.get("items").and_then(Value::as_array)) {
        (Some(Value::String(kind)), Some(items)) if kind.ends_with("List") => items.iter().collect(),
        _ => vec![manifest],
    }
}

/// Checks one object of a lab.
///
/// # Errors
/// Fails with the reason if the object must be left out.
pub fn check_object(object: &Value, allowances: &Allowances, own: &OwnNamespaces<'_>) -> Result<(), Refusal> {
    let (version, kind) = (text(object.get("apiVersion")), text(object.get("kind")));
    let name = text(object.get("metadata").and_then(|metadata| metadata.get("name")));
    let refused = |reason: String, missing: Option<String>| Refusal {
        object: format!("{kind} {name}"),
        reason,
        kind: missing,
    };
    if version.is_empty() || kind.is_empty() || own.may_still_change(version) || own.may_still_change(kind) {
        // reported elsewhere: such an object is not created, or is checked again
        return Ok(());
    }
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let is_trusted = allowances.trusts_kind(version, kind);
    let is_learners = LEARNERS_KINDS.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind));
    let named = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    if !is_trusted && !is_learners && !is_cluster_wide(kind) {
        return Err(refused("learners may not make such objects".to_owned(), Some(named)));
    }
    let of_group = |wanted: &str| group == wanted;
    let checked = match kind {
        "Role" if of_group("rbac.authorization.k8s.io") => rbac::check_role(object),
        "RoleBinding" if of_group("rbac.authorization.k8s.io") => rbac::check_binding(object, own),
        // an operator who allows network policies by name has other limits for them
        "NetworkPolicy" if of_group("networking.k8s.io") && !is_trusted => network::check_policy(object, own),
        _ => Ok(()),
    };
    checked.map_err(|reason| refused(reason, None))
}

fn text(node: Option<&Value>) -> &str {
    node.and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(version: &str, kind: &str) -> Value {
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}})
    }

    #[test]
    fn a_kind_beyond_the_learners_own_needs_the_operators_word() {
        let strict = Allowances::default();
        let allowed =
            |entry: &str| Allowances { objects: [entry.to_owned()].into(), ..Allowances::default() };
        let own = OwnNamespaces::Unknown;
        for (version, kind) in [("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("batch/v1beta1", "CronJob")]
        {
            assert_eq!(check_object(&object(version, kind), &strict, &own), Ok(()));
        }
        for (version, kind, entry) in [
            ("v1", "LimitRange", "LimitRange"),
            ("cert-manager.io/v1", "Certificate", "Certificate.cert-manager.io"),
            // a name that learners may use, of another group
            ("example.org/v1", "Deployment", "Deployment.example.org"),
        ] {
            let refusal = check_object(&object(version, kind), &strict, &own).unwrap_err();
            assert_eq!(refusal.kind.as_deref(), Some(entry));
            for entry in [entry, kind] {
                assert_eq!(check_object(&object(version, kind), &allowed(entry), &own), Ok(()));
            }
            assert!(check_object(&object(version, kind), &allowed("Certificate.example.net"), &own).is_err());
        }
    }

    #[test]
    fn a_value_that_is_still_to_be_filled_in_is_judged_afterwards() {
        let binding = |role: &str| {
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
                   "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": []})
        };
        let (strict, own) = (Allowances::default(), ["lab-x".to_owned()]);
        assert!(check_object(&binding("$(ROLE)"), &strict, &OwnNamespaces::Unknown).is_ok());
        assert!(check_object(&binding("cluster-admin"), &strict, &OwnNamespaces::Are(&own)).is_err());
        assert!(check_object(&object("v1", "$(KIND)"), &strict, &OwnNamespaces::Unknown).is_ok());
        assert!(check_object(&object("v1", "$(KIND)"), &strict, &OwnNamespaces::Are(&own)).is_err());
    }

    #[test]
    fn rights_beyond_a_sessions_bounds_are_refused_even_of_a_kind_that_is_allowed() {
        let allowances = Allowances { objects: ["Role".to_owned()].into(), ..Allowances::default() };
        let mut role = object("rbac.authorization.k8s.io/v1", "Role");
        role["rules"] = json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["patch"]}]);
        let refusal = check_object(&role, &allowances, &OwnNamespaces::Unknown).unwrap_err();
        assert_eq!((refusal.object.as_str(), refusal.kind), ("Role x", None));
    }
}
