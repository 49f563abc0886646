use serde_json::json;

use super::*;
use crate::spec::SecondaryNamespace;

/// A lab that asks for everything.
fn greedy() -> LabSpec {
    let mut spec = LabSpec { workbench_image: Some("evil.example/tools:1".to_owned()), ..LabSpec::default() };
    let session = &mut spec.session;
    session.egress = Some(Egress::Internet);
    session.resources.memory = Some("64Gi".to_owned());
    session.resources.storage = Some("1Ti".to_owned());
    session.namespaces.policy = Some(SecurityPolicy::Privileged);
    session.namespaces.budget = Some(Budget::Custom);
    session.namespaces.rules =
        vec![json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["patch"]})];
    session.namespaces.secondary = vec![SecondaryNamespace {
        name: "$(session_namespace)-b".to_owned(),
        budget: Some(Budget::XLarge),
        policy: Some(SecurityPolicy::Privileged),
        ..SecondaryNamespace::default()
    }];
    session.objects = vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fine"}}),
        json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "root"},
             "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": []},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "too"}},
        ]}),
    ];
    spec
}

#[test]
fn a_lab_that_asks_for_everything_gets_what_is_allowed_and_each_refusal_is_told() {
    let (granted, found) = allow(&greedy(), &Allowances::default());
    let session = &granted.session;
    assert_eq!(granted.workbench_image, None);
    assert_eq!(session.namespaces.policy, Some(SecurityPolicy::Baseline));
    assert_eq!(session.namespaces.budget, Some(Budget::Large));
    assert!(session.namespaces.rules.is_empty());
    let second = &session.namespaces.secondary[0];
    assert_eq!((second.policy, second.budget), (Some(SecurityPolicy::Baseline), Some(Budget::Large)));
    assert_eq!(session.resources.memory.as_deref(), Some("2Gi"));
    assert_eq!(session.resources.storage.as_deref(), Some("5Gi"));
    let names: Vec<_> = session.objects.iter().map(|one| one["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["fine", "too"]);

    let lab = "greedy".parse().unwrap();
    let told: Vec<String> =
        found.iter().map(|one| format!("{} ({})", one.message(), one.hint(&lab))).collect();
    for part in [
        "`privileged` and gets `baseline`",
        "labs: {greedy: {allow: {policy: privileged}}}",
        "allow: {budget: custom}",
        "allow: {budget: x-large}",
        "allow: {images: [evil.example/tools:1]}",
        "allow: {rules: true}",
        "allow: {resources: {memory: 64Gi}}",
        "allow: {resources: {storage: 1Ti}}",
        "RoleBinding root is left out: it binds the cluster role `cluster-admin`",
        "no setting allows it",
    ] {
        assert!(told.iter().any(|one| one.contains(part)), "{part} in {told:#?}");
    }
    assert_eq!(found.len(), 9, "{told:#?}");
    for one in &found {
        assert!(!one.for_learners().is_empty() && !one.for_learners().contains("allow"));
    }
}

#[test]
fn what_an_operator_allows_a_lab_gets_but_never_what_passes_a_sessions_bounds() {
    let allowances = Allowances {
        policy: SecurityPolicy::Privileged,
        budget: Budget::Custom,
        images: vec!["*".parse().unwrap()],
        rules: true,
        memory: "64Gi".parse().unwrap(),
        storage: "2Ti".parse().unwrap(),
        ..Allowances::default()
    };
    let (granted, found) = allow(&greedy(), &allowances);
    assert!(is_privileged(&granted));
    assert_eq!(granted.session.namespaces.budget, Some(Budget::Custom));
    assert_eq!(granted.workbench_image.as_deref(), Some("evil.example/tools:1"));
    assert_eq!(granted.session.resources.memory.as_deref(), Some("64Gi"));
    assert!(granted.session.namespaces.rules.is_empty());
    let places: Vec<Place> = found.iter().map(|one| one.place).collect();
    assert_eq!(places, [Place::Rule(0), Place::SessionObject(1)]);
}

#[test]
fn a_lab_that_asks_for_nothing_gets_the_usual_and_never_more_than_is_allowed() {
    let (granted, found) = allow(&LabSpec::default(), &Allowances::default());
    assert!(found.is_empty());
    assert_eq!(granted.session.namespaces.policy, Some(SecurityPolicy::Baseline));
    assert_eq!(granted.session.egress, Some(Egress::Internet));
    let tight = Allowances {
        policy: SecurityPolicy::Restricted,
        budget: Budget::Small,
        egress: Egress::None,
        ..Allowances::default()
    };
    let (granted, found) = allow(&LabSpec::default(), &tight);
    // nothing was asked for, so nothing is refused
    assert!(found.is_empty(), "{found:?}");
    let namespaces = &granted.session.namespaces;
    assert_eq!(
        (namespaces.policy, namespaces.budget),
        (Some(SecurityPolicy::Restricted), Some(Budget::Small))
    );
    assert_eq!(granted.session.egress, Some(Egress::None));
}

#[test]
fn the_lesser_of_wish_and_allowance_is_what_a_session_may_reach() {
    for (wish, allowed, granted, refusals) in [
        (Some(Egress::None), Egress::Internet, Egress::None, 0),
        (Some(Egress::Dns), Egress::None, Egress::None, 1),
        (Some(Egress::Internet), Egress::Dns, Egress::Dns, 1),
        (None, Egress::Dns, Egress::Dns, 0),
    ] {
        let mut spec = LabSpec::default();
        spec.session.egress = wish;
        let (got, found) = allow(&spec, &Allowances { egress: allowed, ..Allowances::default() });
        assert_eq!((got.session.egress, found.len()), (Some(granted), refusals), "{wish:?} {allowed:?}");
    }
}

#[test]
fn a_size_that_cannot_be_read_is_not_passed_on() {
    let mut spec = LabSpec::default();
    spec.session.resources.memory = Some("lots".to_owned());
    let (granted, found) = allow(&spec, &Allowances::default());
    assert_eq!(granted.session.resources.memory.as_deref(), Some("2Gi"));
    assert_eq!(found.len(), 1);
}

#[test]
fn a_budget_of_its_own_is_allowed_with_the_objects_that_make_it() {
    let custom = Allowances { budget: Budget::Custom, ..Allowances::default() };
    for kind in ["ResourceQuota", "LimitRange"] {
        assert!(custom.trusts_kind("v1", kind) && !Allowances::default().trusts_kind("v1", kind));
        assert!(!custom.trusts_kind("example.org/v1", kind));
    }
}
