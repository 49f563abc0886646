use serde_json::json;

use super::*;
use crate::spec::fields::FIELDS;
use crate::spec::{
    Applications, Budget, Console, Dashboard, Egress, EnvReference, EnvSource, Ingress, LabSource,
    LimitRange, NamespaceRole, Namespaces, Origin, Package, PathRules, Renderer, SecondaryNamespace,
    SecurityPolicy, SessionResources, SessionSpec, TerminalLayout,
};
use crate::yaml;

/// A resource of today with every field that a session has.
const FULL: &str = r#"
apiVersion: training.educates.dev/v1beta1
kind: Workshop
metadata:
  name: lab-full
spec:
  title: Everything
  description: All there is.
  vendor: example.test
  authors: [One, Two]
  version: "1.2"
  difficulty: advanced
  duration: 1h30m
  tags: [pods]
  labels:
  - name: id
    value: full
  logo: data:image/png;base64,AAAA
  url: https://example.test
  publish: {image: x}
  workshop: {image: "example.test/tools:3", files: [{git: {url: x}}], packages: [{name: p, files: []}]}
  request:
    parameters:
    - {name: WHO, value: nobody, aliases: [NAME]}
    - name: WHERE
    objects:
    - {kind: Secret}
  environment:
    objects:
    - {kind: ConfigMap}
  session:
    namespaces:
      role: edit
      budget: x-large
      limits:
        min: {cpu: 50m}
        max: {cpu: 1, memory: 1Gi}
        defaultRequest: {cpu: 50m}
        default: {memory: 512Mi}
      security:
        policy: baseline
        token: {enabled: false}
        rules:
        - {apiGroups: [""], resources: [pods], verbs: [get]}
      secondary:
      - name: $(session_namespace)-b
      - {name: $(session_namespace)-c, role: view, budget: small, limits: {min: {cpu: 10m}}, security: {policy: privileged}}
    resources: {memory: 2Gi, storage: 5Gi}
    env:
    - {name: COLOUR, value: red}
    - {name: EMPTY}
    - name: SECRET
      valueFrom: {secretKeyRef: {name: a, key: b}}
    envFrom:
    - {configMapRef: {name: all}}
    objects:
    - {kind: Deployment}
    patches: {containers: []}
    egress: dns
    dashboards:
    - {name: Help, url: "terminal:help"}
    ingresses:
    - {name: app, host: app.test, protocol: http, port: 8080}
    - {name: own, port: 9000}
    applications:
      terminal: {enabled: true, layout: split/2}
      editor: {enabled: true}
      console: {enabled: true, vendor: octant}
      slides: {enabled: true}
      files: {enabled: true}
      uploads: {enabled: true}
      examiner: {enabled: true}
      docker: {enabled: true}
      registry: {enabled: true}
      git: {enabled: true}
      vcluster: {enabled: true}
      sshd: {enabled: true}
      webdav: {enabled: true}
      workshop: {enabled: true, renderer: hugo, layout: tab, url: "https://x.test", path: public}
"#;

