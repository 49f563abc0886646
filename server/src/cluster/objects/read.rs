//! Parsing and checking a lab's object before it is sent.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::discovery::Scope;
use lectern_content::allow::cannot_be_renamed;
use serde_json::Value;

use crate::cluster::{LeftOut, NamespaceRole, SessionSpec, manifests};

/// Limit on an object's name, in bytes.
const MAX_NAME: usize = 253;

pub(super) fn read(manifest: &Value) -> Result<DynamicObject, LeftOut> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let described = || {
        let name = manifest.get("metadata").and_then(|metadata| metadata.get("name"));
        format!("{} {}", text(manifest.get("kind")), text(name))
    };
    let refused = |reason: String| LeftOut { object: described(), reason, detail: None };
    let mut object: DynamicObject = serde_json::from_value(manifest.clone()).map_err(|error| LeftOut {
        detail: Some(error.to_string()),
        ..refused("its metadata cannot be read".to_owned())
    })?;
    let (version, kind) = types(&object);
    let (version, kind) = (version.to_owned(), kind.to_owned());
    if version.is_empty() || kind.is_empty() {
        return Err(refused("an object needs an apiVersion and a kind".to_owned()));
    }
    if object.metadata.name.is_none() {
        return Err(refused(
            "an object needs a metadata.name, which may hold $(session_namespace)".to_owned(),
        ));
    }
    check_words(&version, &kind, &object.name_any()).map_err(refused)?;
    // fields that an author may have copied from a cluster
    let meta = &mut object.metadata;
    meta.managed_fields = None;
    meta.resource_version = None;
    meta.uid = None;
    meta.creation_timestamp = None;
    meta.generation = None;
    Ok(object)
}

/// Checks the parts of a request's path: a name could otherwise lead to another path of the API server.
fn check_words(version: &str, kind: &str, name: &str) -> Result<(), String> {
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    let consists_of = |text: &str, others: &str| {
        text.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
    };
    if !consists_of(group, "-.")
        || group.starts_with('.')
        || !consists_of(version, "")
        || !consists_of(kind, "")
    {
        return Err("its apiVersion or kind contains characters that are not allowed there".to_owned());
    }
    // the names of roles may contain colons; all other allowed kinds have DNS names
    if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !consists_of(name, "-._:") {
        return Err(format!(
            "its name is not valid: an object's name has at most {MAX_NAME} letters, digits, dashes and dots"
        ));
    }
    Ok(())
}

/// Replaces one of Kubernetes' own roles in a binding with the learners' role of that kind, so that the lab gives
/// nobody more rights than its learner has.
pub(super) fn bind_learners_roles(object: &mut DynamicObject, instance: &str) {
    if types(object) != ("rbac.authorization.k8s.io/v1", "RoleBinding") {
        return;
    }
    let Some(reference) = object.data.get_mut("roleRef") else { return };
    let is_cluster_role = reference.get("kind").is_some_and(|kind| kind == "ClusterRole");
    let role = reference.get("name").and_then(Value::as_str).and_then(NamespaceRole::find);
    if let Some(role) = role.filter(|_| is_cluster_role) {
        reference["name"] = manifests::rbac::role_name(instance, role).into();
    }
}

