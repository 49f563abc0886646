//! A lab's own objects, of whatever kind the cluster knows, in the session's namespaces and nowhere else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, ResourceExt};
use serde_json::Value;
use tokio::time::Instant;

use super::{Cluster, ClusterError, SessionSpec};

/// Who holds the fields of a lab's objects: not the server itself, whose own objects a lab must not touch.
const FIELD_MANAGER: &str = "lectern-lab";
/// How long a new namespace may take until it accepts pods.
const NAMESPACE_SETTLES_WITHIN: Duration = Duration::from_secs(15);
/// The pause between two tries meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// What the API server says of kinds, asked once for each.
#[derive(Default)]
pub(super) struct Kinds {
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, Scope)>>,
}

/// An object of a lab's, and where it goes.
struct Placed {
    object: DynamicObject,
    namespace: String,
    resource: ApiResource,
}

impl Cluster {
    /// Makes the lab's objects in their order, once all of them are known to be within bounds.
    pub(super) async fn apply_lab_objects(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        let mut placed = Vec::new();
        for manifest in spec.objects.iter().flat_map(listed) {
            let mut object = read(manifest)?;
            let (resource, scope) = self.find_kind(&object).await?;
            let namespace = place(spec, &object, &scope)?;
            object.metadata.namespace = Some(namespace.clone());
            placed.push(Placed { object, namespace, resource });
        }
        for one in &placed {
            self.apply_lab_object(one).await?;
        }
        Ok(())
    }

    async fn find_kind(&self, object: &DynamicObject) -> Result<(ApiResource, Scope), ClusterError> {
        let (version, kind) = types(object);
        let unknown = || {
            failed(
                object,
                format!(
                    "this cluster knows no {kind} of {version}; look at the object's apiVersion and kind"
                ),
            )
        };
        let (group, short_version) = version.rsplit_once('/').unwrap_or(("", version));
        let gvk = GroupVersionKind::gvk(group, short_version, kind);
        let known = || self.shared.kinds.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&gvk).cloned() {
            return Ok(found);
        }
        let (resource, abilities) = match discovery::pinned_kind(&self.client, &gvk).await {
            Ok(found) => found,
            Err(kube::Error::Discovery(_)) => return Err(unknown()),
            Err(kube::Error::Api(status)) if status.code == 404 => return Err(unknown()),
            Err(error) => {
                return Err(ClusterError::of(error, &format!("look up the kind {kind} of {version}")));
            }
        };
        let found = (resource, abilities.scope);
        known().insert(gvk, found.clone());
        Ok(found)
    }

    async fn apply_lab_object(&self, one: &Placed) -> Result<(), ClusterError> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &one.namespace, &one.resource);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let deadline = Instant::now() + NAMESPACE_SETTLES_WITHIN;
        loop {
            match api.patch(&one.object.name_any(), &params, &Patch::Apply(&one.object)).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status))
                    if is_settling(&status.message) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                    return Err(failed(&one.object, status.message.clone()));
                }
                Err(error) => {
                    return Err(ClusterError::of(error, &format!("make the lab's {}", named(&one.object))));
                }
            }
        }
    }
}

/// Whether a refusal only means that the controllers have not looked at the namespace yet: no pod is accepted before
/// its service account is there and its quota was counted once.
fn is_settling(message: &str) -> bool {
    message.contains("serviceaccount \"default\" not found") || message.contains("status unknown for quota")
}

/// The objects of a `List`, else the object itself.
fn listed(manifest: &Value) -> Vec<&Value> {
    match (manifest.get("kind"), manifest.get("items").and_then(Value::as_array)) {
        (Some(Value::String(kind)), Some(items)) if kind.ends_with("List") => items.iter().collect(),
        _ => vec![manifest],
    }
}

fn read(manifest: &Value) -> Result<DynamicObject, ClusterError> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let described = || {
        let name = manifest.get("metadata").and_then(|metadata| metadata.get("name"));
        format!("{} {}", text(manifest.get("kind")), text(name))
    };
    let refused = |reason: String| ClusterError::LabObject { object: described(), reason };
    let mut object: DynamicObject =
        serde_json::from_value(manifest.clone()).map_err(|error| refused(error.to_string()))?;
    let (version, kind) = types(&object);
    if version.is_empty() || kind.is_empty() {
        return Err(refused("an object needs an apiVersion and a kind".to_owned()));
    }
    if object.metadata.name.is_none() {
        return Err(refused(
            "an object needs a metadata.name, which may hold $(session_namespace)".to_owned(),
        ));
    }
    // what an author copied out of a cluster along with the rest
    let meta = &mut object.metadata;
    meta.managed_fields = None;
    meta.resource_version = None;
    meta.uid = None;
    meta.creation_timestamp = None;
    meta.generation = None;
    Ok(object)
}

