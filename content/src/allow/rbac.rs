//! Rights that no lab may give its learners, whatever the operator allows.

use serde_json::Value;

use super::objects::{OwnNamespaces, text};

/// Verbs that only read.
const READING: &[&str] = &["get", "list", "watch"];
/// Verbs with which one right creates others.
const ESCALATING: &[&str] = &["escalate", "bind", "impersonate"];
/// Resources that limit the learner or act for somebody else. Reading them is harmless.
const BOUNDS: &[&str] = &[
    "namespaces",
    "resourcequotas",
    "limitranges",
    "nodes",
    "serviceaccounts/token",
    "endpoints",
    "endpointslices",
    "bindings",
    "pods/binding",
];
/// Cluster roles that a lab may bind in its own namespaces.
const BINDABLE: &[&str] = &["view", "edit", "admin"];

/// Checks an RBAC rule of a role or of a lab's extra rights.
///
/// # Errors
/// Fails with the reason, as the end of a sentence, if the rule must be refused.
pub fn check_rule(rule: &Value) -> Result<(), String> {
    let (groups, resources, verbs) =
        (texts(rule, "apiGroups"), texts(rule, "resources"), texts(rule, "verbs"));
    if !texts(rule, "nonResourceURLs").is_empty() {
        return Err("it names addresses of the API server".to_owned());
    }
    if let Some(verb) = verbs.iter().find(|verb| ESCALATING.contains(&verb.to_lowercase().as_str())) {
        return Err(format!("the verb `{verb}` makes rights out of others"));
    }
    let reads_only = reads_only(rule);
    let is_any = |list: &[&str]| list.contains(&"*");
    if is_any(&groups) && !reads_only {
        return Err("it names every API group".to_owned());
    }
    for resource in resources {
        let is_bound = BOUNDS.contains(&resource) || resource.starts_with("namespaces/");
        if (is_bound || resource.ends_with("/status") || resource.starts_with("*/")) && !reads_only {
            return Err(format!("`{resource}` is what bounds a session"));
        }
        // `bind` and the like are among all verbs
        let makes_rights = matches!(
            resource,
            "roles"
                | "rolebindings"
                | "clusterroles"
                | "clusterrolebindings"
                | "serviceaccounts"
                | "users"
                | "groups"
        );
        if makes_rights && is_any(&verbs) {
            return Err(format!("all verbs on `{resource}` make rights out of others"));
        }
        let is_built_in = |group: &&str| {
            matches!(*group, "" | "rbac.authorization.k8s.io" | "networking.k8s.io" | "discovery.k8s.io")
        };
        if resource == "*" && !reads_only && groups.iter().any(is_built_in) {
            return Err("it names every resource, and so those that bound a session".to_owned());
        }
    }
    Ok(())
}

/// Returns whether a rule's verbs change nothing.
pub(super) fn reads_only(rule: &Value) -> bool {
    texts(rule, "verbs").iter().all(|verb| READING.contains(verb))
}

pub(super) fn texts<'a>(rule: &'a Value, key: &str) -> Vec<&'a str> {
    let list = rule.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// Checks the rules of a role.
pub(super) fn check_role(role: &Value) -> Result<(), String> {
    let rules = role.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    rules.iter().try_for_each(check_rule)
}

/// Checks the role and the subjects of a binding. `roles` are the cluster roles that the lab brings itself.
pub(super) fn check_binding(
    binding: &Value,
    own: &OwnNamespaces<'_>,
    roles: &[&Value],
) -> Result<(), String> {
    let role = binding.get("roleRef").cloned().unwrap_or_default();
    let (kind, name) = (text(role.get("kind")), text(role.get("name")));
    let is_own = || roles.iter().any(|role| text(role.pointer("/metadata/name")) == name);
    let is_bindable = BINDABLE.contains(&name) || own.may_still_change(name);
    // rights of a role of the namespace's, or of the lab's, are the API server's to check: it lets nobody give more than
    // they have
    if kind != "Role" && !is_bindable && !own.may_still_change(kind) && !is_own() {
        return Err(format!("it binds the cluster role `{name}`; a lab may bind view, edit and admin"));
    }
    check_subjects(binding, own)
}

