//! Snapshots of every object: a change of what reaches the cluster is seen in review.

use insta::assert_yaml_snapshot;
use lectern_api::ids::SessionId;

use super::super::{
    Amounts, Budget, ContainerLimits, Egress, NamespaceRole, NamespaceSpec, NetworkFacts, SecurityPolicy,
    SessionNames, SessionSpec,
};
use super::*;

const INSTANCE: &str = "lectern-workbenches";

const PLACE: workbench::Placement<'_> = workbench::Placement {
    instance: INSTANCE,
    default_image: "lectern/workbench:latest",
    home_claim: None,
    priority_class: Some(priority::WORKBENCH),
};

fn spec() -> SessionSpec {
    let session: SessionId = "01890000-0000-7000-8000-000000000001".parse().unwrap();
    SessionSpec {
        names: SessionNames {
            session,
            namespace: "lab-seed-abcdefghij".to_owned(),
            secondary: vec![],
            workbench: "wb-abcdefghijklmnop".to_owned(),
        },
        role: NamespaceRole::Edit,
        budget: Budget::Small,
        security: SecurityPolicy::Restricted,
        ..SessionSpec::new(session, "seed".parse().unwrap())
    }
}

fn main_of(spec: &SessionSpec) -> NamespaceSpec {
    spec.namespaces().swap_remove(0)
}

fn with_second_namespace() -> SessionSpec {
    let mut spec = spec();
    spec.names.secondary = vec!["lab-seed-abcdefghij-dev".to_owned()];
    spec.secondary = vec![NamespaceSpec {
        name: "lab-seed-abcdefghij-dev".to_owned(),
        role: NamespaceRole::View,
        budget: Budget::Custom,
        limits: ContainerLimits::default(),
        security: SecurityPolicy::Baseline,
    }];
    spec
}

fn network() -> NetworkFacts {
    NetworkFacts {
        api_addresses: ["10.96.0.1".parse().unwrap(), "10.88.0.1".parse().unwrap()].into(),
        api_ports: [443, 6443].into(),
        dns_addresses: ["10.96.0.10".parse().unwrap(), "fd00::a".parse().unwrap()].into(),
        dns_ports: [53].into(),
        denied: ["8.8.0.0/16".parse().unwrap(), "2606::/16".parse().unwrap()].into(),
        ingress_namespace: Some("ingress".to_owned()),
    }
}

#[test]
fn a_session_reaches_the_api_server_and_as_much_else_as_it_may() {
    for (reach, rules) in [(Egress::None, 1), (Egress::Dns, 2), (Egress::Internet, 3)] {
        let policy = network_policy::workbenches(reach, INSTANCE, &network()).spec.unwrap();
        let egress = policy.egress.unwrap();
        assert_eq!(egress.len(), rules, "{reach:?}");
        let text = serde_json::to_string(&egress).unwrap();
        assert_eq!(text.contains("kube-dns"), reach >= Egress::Dns, "{reach:?}");
        assert_eq!(text.contains("0.0.0.0/0"), reach == Egress::Internet, "{reach:?}");
        assert!(text.contains("10.96.0.1/32"), "{reach:?}");
        let spec = SessionSpec { egress: reach, ..spec() };
        let learner = network_policy::learner(&spec, &main_of(&spec), INSTANCE, &network());
        // and the session's own pods
        let own = learner.spec.clone().unwrap().egress.unwrap();
        assert_eq!((own.len(), &own[1..]), (rules + 1, egress.as_slice()), "{reach:?}");
        assert_eq!(network_policy::refreshed(&learner, &network()), None);
        let moved = NetworkFacts { api_addresses: ["10.96.0.7".parse().unwrap()].into(), ..network() };
        let refreshed = network_policy::refreshed(&learner, &moved).unwrap();
        assert_eq!(refreshed, network_policy::learner(&spec, &main_of(&spec), INSTANCE, &moved));
    }
}