/// The namespace that an object goes to; an error where it is none of the session's.
fn place(spec: &SessionSpec, object: &DynamicObject, scope: &Scope) -> Result<String, ClusterError> {
    if *scope == Scope::Cluster {
        let hint = match types(object).1 {
            "Namespace" => "; name it under session.namespaces.secondary instead",
            _ => "",
        };
        return Err(failed(
            object,
            format!(
                "it would belong to the whole cluster, and a lab makes objects in its session's namespaces only{hint}"
            ),
        ));
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or(&spec.names.namespace);
    if !spec.names.namespaces().any(|own| own == namespace) {
        return Err(failed(
            object,
            format!(
                "its namespace {namespace} is not the session's; leave metadata.namespace out, or write \
                 $(session_namespace)"
            ),
        ));
    }
    if is_platforms_own(types(object).1, &object.name_any()) {
        return Err(failed(object, "the platform has an object of this name; choose another one".to_owned()));
    }
    Ok(namespace.to_owned())
}

/// Whether the server itself makes an object of this kind and name in each session.
fn is_platforms_own(kind: &str, name: &str) -> bool {
    match kind {
        "NetworkPolicy" | "ResourceQuota" | "LimitRange" => {
            matches!(name, "lectern" | "lectern-compute" | "lectern-compute-terminating" | "lectern-objects")
        }
        "ServiceAccount" | "Role" | "RoleBinding" => matches!(name, "learner" | "learner-extra"),
        _ => false,
    }
}

fn types(object: &DynamicObject) -> (&str, &str) {
    object.types.as_ref().map_or(("", ""), |types| (&types.api_version, &types.kind))
}

fn named(object: &DynamicObject) -> String {
    format!("{} {}", types(object).1, object.name_any())
}

fn failed(object: &DynamicObject, reason: String) -> ClusterError {
    ClusterError::LabObject { object: named(object), reason }
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

    fn placed(manifest: &Value, scope: &Scope) -> Result<String, String> {
        let object = read(manifest).map_err(|error| error.to_string())?;
        place(&spec(), &object, scope).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_goes_to_the_sessions_namespaces_and_nowhere_else() {
        let in_namespace = |namespace: &str| map(json!({"name": "c", "namespace": namespace}));
        assert_eq!(placed(&map(json!({"name": "c"})), &Scope::Namespaced).unwrap(), "lab-seed-abc");
        for own in ["lab-seed-abc", "lab-seed-abc-dev"] {
            assert_eq!(placed(&in_namespace(own), &Scope::Namespaced).unwrap(), own);
        }
        for foreign in ["default", "kube-system", "lab-seed-ab", "lab-seed-abcd", "lab-seed-abc-other", ""] {
            let told = placed(&in_namespace(foreign), &Scope::Namespaced).unwrap_err();
            assert!(told.starts_with("the lab's ConfigMap c cannot be made: its namespace"), "{told}");
        }
    }

    #[test]
    fn an_object_of_the_whole_cluster_is_refused() {
        let mut namespace = map(json!({"name": "mine"}));
        namespace["kind"] = json!("Namespace");
        let told = placed(&namespace, &Scope::Cluster).unwrap_err();
        assert!(told.contains("whole cluster") && told.contains("session.namespaces.secondary"), "{told}");
    }

    #[test]
    fn a_lab_cannot_replace_what_keeps_its_learners_in_bounds() {
        for (kind, name) in
            [("ResourceQuota", "lectern-compute"), ("NetworkPolicy", "lectern"), ("RoleBinding", "learner")]
        {
            let mut object = map(json!({"name": name}));
            object["kind"] = json!(kind);
            assert!(placed(&object, &Scope::Namespaced).unwrap_err().contains("choose another"), "{kind}");
        }
        assert!(placed(&map(json!({"name": "lectern"})), &Scope::Namespaced).is_ok());
    }

    #[test]
    fn what_is_no_object_is_named_as_far_as_it_can_be() {
        for (manifest, told) in [
            (json!("text"), "the lab's ? ? cannot be made"),
            (
                json!({"kind": "Pod", "metadata": {"name": "p"}}),
                "the lab's Pod p cannot be made: an object needs an apiVersion",
            ),
            (
                map(json!({"generateName": "c-"})),
                "the lab's ConfigMap ? cannot be made: an object needs a metadata.name",
            ),
        ] {
            let error = read(&manifest).map(drop).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn a_list_is_its_items() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [map(json!({"name": "a"})), map(json!({"name": "b"}))]});
        assert_eq!(listed(&list).len(), 2);
        assert_eq!(listed(&map(json!({"name": "a"}))).len(), 1);
    }
}
