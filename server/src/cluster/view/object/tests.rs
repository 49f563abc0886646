use lectern_api::ids::SessionId;
use serde_json::json;

use super::*;

fn names() -> SessionNames {
    let mut names = SessionNames::generate(SessionId::new(), &"lab".parse().unwrap());
    names.secondary = vec![format!("{}-two", names.namespace)];
    names
}

fn reference(kind: ObjectKind, name: &str) -> (SessionNames, ObjectRef) {
    let names = names();
    let object = ObjectRef::new(&names, kind, &names.namespace, name).unwrap();
    (names, object)
}

#[test]
fn only_objects_in_the_sessions_own_namespaces_can_be_meant() {
    let names = names();
    let may =
        |namespace: &str, name: &str| ObjectRef::new(&names, ObjectKind::Pod, namespace, name).is_some();
    assert!(may(&names.namespace, "web-5d4.a") && may(&names.secondary[0], "web"));
    for namespace in [
        "",
        "default",
        "kube-system",
        "lectern-workbenches",
        "..",
        "lab-",
        &format!("{}/pods/x/../..", names.namespace),
    ] {
        assert!(!may(namespace, "web"), "{namespace}");
    }
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a?x",
        "a%2fb",
        "a..b",
        "-a",
        "a-",
        "A",
        "a b",
        "a\n",
        &"a".repeat(254),
    ] {
        assert!(!may(&names.namespace, name), "{name:?}");
    }
}

fn object(value: serde_json::Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_text_leaves_out_who_manages_which_field() {
    let (names, web) = reference(ObjectKind::ConfigMap, "web");
    let read = object(json!({
        "metadata": {"name": "web", "namespace": names.namespace, "resourceVersion": "7", "managedFields": [{"manager": "kubectl"}]},
        "data": {"number": "1", "text": "a\nb\n", "long": "word ".repeat(60)},
    }));
    let text = text_of(&web, &read, false).unwrap();
    assert!(!text.yaml.contains("managedFields") && !text.is_redacted, "{}", text.yaml);
    assert!(text.yaml.contains("text: |\n") && !text.yaml.contains(": >"), "{}", text.yaml);
    // what was not edited is what it was
    let again = edited(&web, &text.yaml).unwrap();
    assert_eq!(again.data["data"], read.data["data"]);
    assert_eq!(again.metadata.resource_version.as_deref(), Some("7"));
}

#[test]
fn the_values_of_a_secret_are_nowhere_in_a_text_unless_they_are_wanted() {
    let (names, password) = reference(ObjectKind::Secret, "password");
    let applied = json!({"data": {"word": "c2VzYW1l"}}).to_string();
    let read = object(json!({
        "metadata": {"name": "password", "namespace": names.namespace, "resourceVersion": "7", "annotations": {LAST_APPLIED: applied, "note": "kept"}},
        "type": "Opaque", "data": {"word": "c2VzYW1l"},
    }));
    let hidden = text_of(&password, &read, false).unwrap();
    assert!(hidden.is_redacted && !hidden.yaml.contains("c2VzYW1l"), "{}", hidden.yaml);
    assert!(hidden.yaml.contains("word") && hidden.yaml.contains("note: kept"), "{}", hidden.yaml);
    assert!(text_of(&password, &read, true).unwrap().yaml.contains("c2VzYW1l"));
}

#[test]
fn a_text_that_is_not_the_object_that_was_opened_is_not_sent() {
    let (names, web) = reference(ObjectKind::ConfigMap, "web");
    let text = |kind: &str, name: &str, rest: &str| {
        format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n{rest}data: {{a: b}}\n")
    };
    let version = "  resourceVersion: \"7\"\n";
    assert!(edited(&web, &text("ConfigMap", "web", version)).is_ok());
    let elsewhere = format!("{version}  namespace: kube-system\n");
    for (yaml, part) in [
        (text("Secret", "web", version), "apiVersion and kind"),
        (text("ConfigMap", "other", version), "The name and the namespace"),
        (text("ConfigMap", "web", &elsewhere), "The name and the namespace"),
        (text("ConfigMap", "web", ""), "resourceVersion"),
        ("a: [".to_owned(), "not valid YAML"),
        ("apiVersion: v1\nkind: ConfigMap\n".to_owned(), "The part metadata is missing"),
    ] {
        let refused = edited(&web, &yaml).unwrap_err().to_string();
        assert!(refused.contains(part), "{refused}");
    }
    let _ = names;
}