/// Checks that a binding gives rights to nobody outside the session.
pub(super) fn check_subjects(binding: &Value, own: &OwnNamespaces<'_>) -> Result<(), String> {
    let subjects = binding.get("subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for subject in subjects {
        let (kind, name, namespace) =
            (text(subject.get("kind")), text(subject.get("name")), text(subject.get("namespace")));
        let is_own = match kind {
            "ServiceAccount" => own.holds(namespace),
            "Group" => {
                name.strip_prefix("system:serviceaccounts:").is_some_and(|namespace| own.holds(namespace))
            }
            other => own.may_still_change(other),
        };
        if !is_own {
            return Err(format!("it gives rights to the {kind} `{name}`, who is not of this session"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
    }

    #[test]
    fn rules_that_pass_a_sessions_bounds_are_refused() {
        for refused in [
            rule(&[""], &["namespaces"], &["patch"]),
            rule(&[""], &["namespaces/finalize"], &["update"]),
            rule(&[""], &["resourcequotas"], &["delete"]),
            rule(&[""], &["limitranges"], &["*"]),
            rule(&[""], &["serviceaccounts/token"], &["create"]),
            rule(&["rbac.authorization.k8s.io"], &["roles"], &["escalate"]),
            rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["bind"]),
            rule(&["rbac.authorization.k8s.io"], &["rolebindings"], &["*"]),
            rule(&[""], &["serviceaccounts"], &["impersonate"]),
            rule(&[""], &["serviceaccounts"], &["*"]),
            rule(&[""], &["*"], &["*"]),
            rule(&["*"], &["*"], &["*"]),
            rule(&["*"], &["pods"], &["create"]),
            rule(&[""], &["*/token"], &["create"]),
            rule(&["networking.k8s.io"], &["ingresses/status"], &["patch"]),
            rule(&["discovery.k8s.io"], &["endpointslices"], &["create"]),
            json!({"nonResourceURLs": ["*"], "verbs": ["get"]}),
        ] {
            assert!(check_rule(&refused).is_err(), "{refused}");
        }
        for fine in [
            rule(&[""], &["namespaces", "resourcequotas"], &["get", "list", "watch"]),
            rule(&[""], &["podtemplates"], &["list", "create"]),
            rule(&["tekton.dev"], &["*"], &["*"]),
            rule(&["apps"], &["deployments"], &["*"]),
        ] {
            assert_eq!(check_rule(&fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_binding_gives_the_usual_roles_to_the_sessions_own() {
        let own = ["lab-x".to_owned()];
        let own = OwnNamespaces::Are(&own);
        let binding = |role: &str, subject: Value| json!({"roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [subject]});
        let account =
            |namespace: &str| json!({"kind": "ServiceAccount", "name": "default", "namespace": namespace});
        for (role, subject) in [
            ("view", account("lab-x")),
            ("edit", account("lab-x")),
            ("admin", json!({"kind": "Group", "name": "system:serviceaccounts:lab-x"})),
        ] {
            assert_eq!(check_binding(&binding(role, subject), &own, &[]), Ok(()));
        }
        for (role, subject) in [
            ("cluster-admin", account("lab-x")),
            ("system:node", account("lab-x")),
            ("$(ROLE)", account("lab-x")),
            ("view", account("lab-y")),
            ("view", account("")),
            ("view", json!({"kind": "User", "name": "eve"})),
            ("view", json!({"kind": "Group", "name": "system:authenticated"})),
        ] {
            assert!(check_binding(&binding(role, subject.clone()), &own, &[]).is_err(), "{role} {subject}");
        }
    }
}
