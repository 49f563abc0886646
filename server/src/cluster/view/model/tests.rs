use kube::api::DynamicObject;
use lectern_api::cluster_view::Severity;
use serde_json::{Value, json};

use super::super::digest::{digest, digest_event};
use super::*;

const SPACE: &str = "lab-x";

fn source(kind: ObjectKind) -> Source {
    (Some(kind), SPACE.to_owned())
}

fn events() -> Source {
    (None, SPACE.to_owned())
}

fn raw(name: &str, rest: Value) -> DynamicObject {
    let mut object = rest;
    object["metadata"]["name"] = json!(name);
    object["metadata"]["namespace"] = json!(SPACE);
    object["metadata"]["uid"] = json!(format!("uid-{name}"));
    serde_json::from_value(object).unwrap()
}

fn owned_by(kind: &str, name: &str, mut rest: Value) -> Value {
    rest["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    rest
}

fn model() -> Model {
    Model::new(vec![SPACE.to_owned()], ObjectKind::ALL.iter().map(|kind| source(*kind)).chain([events()]))
}

fn put(model: &mut Model, kind: ObjectKind, name: &str, rest: Value) {
    let facts = digest(kind, raw(name, rest)).expect("an object of this kind");
    model.take(&source(kind), Seen::Object(Box::new(facts)));
}

fn state(snapshot: &Snapshot, id: &str) -> (Severity, String) {
    let condition = &snapshot.objects[id].condition;
    (condition.severity, condition.cause.clone().unwrap_or_default())
}

/// A deployment with one pod whose image does not exist, and a service in front of it.
fn broken() -> Model {
    let mut model = model();
    put(
        &mut model,
        ObjectKind::Deployment,
        "web",
        json!({
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "c", "image": "no:1"}]}}},
            "status": {"replicas": 1, "updatedReplicas": 1},
        }),
    );
    let set = owned_by(
        "Deployment",
        "web",
        json!({"spec": {"replicas": 1, "selector": {}}, "status": {"replicas": 1}}),
    );
    put(&mut model, ObjectKind::ReplicaSet, "web-1", set);
    let mut pod = owned_by(
        "ReplicaSet",
        "web-1",
        json!({
            "spec": {"containers": [{"name": "c", "image": "no:1"}], "nodeName": "node-a"},
            "status": {"phase": "Pending", "containerStatuses": [{
                "name": "c", "image": "no:1", "imageID": "", "ready": false, "restartCount": 2,
                "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
            }]},
        }),
    );
    pod["metadata"]["labels"] = json!({"app": "web"});
    put(&mut model, ObjectKind::Pod, "web-1-a", pod);
    put(
        &mut model,
        ObjectKind::Service,
        "web",
        json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    );
    model
}

#[test]
fn what_is_wrong_with_a_pod_is_told_of_all_that_it_belongs_to() {
    let mut model = broken();
    let snapshot = model.snapshot();
    for id in ["Pod/lab-x/web-1-a", "ReplicaSet/lab-x/web-1", "Deployment/lab-x/web"] {
        let (severity, cause) = state(&snapshot, id);
        assert!(severity == Severity::Bad && cause.contains("There is no image named no:1"), "{id}: {cause}");
    }
    assert_eq!(state(&snapshot, "Service/lab-x/web").0, Severity::Warning);
    let pod = &snapshot.objects["Pod/lab-x/web-1-a"];
    assert_eq!((pod.restarts, pod.owner.as_deref()), (2, Some("ReplicaSet/lab-x/web-1")));
    assert_eq!(
        snapshot.objects["Service/lab-x/web"].facts[0],
        ("Ports".to_owned(), "80/TCP → 8080".to_owned())
    );
    assert_eq!(model.nodes(), BTreeSet::from(["node-a".to_owned()]));
}

#[test]
fn a_viewer_gets_everything_once_and_then_what_changes() {
    let mut model = broken();
    let first = model.snapshot();
    let all = first.changes_since(None);
    assert_eq!((all.objects.len(), all.namespaces.as_slice()), (4, &[SPACE.to_owned()][..]));
    let same = model.snapshot();
    assert!(!same.differs_from(&first));
    let event = json!({"involvedObject": {"kind": "Pod", "name": "web-1-a", "namespace": SPACE},
        "type": "Warning", "reason": "Failed", "message": "m", "count": 3});
    model.take(&events(), Seen::Event(digest_event(raw("e1", event)).unwrap()));
    model.take(&source(ObjectKind::Service), Seen::Gone("Service/lab-x/web".to_owned()));
    let changes = model.snapshot().changes_since(Some(&first));
    assert_eq!(changes.gone, ["Service/lab-x/web"]);
    assert!(changes.objects.is_empty() && changes.namespaces.is_empty(), "{changes:?}");
    assert_eq!((changes.events[0].count, changes.events[0].about.as_str()), (3, "Pod/lab-x/web-1-a"));
}

#[test]
fn it_is_complete_when_every_watch_has_shown_what_there_is_or_may_not() {
    let mut model = broken();
    for kind in ObjectKind::ALL.iter().filter(|kind| **kind != ObjectKind::Secret) {
        let ids = model.facts.keys().cloned().collect();
        model.take(&source(*kind), Seen::All(ids));
    }
    model.take(&events(), Seen::All(BTreeSet::new()));
    assert!(!model.snapshot().is_complete);
    model.take(&source(ObjectKind::Secret), Seen::Forbidden);
    let snapshot = model.snapshot();
    assert!(snapshot.is_complete && snapshot.objects.len() == 4);
    assert_eq!(snapshot.left_out, [ObjectKind::Secret]);
    // after a new beginning only what is there stays
    model.take(&source(ObjectKind::Pod), Seen::All(BTreeSet::new()));
    assert!(!model.snapshot().objects.contains_key("Pod/lab-x/web-1-a"));
}

#[test]
fn a_secret_is_kept_by_its_keys_only() {
    let mut model = model();
    put(&mut model, ObjectKind::Secret, "password", json!({"type": "Opaque", "data": {"word": "c2VzYW1l"}}));
    let snapshot = model.snapshot();
    let text = serde_json::to_string(&snapshot.changes_since(None)).unwrap();
    assert!(text.contains("word") && !text.contains("c2VzYW1l"), "{text}");
}

#[test]
fn a_session_with_more_objects_than_are_shown_says_so() {
    let mut model = model();
    for number in 0..=MAX_OBJECTS {
        put(&mut model, ObjectKind::ConfigMap, &format!("c{number}"), json!({"data": {}}));
    }
    let snapshot = model.snapshot();
    assert!(snapshot.is_cut && snapshot.objects.len() == MAX_OBJECTS);
    for number in 0..=MAX_EVENTS {
        let event = json!({"involvedObject": {"kind": "Pod", "name": "a"}, "lastTimestamp": format!("2026-01-01T00:{:02}:{:02}Z", number / 60, number % 60)});
        model.take(&events(), Seen::Event(digest_event(raw(&format!("e{number}"), event)).unwrap()));
    }
    let snapshot = model.snapshot();
    assert!(snapshot.events.len() == MAX_EVENTS && !snapshot.events.contains_key("Event/lab-x/e0"));
}