fn read_text(text: &str) -> ReadSpec {
    read(&yaml::parse(text).unwrap(), "resources/workshop.yaml")
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_field_of_a_resource_of_today_is_read() {
    let found = read_text(FULL);
    assert!(found.findings.diagnostics.is_empty(), "{:?}", found.findings.diagnostics);
    assert_eq!((found.name.as_deref(), found.is_eduk8s), (Some("lab-full"), false));
    let limits = LimitRange {
        min: Some(json!({"cpu": "50m"})),
        max: Some(json!({"cpu": 1, "memory": "1Gi"})),
        default_request: Some(json!({"cpu": "50m"})),
        default: Some(json!({"memory": "512Mi"})),
    };
    let namespaces = Namespaces {
        role: NamespaceRole::Edit,
        budget: Some(Budget::XLarge),
        limits: limits.clone(),
        policy: Some(SecurityPolicy::Baseline),
        token_enabled: false,
        rules: vec![json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})],
        secondary: vec![
            SecondaryNamespace {
                name: "$(session_namespace)-b".into(),
                role: NamespaceRole::Edit,
                budget: Some(Budget::XLarge),
                limits,
                policy: None,
            },
            SecondaryNamespace {
                name: "$(session_namespace)-c".into(),
                role: NamespaceRole::View,
                budget: Some(Budget::Small),
                limits: LimitRange { min: Some(json!({"cpu": "10m"})), ..LimitRange::default() },
                policy: Some(SecurityPolicy::Privileged),
            },
        ],
    };
    let applications = Applications {
        terminal: TerminalLayout::SplitTwo,
        editor: true,
        console: Some(Console { vendor: text("octant") }),
        slides: true,
        files: true,
        uploads: true,
        examiner: true,
        docker: true,
        registry: true,
        git: true,
        vcluster: true,
        sshd: true,
        webdav: true,
        renderer: Some(Renderer::Hugo),
    };
    let session = SessionSpec {
        namespaces,
        resources: SessionResources { memory: text("2Gi"), storage: text("5Gi") },
        env: vec![("COLOUR".into(), "red".into()), ("EMPTY".into(), String::new())],
        env_references: vec![
            EnvReference {
                name: String::new(),
                source: EnvSource::ConfigMap { name: "all".to_owned() },
                is_optional: false,
            },
            EnvReference {
                name: "SECRET".to_owned(),
                source: EnvSource::SecretKey { name: "a".to_owned(), key: "b".to_owned() },
                is_optional: false,
            },
        ],
        objects: vec![json!({"kind": "Deployment"})],
        patches: Some(json!({"containers": []})),
        dashboards: vec![Dashboard { name: "Help".into(), url: "terminal:help".into() }],
        ingresses: vec![
            Ingress { name: "app".into(), host: text("app.test"), protocol: text("http"), port: Some(8080) },
            Ingress { name: "own".into(), host: None, protocol: None, port: Some(9000) },
        ],
        applications,
        egress: Some(Egress::Dns),
    };
    let parameter = |name: &str, value: &str, aliases: &[&str]| RequestParameter {
        name: name.into(),
        value: value.into(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
    };
    let spec = LabSpec {
        title: text("Everything"),
        description: text("All there is."),
        authors: vec!["One".into(), "Two".into()],
        difficulty: Some(Difficulty::Advanced),
        duration_secs: Some(5400),
        tags: vec!["pods".into()],
        workbench_image: text("example.test/tools:3"),
        session,
        parameters: vec![parameter("WHO", "nobody", &["NAME"]), parameter("WHERE", "", &[])],
        environment_objects: vec![json!({"kind": "ConfigMap"})],
        files: vec![LabSource {
            origin: Origin::Git { url: "x".into(), reference: String::new() },
            path: String::new(),
            new_root: String::new(),
            rules: PathRules::default(),
            line: 21,
        }],
        packages: vec![Package { name: "p".into(), files: vec![] }],
        request_objects: vec![json!({"kind": "Secret"})],
    };
    assert_eq!(found.spec, spec);
}

#[test]
fn older_resources_mean_the_same() {
    let old = read_text(
        "apiVersion: training.eduk8s.io/v1alpha2\nkind: Workshop\nmetadata: {name: a}\nspec:\n  title: T\n  duration: 60m\n  \
         content: {image: x}\n  session:\n    namespaces:\n      budget: medium\n      security: {policy: nonroot}\n    \
         applications: {terminal: {layout: split}}\n",
    );
    assert!(old.is_eduk8s && old.findings.diagnostics.is_empty());
    assert_eq!(old.spec.session.namespaces.policy, Some(SecurityPolicy::Restricted));
    assert_eq!(old.spec.session.namespaces.budget, Some(Budget::Medium));
    assert_eq!(old.spec.session.applications.terminal, TerminalLayout::Split);

    let session = "session:\n  budget: large\n  role: view\n  limits: {min: {cpu: 1}}\n  security: {policy: anyuid}\n  namespaces:\n  - name: b\n";
    let indented: String = session.lines().map(|line| format!("  {line}\n")).collect();
    let head = "apiVersion: training.eduk8s.io/v1alpha1\nkind: Workshop\nmetadata: {name: a}\n";
    for text in [format!("{head}title: T\n{session}"), format!("{head}spec:\n  title: T\n{indented}")] {
        let oldest = read_text(&text);
        assert!(oldest.findings.diagnostics.is_empty(), "{:?}", oldest.findings.diagnostics);
        assert_eq!(oldest.spec.title.as_deref(), Some("T"));
        let namespaces = oldest.spec.session.namespaces;
        assert_eq!((namespaces.budget, namespaces.role), (Some(Budget::Large), NamespaceRole::View));
        assert_eq!(namespaces.limits.min, Some(json!({"cpu": 1})));
        assert_eq!(namespaces.policy, Some(SecurityPolicy::Baseline));
        assert_eq!(
            (namespaces.secondary[0].name.as_str(), namespaces.secondary[0].budget),
            ("b", Some(Budget::Large))
        );
    }
}