#[test]
fn a_workbench_is_held_by_the_one_policy_of_its_reach() {
    let selector = |reach| {
        let policy = network_policy::workbenches(reach, INSTANCE, &network());
        let selector = policy.spec.unwrap().pod_selector.unwrap();
        serde_json::to_value(selector.match_expressions).unwrap()
    };
    let of = |operator: &str, values: &[&str]| serde_json::json!([{"key": labels::EGRESS, "operator": operator, "values": values}]);
    assert_eq!(selector(Egress::None), of("In", &["none"]));
    assert_eq!(selector(Egress::Dns), of("In", &["dns"]));
    assert_eq!(selector(Egress::Internet), of("NotIn", &["none", "dns"]));
}

#[test]
fn a_kept_home_is_a_claim_that_goes_with_the_learners_namespace() {
    assert_yaml_snapshot!("home", home::claim(&spec(), INSTANCE, "local", "0b1c"));
    let spec = spec();
    let pod =
        workbench::pod(&spec, &workbench::Placement { home_claim: Some(home::name(&spec.names)), ..PLACE });
    let volumes = pod.spec.and_then(|spec| spec.volumes).unwrap_or_default();
    assert_yaml_snapshot!("workbench_kept_home", volumes[0]);
}

#[test]
fn namespaces_enforce_a_pod_security_policy_and_say_whose_they_are() {
    assert_yaml_snapshot!("namespace_learner", namespace::learner(&spec(), &main_of(&spec()), INSTANCE));
    assert_yaml_snapshot!("namespace_workbenches", namespace::workbenches(INSTANCE));
}

#[test]
fn the_learner_gets_one_role_in_one_namespace() {
    assert_yaml_snapshot!("learner_account", rbac::learner_account(&spec(), INSTANCE, "0b1c"));
    let binding = rbac::learner_binding(&spec(), &main_of(&spec()), INSTANCE).unwrap();
    assert_yaml_snapshot!("learner_binding", binding);
    assert_yaml_snapshot!("workbench_account", rbac::workbench_account(INSTANCE));
}

#[test]
fn a_learner_whose_rights_are_the_labs_own_affair_gets_no_role() {
    let space = NamespaceSpec { role: NamespaceRole::Custom, ..main_of(&spec()) };
    assert_eq!(rbac::learner_binding(&spec(), &space, INSTANCE), None);
    let mut with_objects = spec();
    with_objects.objects.push(serde_json::json!({"kind": "RoleBinding"}));
    assert!(rbac::lab_binding(&with_objects, &space, INSTANCE).is_some(), "the lab can still make objects");
}

#[test]
fn a_budget_becomes_quotas_and_limits() {
    assert_yaml_snapshot!("quotas", quota::quotas(&spec(), &main_of(&spec()), INSTANCE));
    assert_yaml_snapshot!("limit_range", limits::limit_range(&spec(), &main_of(&spec()), INSTANCE));
}

#[test]
fn a_custom_budget_bounds_disk_and_objects_and_what_the_lab_says() {
    let mut spec = SessionSpec { budget: Budget::Custom, ..spec() };
    let quotas = quota::quotas(&spec, &main_of(&spec), INSTANCE);
    let names: Vec<_> = quotas.iter().filter_map(|quota| quota.metadata.name.as_deref()).collect();
    assert_eq!(names, ["lectern-objects", "lectern-critical"]);
    spec.limits = ContainerLimits {
        max: Amounts { cpu: None, memory: Some("3Gi".to_owned()) },
        ..ContainerLimits::default()
    };
    assert_yaml_snapshot!("limit_range_custom", limits::limit_range(&spec, &main_of(&spec), INSTANCE));
}

#[test]
fn policies_shut_everything_that_is_not_named() {
    let main = main_of(&spec());
    assert_yaml_snapshot!(
        "network_policy_learner",
        network_policy::learner(&spec(), &main, INSTANCE, &network())
    );
    assert_yaml_snapshot!(
        "network_policy_workbenches",
        network_policy::workbenches(Egress::Internet, INSTANCE, &network())
    );
    assert_yaml_snapshot!("network_policy_workbench", network_policy::workbench(&spec(), INSTANCE));
    assert_yaml_snapshot!("network_policy_default_deny", network_policy::default_deny_ingress(INSTANCE));
}

