//! Objects of the whole cluster. Sessions get them only where the operator names the kind, each session its own, and what
//! rights they give in the whole cluster only looks at what belongs to nobody.

use serde_json::Value;

use super::objects::{OwnNamespaces, text};
use super::rbac;

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
    "RuntimeClass",
    "Node",
    "APIService",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];
/// The resources that a session's accounts may be allowed to read in the whole cluster: none of them is a learner's.
const PUBLIC: &[&str] = &[
    "nodes",
    "namespaces",
    "persistentvolumes",
    "storageclasses",
    "ingressclasses",
    "priorityclasses",
    "runtimeclasses",
    "customresourcedefinitions",
    "apiservices",
    "clusterroles",
    "clusterrolebindings",
    "csidrivers",
    "csinodes",
];

/// Why an object of the whole cluster is left out.
pub(super) struct Unfit {
    /// The reason, as the end of a sentence.
    pub reason: String,
    /// Whether the operator may allow its kind.
    pub may_be_allowed: bool,
    /// What the author can do instead.
    pub remedy: Option<&'static str>,
}

/// Returns whether objects of a kind belong to the whole cluster. Knows the kinds that workshops contain.
#[must_use]
pub fn is_cluster_wide(kind: &str) -> bool {
    CLUSTER_WIDE.contains(&kind)
}

/// Returns why objects of a kind cannot be made for a single session, whatever the operator allows. Returns `None` if
/// they can: under a name of the session's own.
#[must_use]
pub fn cannot_be_renamed(kind: &str) -> Option<&'static str> {
    match kind {
        "Namespace" => Some("a session has only the namespaces that its lab names as its own"),
        "CustomResourceDefinition" | "APIService" => {
            Some("a kind of objects is the same for all sessions, so whoever runs the platform has to add it")
        }
        "Node" => Some("a node is a machine"),
        _ => None,
    }
}

/// Checks an object of the whole cluster. `roles` are the cluster roles that the lab brings itself.
pub(super) fn check(
    object: &Value,
    is_trusted: bool,
    own: &OwnNamespaces<'_>,
    roles: &[&Value],
) -> Result<(), Unfit> {
    let kind = text(object.get("kind"));
    if let Some(reason) = cannot_be_renamed(kind) {
        let remedy = (kind == "Namespace").then_some(
            "name it under session.namespaces.secondary, as $(session_namespace)- and a few letters",
        );
        return Err(Unfit { reason: reason.to_owned(), may_be_allowed: false, remedy });
    }
    if !is_trusted {
        let reason = "it would belong to the whole cluster, which all sessions share".to_owned();
        return Err(Unfit { reason, may_be_allowed: true, remedy: None });
    }
    let checked = match kind {
        "ClusterRole" => check_role(object),
        "ClusterRoleBinding" => check_binding(object, own, roles),
        _ => Ok(()),
    };
    checked.map_err(|reason| Unfit { reason, may_be_allowed: false, remedy: None })
}

fn check_role(role: &Value) -> Result<(), String> {
    let labels = role.get("metadata").and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
    let adds_to_others =
        labels.is_some_and(|labels| labels.keys().any(|key| key.starts_with("rbac.authorization.k8s.io/")));
    if adds_to_others || role.get("aggregationRule").is_some_and(|rule| !rule.is_null()) {
        return Err("it would change roles that everybody has".to_owned());
    }
    rbac::check_role(role)
}

fn check_binding(binding: &Value, own: &OwnNamespaces<'_>, roles: &[&Value]) -> Result<(), String> {
    rbac::check_subjects(binding, own)?;
    let name = text(binding.get("roleRef").and_then(|role| role.get("name")));
    if own.may_still_change(name) {
        return Ok(());
    }
    let is_named =
        |role: &&&Value| text(role.get("metadata").and_then(|metadata| metadata.get("name"))) == name;
    let Some(role) = roles.iter().find(is_named) else {
        return Err(format!(
            "it binds the cluster role `{name}` in the whole cluster; a lab may bind only roles that it brings itself"
        ));
    };
    let rules = role.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match rules.iter().flat_map(|rule| private(rule)).next() {
        Some(resource) => Err(format!(
            "it gives more in the whole cluster than to look at what is nobody's own, such as nodes and storage \
             classes: `{resource}`"
        )),
        None => Ok(()),
    }
}

/// Returns the resources of a rule that nobody may be given in the whole cluster.
fn private(rule: &Value) -> Vec<&str> {
    let resources = rbac::texts(rule, "resources");
    if rbac::reads_only(rule) {
        resources.into_iter().filter(|resource| !PUBLIC.contains(resource)).collect()
    } else {
        resources
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::objects::check_objects;
    use super::super::{Allowances, OwnNamespaces};
    use super::*;

    fn allowances() -> Allowances {
        Allowances {
            objects: ["ClusterRole".into(), "ClusterRoleBinding".into()].into(),
            ..Allowances::default()
        }
    }

    fn role(rules: Value) -> Value {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
               "rules": rules})
    }

    fn binding(kind: &str, role: &str, namespace: &str) -> Value {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "b"},
               "roleRef": {"kind": "ClusterRole", "name": role},
               "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]})
    }

    fn refused(objects: &[Value]) -> Vec<String> {
        let own = ["lab-x".to_owned()];
        let objects: Vec<&Value> = objects.iter().collect();
        let checked = check_objects(&objects, &allowances(), &OwnNamespaces::Are(&own));
        checked.into_iter().filter_map(Result::err).map(|refusal| refusal.reason).collect()
    }

    #[test]
    fn in_the_whole_cluster_a_session_may_be_let_look_at_what_is_nobodys_own() {
        let rule = |resource: &str, verb: &str| json!([{"apiGroups": [""], "resources": [resource], "verbs": [verb]}]);
        let bound = |rules: Value| refused(&[role(rules), binding("ClusterRoleBinding", "r", "lab-x")]);
        assert!(bound(rule("nodes", "list")).is_empty());
        for (resource, verb) in [
            ("pods", "list"),
            ("secrets", "get"),
            ("*", "get"),
            ("pods/exec", "get"),
            ("storageclasses", "create"),
        ] {
            let told = bound(rule(resource, verb));
            assert!(told.iter().any(|one| one.contains(resource)), "{resource}: {told:?}");
        }
        for role in ["cluster-admin", "view"] {
            let told = refused(&[binding("ClusterRoleBinding", role, "lab-x")]);
            assert!(told[0].contains("only roles that it brings itself"), "{told:?}");
        }
        let told = refused(&[role(rule("nodes", "list")), binding("ClusterRoleBinding", "r", "kube-system")]);
        assert!(told[0].contains("not of this session"), "{told:?}");
    }

    #[test]
    fn a_role_of_the_labs_own_may_be_bound_in_the_session_and_adds_to_no_other_role() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]);
        assert!(refused(&[role(rules.clone()), binding("RoleBinding", "r", "lab-x")]).is_empty());
        let mut spreading = role(rules);
        spreading["metadata"]["labels"] = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
        assert_eq!(refused(&[spreading]), ["it would change roles that everybody has"]);
    }
}