#[test]
fn older_policy_names_are_mapped_and_never_to_privileged() {
    for (name, policy) in [
        ("nonroot", Some(SecurityPolicy::Restricted)),
        ("anyuid", Some(SecurityPolicy::Baseline)),
        ("custom", Some(SecurityPolicy::Baseline)),
        ("root", None),
    ] {
        let found = read_text(&format!(
            "apiVersion: training.educates.dev/v1beta1\nspec:\n  session:\n    namespaces:\n      security: {{policy: {name}}}\n"
        ));
        assert_eq!(found.spec.session.namespaces.policy, policy, "{name}");
    }
}

#[test]
fn a_budget_called_default_is_none_of_the_labs_own() {
    let found = read_text(
        "apiVersion: training.educates.dev/v1beta1\nspec:\n  session:\n    namespaces:\n      budget: large\n      \
         secondary: [{name: a, budget: default}, {name: b}]\n",
    );
    let namespaces = found.spec.session.namespaces;
    let secondary: Vec<_> = namespaces.secondary.iter().map(|one| one.budget).collect();
    assert_eq!((namespaces.budget, secondary), (Some(Budget::Large), vec![None, Some(Budget::Large)]));
}

#[test]
fn what_a_resource_leaves_out_has_its_default() {
    let empty = read_text(
        "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {name: a}\nspec: {}\n",
    );
    assert_eq!(empty.spec, LabSpec::default());
    assert!(empty.spec.session.namespaces.token_enabled);
    assert!(read_text("kind: Workshop").findings.diagnostics[0].message.contains("apiVersion"));
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_costs_only_itself() {
    let found = read_text(
        "apiVersion: training.educates.dev/v1beta1\nspec:\n  duration: soon\n  difficulty: hard\n  tags: {a: b}\n  session:\n    \
         namespaces:\n      budget: huge\n    ingresses:\n    - {name: a, port: 70000}\n    - {name: b, port: 80}\n    env: text\n    \
         resources: {memory: 1Gi}\n",
    );
    let mut complaints: Vec<_> =
        found.findings.diagnostics.iter().map(|one| (one.line, one.code())).collect();
    complaints.sort_unstable();
    assert_eq!(
        complaints,
        [
            (3, "bad-duration"),
            (4, "unknown-word"),
            (5, "wrong-kind"),
            (8, "unknown-word"),
            (10, "bad-port"),
            (12, "wrong-kind"),
        ]
    );
    assert!(found.findings.diagnostics.iter().all(|one| one.severity == crate::Severity::Warning));
    let session = found.spec.session;
    assert_eq!(session.ingresses.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(session.resources.memory.as_deref(), Some("1Gi"));
}

#[test]
fn a_word_that_is_none_gives_what_a_lab_gets_without_it_or_less() {
    let found = read_text(
        "apiVersion: training.educates.dev/v1beta1\nspec:\n  session:\n    egress: everything\n    namespaces:\n      budget: \
         enormous\n      role: cluster-admin\n      security: {policy: wild}\n      secondary: [{name: a, role: custom, budget: 1}]\n",
    );
    let namespaces = &found.spec.session.namespaces;
    assert_eq!((namespaces.budget, namespaces.role, namespaces.policy), (None, NamespaceRole::View, None));
    assert_eq!((namespaces.secondary[0].role, namespaces.secondary[0].budget), (NamespaceRole::Custom, None));
    assert_eq!(found.spec.session.egress, Some(Egress::None));
    let said: Vec<_> = found.findings.diagnostics.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(said.contains(&"`role` cannot be \"cluster-admin\"; learners get `view`"), "{said:?}");
    assert!(said.contains(&"`budget` cannot be \"enormous\"; the lab gets `default`"), "{said:?}");
}

#[test]
fn rules_of_a_policy_engine_are_no_rights_and_no_fault() {
    let rules = |text: &str| {
        read_text(&format!(
            "apiVersion: training.educates.dev/v1beta1\nspec:\n  session:\n    namespaces:\n      security:\n        rules: {text}\n"
        ))
    };
    let kyverno = rules("{action: enforce, exclude: [require-ingress-session-name]}");
    assert!(kyverno.findings.diagnostics.is_empty(), "{:?}", kyverno.findings.diagnostics);
    assert!(kyverno.spec.session.namespaces.rules.is_empty());
    assert_eq!(rules("[{verbs: [get]}]").spec.session.namespaces.rules, [json!({"verbs": ["get"]})]);
    assert_eq!(rules("{exclude: {a: b}}").findings.diagnostics[0].code(), "wrong-kind");
}

#[test]
fn the_resource_of_learning_center_is_the_older_dialect() {
    let found = read_text(
        "apiVersion: learningcenter.tanzu.vmware.com/v1beta1\nkind: Workshop\nmetadata: {name: a}\nspec:\n  title: T\n  \
         content: {files: github.com/a/b}\n  session: {namespaces: {budget: small, security: {policy: nonroot}}}\n",
    );
    assert!(found.is_eduk8s && found.findings.diagnostics.is_empty(), "{:?}", found.findings.diagnostics);
    assert_eq!(found.spec.session.namespaces.budget, Some(Budget::Small));
    assert_eq!(found.spec.session.namespaces.policy, Some(SecurityPolicy::Restricted));
}

#[test]
fn a_duration_is_read_as_people_write_it() {
    assert_eq!(parse_duration("60m"), Some(3600));
    assert_eq!(parse_duration(" 1h30m "), Some(5400));
    assert_eq!(parse_duration("90"), Some(90));
    for wrong in ["", "soon", "m", "1w", "99999999999999999999h"] {
        assert_eq!(parse_duration(wrong), None, "{wrong}");
    }
}

/// Fields of the table that the resource above does not hold, since they are not for a session of today.
const BESIDE: &[&str] =
    &["session.role", "session.budget", "session.limits", "session.security.policy", "content.files"];

#[test]
fn every_field_that_is_acted_on_is_in_the_full_resource() {
    let document = yaml::parse(FULL).unwrap();
    for field in FIELDS.iter().filter(|field| field.effect == crate::spec::fields::Effect::Acted) {
        let mut nodes = vec![spec_of(&document)];
        for key in field.path.split('.') {
            nodes = nodes
                .into_iter()
                .flat_map(
                    |node| if node.items().is_empty() { vec![node] } else { node.items().iter().collect() },
                )
                .filter_map(|node| node.get(key))
                .collect();
        }
        assert!(!nodes.is_empty() || BESIDE.contains(&field.path), "{} is not read", field.path);
    }
}

#[test]
fn a_variable_whose_value_stands_elsewhere_is_kept_with_its_place() {
    let read = read_text(
        "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {name: lab-x}\nspec:\n  session:\n    env:\n    - {name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}\n    - {name: B, valueFrom: {configMapKeyRef: {name: c, key: k, optional: true}}}\n    - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}\n    - {name: D, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}\n    envFrom:\n    - {prefix: P_, secretRef: {name: all}}\n",
    );
    let session = &read.spec.session;
    assert!(session.env.is_empty() && read.findings.diagnostics.is_empty());
    let reference = |name: &str, source: EnvSource, is_optional: bool| EnvReference {
        name: name.into(),
        source,
        is_optional,
    };
    let (s, c, k) = (|| "s".to_owned(), || "c".to_owned(), || "k".to_owned());
    assert_eq!(
        session.env_references,
        [
            reference("P_", EnvSource::Secret { name: "all".to_owned() }, false),
            reference("A", EnvSource::SecretKey { name: s(), key: k() }, false),
            reference("B", EnvSource::ConfigMapKey { name: c(), key: k() }, true),
            reference("C", EnvSource::Field { path: "metadata.namespace".to_owned() }, false),
            reference("D", EnvSource::Other { key: "resourceFieldRef".to_owned() }, false),
        ]
    );
}