#[test]
fn a_second_namespace_has_its_own_terms_and_the_same_learner() {
    let spec = with_second_namespace();
    let second = spec.namespaces().swap_remove(1);
    assert_yaml_snapshot!("second_namespace", namespace::learner(&spec, &second, INSTANCE));
    assert_yaml_snapshot!("second_binding", rbac::learner_binding(&spec, &second, INSTANCE).unwrap());
    let policy = network_policy::learner(&spec, &second, INSTANCE, &network());
    let ingress = policy.spec.and_then(|spec| spec.ingress);
    assert_yaml_snapshot!("second_network_policy_ingress", ingress);
}

#[test]
fn rights_that_a_lab_adds_are_a_role_in_the_learners_namespace() {
    let mut spec = spec();
    assert!(rbac::extra_rights(&spec, INSTANCE).unwrap().is_none());
    spec.rules = vec![serde_json::json!({
        "apiGroups": ["example.org"], "resources": ["widgets"], "verbs": ["get", "list"],
    })];
    assert_yaml_snapshot!("extra_rights", rbac::extra_rights(&spec, INSTANCE).unwrap());
    spec.rules = vec![serde_json::json!("everything")];
    assert!(rbac::extra_rights(&spec, INSTANCE).is_err());
}

#[test]
fn the_workbench_is_restricted_and_carries_no_token() {
    assert_yaml_snapshot!("workbench", workbench::pod(&spec(), &PLACE));
}

#[test]
fn a_workbench_of_another_image_gets_the_agent_from_ours() {
    let mut spec = spec();
    spec.workbench.image = Some("example.com/lab/tools:3".to_owned());
    assert_yaml_snapshot!("workbench_own_image", workbench::pod(&spec, &PLACE));
    spec.workbench.image = Some("lectern/workbench:latest".to_owned());
    let named = workbench::pod(&spec, &PLACE);
    spec.workbench.image = None;
    assert_eq!(named, workbench::pod(&spec, &PLACE));
}

#[test]
fn a_lab_may_name_its_own_workbench_image() {
    let mut spec = spec();
    spec.workbench.image = Some("example.org/bench:2".to_owned());
    let pod = workbench::pod(&spec, &PLACE);
    assert_eq!(pod.spec.unwrap().containers[0].image.as_deref(), Some("example.org/bench:2"));
}

fn owner() -> k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
    labels::owner_namespace(INSTANCE, "0b1c")
}

#[test]
fn the_guard_bounds_what_learners_write_and_what_runs() {
    assert_yaml_snapshot!("guard", guard::policies(INSTANCE, &owner(), &guard::GuardSettings::default()));
}

#[test]
fn the_guard_follows_the_operator_and_the_cluster() {
    let settings = guard::GuardSettings {
        ingress_suffix: Some("learners.example.org".to_owned()),
        preview_domain: Some("previews.example.org".to_owned()),
        extended_resources: vec!["example.com/gpu".to_owned()],
        default_priority_class: Some("ordinary".to_owned()),
        reserved_nodes: vec!["control-1".to_owned()],
    };
    let text = serde_json::to_string(&guard::policies(INSTANCE, &owner(), &settings)).unwrap();
    for wanted in [
        ".learners.example.org",
        ".previews.example.org",
        "example.com/gpu",
        "ordinary",
        "control-1",
        "ExternalName",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
}

#[test]
fn learners_roles_are_our_own_and_nothing_aggregates_into_them() {
    assert_yaml_snapshot!("roles", roles::learners(INSTANCE, &owner()));
    assert_yaml_snapshot!("roles_cluster_wide", roles::cluster_wide(INSTANCE, &owner()));
    assert_yaml_snapshot!("priority_class", priority::workbench());
}

#[test]
fn checks_share_the_learners_files_with_the_workbench_and_nothing_else() {
    let mut pod = workbench::pod(&spec(), &PLACE);
    assert_eq!(checks::usable(&pod), None);
    let first = checks::next(&pod).unwrap();
    assert_yaml_snapshot!("checks", first);
    pod.spec.as_mut().unwrap().ephemeral_containers = Some(vec![first]);
    assert_eq!(checks::usable(&pod).as_deref(), Some("checks-1"));
    pod.status = serde_json::from_value(serde_json::json!({"ephemeralContainerStatuses": [{
        "name": "checks-1", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 137}},
    }]}))
    .unwrap();
    assert_eq!(checks::usable(&pod), None);
    assert_eq!(checks::next(&pod).unwrap().name, "checks-2");
}