/// Returns the namespace that an object belongs to, or `None` if it belongs to the whole cluster and may.
///
/// # Errors
/// Fails with the reason if it belongs to neither the session nor, by the operator's word, the cluster.
pub(super) fn place(
    spec: &SessionSpec,
    object: &DynamicObject,
    scope: &Scope,
) -> Result<Option<String>, LeftOut> {
    let (version, kind) = types(object);
    if *scope == Scope::Cluster {
        return match cannot_be_renamed(kind) {
            Some(reason) => Err(left_out(object, reason.to_owned())),
            None if spec.trusts(version, kind) => Ok(None),
            None => Err(left_out(
                object,
                "it would belong to the whole cluster, which all sessions share".to_owned(),
            )),
        };
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or(&spec.names.namespace);
    if !spec.names.namespaces().any(|own| own == namespace) {
        return Err(left_out(object, format!("its namespace {namespace} is none of the session's")));
    }
    if is_platforms_own(kind, &object.name_any()) {
        return Err(left_out(object, "the platform has an object of this name".to_owned()));
    }
    Ok(Some(namespace.to_owned()))
}

/// Returns whether the server itself creates an object of this kind and name in each session.
fn is_platforms_own(kind: &str, name: &str) -> bool {
    match kind {
        "NetworkPolicy" | "ResourceQuota" | "LimitRange" => {
            matches!(
                name,
                "lectern"
                    | "lectern-compute"
                    | "lectern-compute-terminating"
                    | "lectern-critical"
                    | "lectern-objects"
            )
        }
        "ServiceAccount" | "Role" | "RoleBinding" => {
            matches!(name, "learner" | "learner-extra" | "lectern-learner" | "lectern-lab")
        }
        _ => false,
    }
}

pub(super) fn types(object: &DynamicObject) -> (&str, &str) {
    object.types.as_ref().map_or(("", ""), |types| (&types.api_version, &types.kind))
}

pub(super) fn named(object: &DynamicObject) -> String {
    format!("{} {}", types(object).1, object.name_any())
}

pub(super) fn left_out(object: &DynamicObject, reason: String) -> LeftOut {
    LeftOut { object: named(object), reason, detail: None }
}

#[cfg(test)]
mod tests {
    use lectern_api::ids::SessionId;
    use serde_json::json;

    use super::*;

    fn spec() -> SessionSpec {
        let mut spec = SessionSpec::new(SessionId::new(), "seed".parse().unwrap());
        spec.names.namespace = "lab-seed-abc".to_owned();
        spec.names.secondary = vec!["lab-seed-abc-dev".to_owned()];
        spec
    }

    fn map(metadata: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})
    }

    fn placed(manifest: &Value, scope: &Scope) -> Result<Option<String>, String> {
        let object = read(manifest).map_err(|left_out| left_out.reason)?;
        place(&spec(), &object, scope).map_err(|left_out| left_out.reason)
    }

    #[test]
    fn an_object_goes_to_the_sessions_namespaces_and_nowhere_else() {
        let in_namespace = |namespace: &str| map(json!({"name": "c", "namespace": namespace}));
        let place = |manifest: &Value| placed(manifest, &Scope::Namespaced).unwrap().unwrap();
        assert_eq!(place(&map(json!({"name": "c"}))), "lab-seed-abc");
        for own in ["lab-seed-abc", "lab-seed-abc-dev"] {
            assert_eq!(place(&in_namespace(own)), own);
        }
        for foreign in ["default", "kube-system", "lab-seed-ab", "lab-seed-abcd", "lab-seed-abc-other", ""] {
            let reason = placed(&in_namespace(foreign), &Scope::Namespaced).unwrap_err();
            assert_eq!(reason, format!("its namespace {foreign} is none of the session's"));
        }
    }

    #[test]
    fn an_object_of_the_whole_cluster_needs_the_operators_word_and_a_name_of_its_own() {
        let mut object = map(json!({"name": "mine"}));
        object["kind"] = json!("Namespace");
        let reason = placed(&object, &Scope::Cluster).unwrap_err();
        assert!(reason.contains("the namespaces that its lab names"), "{reason}");
        object["kind"] = json!("StorageClass");
        object["apiVersion"] = json!("storage.k8s.io/v1");
        assert!(placed(&object, &Scope::Cluster).unwrap_err().contains("whole cluster"));
        let mut trusting = spec();
        trusting.trusted_types.insert(("storage.k8s.io/v1".to_owned(), "StorageClass".to_owned()));
        assert_eq!(place(&trusting, &read(&object).unwrap(), &Scope::Cluster), Ok(None));
    }

    #[test]
    fn a_lab_cannot_replace_what_keeps_its_learners_in_bounds() {
        for (kind, name) in
            [("ResourceQuota", "lectern-compute"), ("NetworkPolicy", "lectern"), ("RoleBinding", "learner")]
        {
            let mut object = map(json!({"name": name}));
            object["kind"] = json!(kind);
            let reason = placed(&object, &Scope::Namespaced).unwrap_err();
            assert_eq!(reason, "the platform has an object of this name", "{kind}");
        }
        assert!(placed(&map(json!({"name": "lectern"})), &Scope::Namespaced).is_ok());
    }

    #[test]
    fn a_name_that_would_lead_to_another_address_is_refused() {
        let named = |name: &str| read(&map(json!({ "name": name })));
        for name in
            ["../../secrets/x", "a/b", "a%2fb", "a?b", "a#b", "..", ".a", "", "a b", "ä", &"x".repeat(254)]
        {
            let message = named(name).map(drop).unwrap_err().reason;
            assert!(message.contains("its name is not valid"), "{name}: {message}");
        }
        for name in ["a", "a.b-c", "system:x"] {
            assert!(named(name).is_ok(), "{name}");
        }
        for (key, word) in [("kind", "Pod/../x"), ("apiVersion", "apps/../../v1"), ("apiVersion", "v1?x")] {
            let mut object = map(json!({"name": "a"}));
            object[key] = json!(word);
            assert!(read(&object).map(drop).unwrap_err().reason.contains("apiVersion or kind"), "{word}");
        }
    }

    #[test]
    fn what_is_no_object_is_named_as_far_as_it_can_be() {
        for (manifest, object, reason) in [
            (json!("text"), "? ?", "its metadata cannot be read"),
            (
                json!({"kind": "Pod", "metadata": {"name": "p"}}),
                "Pod p",
                "an object needs an apiVersion and a kind",
            ),
            (
                map(json!({"generateName": "c-"})),
                "ConfigMap ?",
                "an object needs a metadata.name, which may hold $(session_namespace)",
            ),
        ] {
            let left_out = read(&manifest).map(drop).unwrap_err();
            assert_eq!((left_out.object.as_str(), left_out.reason.as_str()), (object, reason));
        }
    }
}
