//! What a lab's definition says of a session takes effect in it.

use std::collections::BTreeMap;

use lectern_api::sessions::Session;
use serde_json::json;

use super::{allowing, check, is_running, real, run_lab, start, type_in, wait_for, write_lab};
use crate::support::run_with;

const SPEC: &str = r#"
  request:
    parameters:
    - {name: COLOUR, value: red}
  environment:
    objects:
    - apiVersion: v1
      kind: ConfigMap
      metadata: {name: shared, namespace: $(workshop_namespace)}
      data: {lab: $(workshop_name)}
  session:
    namespaces:
      role: edit
      budget: small
      limits: {default: {memory: 300Mi}}
      security:
        policy: restricted
        rules:
        - {apiGroups: [authorization.k8s.io], resources: [localsubjectaccessreviews], verbs: [create]}
        - {apiGroups: [""], resources: [resourcequotas], verbs: [delete]}
      secondary:
      - name: $(session_namespace)-dev
        role: view
        budget: large
        security: {policy: baseline}
    env:
    - {name: GREETING, value: "hello $(COLOUR) from $(session_namespace)"}
    - {name: PAINTED, valueFrom: {configMapKeyRef: {name: painted, key: colour}}}
    - {name: ABSENT, valueFrom: {secretKeyRef: {name: nowhere, key: x}}}
    objects:
    - apiVersion: v1
      kind: List
      items:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: painted}
        data: {colour: $(COLOUR), namespace: $(session_namespace)}
    - apiVersion: v1
      kind: Secret
      metadata: {name: over-there, namespace: $(session_namespace)-dev}
      stringData: {colour: $(COLOUR)}
    - apiVersion: v1
      kind: Pod
      metadata: {name: early, namespace: $(session_namespace)-dev}
      spec: {containers: [{name: main, image: httpd}]}
    applications: {terminal: {layout: split}}
"#;

/// Run by the learner's own tools, with their rights.
const CHECK: &str = r#"#!/bin/bash
set -eu
same() { [ "$1" = "$2" ] || { echo "$3: '$1', not '$2'"; exit 1; }; }
get() { kubectl get "$@"; }
ns=$SESSION_NAMESPACE
same "$GREETING" "hello blue from $ns" env
same "$COLOUR" blue parameter
same "$PAINTED" blue "env with a reference"
same "$INGRESS_DOMAIN" localhost "ingress domain"
same "$SESSION_URL" "http://$ns.localhost$INGRESS_PORT_SUFFIX" "session URL"
same "$(cat /home/eduk8s/made-by-setup)" blue "the home under its other name"
same "$SET_UP" "by script: blue" WORKSHOP_ENV
same "$(cat ~/made-by-setup)" "blue" "set-up saw the objects"
same "$(get cm painted -o jsonpath='{.data.colour}/{.data.namespace}')" "blue/$ns" "session object"
same "$(get cm shared -o jsonpath='{.data.lab}')" whole-lab "environment object"
same "$(get quota lectern-compute -o jsonpath='{.spec.hard.limits\.memory}')" 1Gi budget
same "$(get quota -n $ns-dev lectern-compute -o jsonpath='{.spec.hard.limits\.memory}')" 4Gi "second budget"
same "$(get limits lectern -o jsonpath='{.spec.limits[0].default.memory}')" 300Mi limits
same "$(get pod -n $ns-dev early -o jsonpath='{.spec.containers[0].image}')" httpd "object in the second namespace"
same "$(kubectl auth can-i create deployments)" yes "role edit"
same "$(kubectl auth can-i create rolebindings || true)" no "role edit"
same "$(kubectl auth can-i create localsubjectaccessreviews)" yes "rules"
same "$(kubectl auth can-i delete resourcequotas || true)" no "rules"
same "$(kubectl auth can-i create pods -n $ns-dev || true)" no "role view"
same "$(kubectl auth can-i list pods -n $ns-dev)" yes "role view"
same "$(kubectl auth can-i list pods -n default || true)" no "other namespaces"
if kubectl run root --image=httpd --dry-run=server 2>~/refused; then echo "restricted lets root run"; exit 1; fi
grep -q 'violates PodSecurity "restricted' ~/refused
"#;

#[test]
fn everything_that_a_definition_says_of_a_session_takes_effect() {
    run_with(allowing(json!({"rules": true})), async |app| {
        write_lab(
            app,
            "whole-lab",
            SPEC,
            &[
                ("workshop/examiner/tests/sees-it", CHECK),
                (
                    "workshop/setup.d/1-read.sh",
                    "set -e\nkubectl get cm painted -o jsonpath='{.data.colour}' > ~/made-by-setup\n\
                     echo \"SET_UP=by script: $(cat ~/made-by-setup)\" >> $WORKSHOP_ENV\n",
                ),
                ("workshop/bin/labs-tool", "#!/bin/sh\necho the labs tool ran\n"),
                ("bin/homes-tool", "#!/bin/sh\necho the homes tool ran\n"),
                ("workshop/profile", "export FROM_PROFILE=profiled\n"),
                ("exercises/note.txt", "read me"),
            ],
        );
        let ada = app.learner("ada").await;
        let session: Session =
            start(&ada, "whole-lab", &BTreeMap::from([("COLOUR", "blue")])).await.expect(201).json();
        let session = wait_for(&ada, session.id, is_running).await;
        let told: Vec<_> = session.notices.iter().map(|notice| notice.message.as_str()).collect();
        assert!(told.iter().any(|one| one.contains("ABSENT") && one.contains("nowhere")), "{told:?}");
        assert_eq!((session.terminals.len(), session.terminal_layout.as_str()), (2, "split"));
        let outcome = check(&ada, session.id, "sees-it").await;
        assert!(outcome.passed, "{}", outcome.output);
        let shown =
            type_in(&ada, session.id, "echo $FROM_PROFILE in $PWD: $(cat note.txt).\r", "read me.\r\n").await;
        assert!(shown.contains("profiled in /home/learner/exercises: read me."), "{shown}");
        type_in(&ada, session.id, "labs-tool\r", "the labs tool ran").await;
        type_in(&ada, session.id, "homes-tool\r", "the homes tool ran").await;
        let folders =
            "for d in /home/eduk8s /opt/eduk8s /opt/packages; do touch $d/x && echo $d is ours; done\r";
        let shown = type_in(&ada, session.id, folders, "/opt/packages is ours").await;
        assert!(shown.contains("/home/eduk8s is ours") && shown.contains("/opt/eduk8s is ours"), "{shown}");
    });
}

#[test]
fn a_lab_that_wants_no_token_gives_none() {
    run_with(real(), async |app| {
        let spec = "  session:\n    namespaces:\n      security: {token: {enabled: false}}\n";
        let look = "#!/bin/bash\n[ ! -e ~/.kube/config ] || exit 1\n! kubectl get pods 2>/dev/null\n";
        write_lab(app, "no-token", spec, &[("workshop/examiner/tests/has-none", look)]);
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "no-token").await;
        let outcome = check(&ada, session.id, "has-none").await;
        assert!(outcome.passed, "{}", outcome.output);
        assert_eq!(app.count("select count(*) from sessions where token_expires_at is not null").await, 0);
    });
}
