//! Objects that a session has in the whole cluster: under names of its own, which its other objects follow, and owned by
//! its main namespace, with which the cluster deletes them.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

use super::read::types;
use crate::cluster::{SessionSpec, manifests};

/// Limit on an object's name, in bytes.
const MAX_NAME: usize = 253;
/// Fields that name an object of the whole cluster, with its kind.
const REFERENCES: [(&str, &str); 5] = [
    ("storageClassName", "StorageClass"),
    ("volumeName", "PersistentVolume"),
    ("ingressClassName", "IngressClass"),
    ("priorityClassName", "PriorityClass"),
    ("runtimeClassName", "RuntimeClass"),
];

/// The new names by kind and old name.
#[derive(Debug, Default)]
pub(super) struct Renames(BTreeMap<(String, String), String>);

impl Renames {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives an object a name that no other session's has: the session's namespace, which cannot be guessed, follows its
    /// own.
    pub(super) fn rename(&mut self, object: &mut DynamicObject, session_namespace: &str) {
        let old = object.name_any();
        let room = MAX_NAME.saturating_sub(session_namespace.len() + 1);
        // names have been checked to be ASCII
        let new = format!("{}-{session_namespace}", old.get(..room).unwrap_or(&old));
        object.metadata.name = Some(new.clone());
        self.0.insert((types(object).1.to_owned(), old), new);
    }

    /// Makes what an object refers to follow.
    pub(super) fn follow(&self, object: &mut DynamicObject) {
        if !self.is_empty() {
            self.follow_in(&mut object.data);
        }
    }

    fn follow_in(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.follow_in(item)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    let kind = match REFERENCES.iter().find(|(field, _)| field == key) {
                        Some((_, kind)) => Some((*kind).to_owned()),
                        None if key == "roleRef" => {
                            value.get("kind").and_then(Value::as_str).map(str::to_owned)
                        }
                        None => None,
                    };
                    match (kind, value) {
                        (Some(kind), Value::String(name)) => self.replace(&kind, name),
                        (Some(kind), Value::Object(reference)) => {
                            if let Some(Value::String(name)) = reference.get_mut("name") {
                                self.replace(&kind, name);
                            }
                        }
                        (_, value) => self.follow_in(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn replace(&self, kind: &str, name: &mut String) {
        if let Some(new) = self.0.get(&(kind.to_owned(), name.clone())) {
            name.clone_from(new);
        }
    }
}

/// Marks an object of the whole cluster as the session's. `namespace_uid` is that of its main namespace.
pub(super) fn own(spec: &SessionSpec, object: &mut DynamicObject, instance: &str, namespace_uid: &str) {
    object.labels_mut().extend(manifests::labels::of_session(spec, instance));
    object.metadata.owner_references =
        Some(vec![manifests::labels::owner_namespace(&spec.names.namespace, namespace_uid)]);
}

/// Puts the learner's account in place of the one that Educates gives a session: in the session's namespace and of its
/// name.
pub(super) fn bind_learner(spec: &SessionSpec, object: &mut DynamicObject, instance: &str) {
    if !matches!(types(object).1, "RoleBinding" | "ClusterRoleBinding") {
        return;
    }
    let subjects = object.data.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        let is = |key: &str, text: &str| subject.get(key).is_some_and(|value| value == text);
        if is("kind", "ServiceAccount")
            && is("namespace", &spec.names.namespace)
            && is("name", &spec.names.namespace)
        {
            subject["name"] = manifests::rbac::account_name(&spec.names).into();
            subject["namespace"] = instance.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use lectern_api::ids::SessionId;
    use serde_json::json;

    use super::super::read::read;
    use super::*;

    fn spec() -> SessionSpec {
        let mut spec = SessionSpec::new(SessionId::new(), "seed".parse().unwrap());
        spec.names.namespace = "lab-seed-abc".to_owned();
        spec
    }

    fn object(kind: &str, rest: &Value) -> DynamicObject {
        let mut object = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "looks"}});
        for (key, value) in rest.as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        read(&object).unwrap()
    }

    #[test]
    fn an_object_of_the_whole_cluster_gets_the_sessions_name_and_references_follow() {
        let mut renames = Renames::default();
        let mut role = object("ClusterRole", &json!({}));
        renames.rename(&mut role, "lab-seed-abc");
        renames.rename(&mut object("StorageClass", &json!({})), "lab-seed-abc");
        assert_eq!(role.name_any(), "looks-lab-seed-abc");
        let mut binding =
            object("ClusterRoleBinding", &json!({"roleRef": {"kind": "ClusterRole", "name": "looks"}}));
        renames.follow(&mut binding);
        assert_eq!(binding.data["roleRef"]["name"], "looks-lab-seed-abc");
        let mut set = object(
            "StatefulSet",
            &json!({"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "looks", "volumeName": "looks"}}]}}),
        );
        renames.follow(&mut set);
        let claim = &set.data["spec"]["volumeClaimTemplates"][0]["spec"];
        assert_eq!(
            (&claim["storageClassName"], &claim["volumeName"]),
            (&json!("looks-lab-seed-abc"), &json!("looks"))
        );
        let mut other = object("RoleBinding", &json!({"roleRef": {"kind": "Role", "name": "looks"}}));
        renames.follow(&mut other);
        assert_eq!(other.data["roleRef"]["name"], "looks");
    }

    #[test]
    fn a_name_that_is_renamed_stays_within_the_limit() {
        let mut long = object("ClusterRole", &json!({"metadata": {"name": "x".repeat(253)}}));
        Renames::default().rename(&mut long, "lab-seed-abc");
        let name = long.name_any();
        assert!(name.len() == MAX_NAME && name.ends_with("x-lab-seed-abc"), "{name}");
    }

    #[test]
    fn what_a_session_has_in_the_whole_cluster_goes_with_its_namespace() {
        let (spec, mut role) = (spec(), object("ClusterRole", &json!({})));
        own(&spec, &mut role, "workbenches", "uid-1");
        let owner = &role.owner_references()[0];
        assert_eq!(
            (owner.kind.as_str(), owner.name.as_str(), owner.uid.as_str()),
            ("Namespace", "lab-seed-abc", "uid-1")
        );
        assert_eq!(role.labels()["lectern.dev/session"], spec.names.session.to_string());
    }

    #[test]
    fn the_account_that_educates_gives_a_session_is_the_learners() {
        let (spec, subject) = (
            spec(),
            |name: &str| json!({"subjects": [{"kind": "ServiceAccount", "namespace": "lab-seed-abc", "name": name}]}),
        );
        let mut learners = object("ClusterRoleBinding", &subject("lab-seed-abc"));
        bind_learner(&spec, &mut learners, "workbenches");
        let bound = &learners.data["subjects"][0];
        assert_eq!(bound["name"], json!(format!("learner-{}", spec.names.session)));
        assert_eq!(bound["namespace"], "workbenches");
        let mut default = object("RoleBinding", &subject("default"));
        bind_learner(&spec, &mut default, "workbenches");
        assert_eq!(default.data["subjects"][0]["name"], "default");
    }
}
