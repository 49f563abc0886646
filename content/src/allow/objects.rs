//! The objects that labs may create.

use serde_json::Value;

use super::wide::{self, is_cluster_wide};
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
    /// What the author can do instead.
    pub remedy: Option<&'static str>,
}

/// Returns the objects of a `List`, or the object itself if it is none.
#[must_use]
pub fn listed(manifest: &Value) -> Vec<&Value> {
    match (manifest.get("kind"), manifest.get("items").and_then(Value::as_array)) {
        (Some(Value::String(kind)), Some(items)) if kind.ends_with("List") => items.iter().collect(),
        _ => vec![manifest],
    }
}

/// Checks a lab's objects. They are checked together, because a binding may name a role that the lab brings itself.
pub fn check_objects<'a>(
    objects: &[&'a Value],
    allowances: &Allowances,
    own: &OwnNamespaces<'_>,
) -> Vec<Result<&'a Value, Refusal>> {
    let is_role = |object: &&&Value| {
        let (version, kind) = types(object);
        kind == "ClusterRole" && allowances.trusts_kind(version, kind)
    };
    let roles: Vec<&Value> = objects.iter().filter(is_role).copied().collect();
    objects.iter().map(|&object| check(object, allowances, own, &roles).map(|()| object)).collect()
}

/// Checks one object of a lab on its own.
///
/// # Errors
/// Fails with the reason if the object must be left out.
pub fn check_object(object: &Value, allowances: &Allowances, own: &OwnNamespaces<'_>) -> Result<(), Refusal> {
    check(object, allowances, own, &[])
}

fn check(
    object: &Value,
    allowances: &Allowances,
    own: &OwnNamespaces<'_>,
    roles: &[&Value],
) -> Result<(), Refusal> {
    let (version, kind) = types(object);
    let metadata = object.get("metadata");
    let name = text(metadata.and_then(|metadata| metadata.get("name")));
    let refused = |reason: String, missing: Option<String>| Refusal {
        object: format!("{} {}", or_unknown(kind), or_unknown(name)),
        reason,
        kind: missing,
        remedy: None,
    };
    if own.may_still_change(version) || own.may_still_change(kind) {
        // checked again when the values are filled in
        return Ok(());
    }
    if version.is_empty() || kind.is_empty() || name.is_empty() {
        let remedy = Some("an object needs all three");
        return Err(Refusal {
            remedy,
            ..refused("it lacks its `apiVersion`, `kind` or `metadata.name`".to_owned(), None)
        });
    }
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let is_trusted = allowances.trusts_kind(version, kind);
    let named = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    if is_cluster_wide(kind) {
        return wide::check(object, is_trusted, own, roles).map_err(|unfit| Refusal {
            remedy: unfit.remedy,
            ..refused(unfit.reason, unfit.may_be_allowed.then_some(named))
        });
    }
    let is_learners = LEARNERS_KINDS.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind));
    if !is_trusted && !is_learners {
        return Err(refused("learners may not make such objects".to_owned(), Some(named)));
    }
    let namespace = text(metadata.and_then(|metadata| metadata.get("namespace")));
    if !namespace.is_empty() && !own.holds(namespace) {
        let remedy = Some("leave metadata.namespace out, or write $(session_namespace)");
        return Err(Refusal {
            remedy,
            ..refused(format!("its namespace `{namespace}` is none of the session's"), None)
        });
    }
    let of_group = |wanted: &str| group == wanted;
    let checked = match kind {
        "Role" if of_group("rbac.authorization.k8s.io") => rbac::check_role(object),
        "RoleBinding" if of_group("rbac.authorization.k8s.io") => rbac::check_binding(object, own, roles),
        // an operator who allows network policies by name has other limits for them
        "NetworkPolicy" if of_group("networking.k8s.io") && !is_trusted => network::check_policy(object, own),
        _ => Ok(()),
    };
    checked.map_err(|reason| refused(reason, None))
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "?" } else { text }
}

fn types(object: &Value) -> (&str, &str) {
    (text(object.get("apiVersion")), text(object.get("kind")))
}

pub(super) fn text(node: Option<&Value>) -> &str {
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
    fn an_object_outside_the_session_is_left_out_and_the_setting_for_it_named() {
        let (strict, own) = (Allowances::default(), ["lab-x".to_owned()]);
        let rbac = "rbac.authorization.k8s.io/v1";
        for (version, kind, entry) in [
            (rbac, "ClusterRole", Some("ClusterRole.rbac.authorization.k8s.io")),
            ("v1", "PersistentVolume", Some("PersistentVolume")),
            // these cannot be made for one session
            ("v1", "Namespace", None),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", None),
        ] {
            for own in [OwnNamespaces::Unknown, OwnNamespaces::Are(&own)] {
                let refusal = check_object(&object(version, kind), &strict, &own).unwrap_err();
                assert_eq!(refusal.kind.as_deref(), entry, "{refusal:?}");
                if let Some(entry) = entry {
                    let allowing = Allowances { objects: [entry.to_owned()].into(), ..Allowances::default() };
                    assert_eq!(check_object(&object(version, kind), &allowing, &own), Ok(()));
                }
            }
        }
        let mut foreign = object("v1", "ConfigMap");
        foreign["metadata"]["namespace"] = json!("default");
        let refusal = check_object(&foreign, &strict, &OwnNamespaces::Unknown).unwrap_err();
        assert_eq!(refusal.reason, "its namespace `default` is none of the session's");
        for namespace in ["$(session_namespace)", "$(session_namespace)-dev", "$(MINE)"] {
            foreign["metadata"]["namespace"] = json!(namespace);
            assert_eq!(check_object(&foreign, &strict, &OwnNamespaces::Unknown), Ok(()), "{namespace}");
        }
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
