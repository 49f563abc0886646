//! A lab that asks for more than it is allowed starts, and gets less.

use k8s_openapi::api::core::v1::{Namespace, Pod, ResourceQuota};
use kube::Api;
use lectern_api::labs::LabSummary;

use super::{allowing, end, real, run_lab, write_lab};
use crate::harness::admin_client;
use crate::support::run_with;
use serde_json::json;

const LAB: &str = "greedy-lab";

/// Asks to be root on the node in every way that there is.
const SPEC: &str = r#"
  workshop: {image: "evil.example/tools:1"}
  session:
    namespaces:
      budget: xxx-large
      security:
        policy: privileged
        rules:
        - {apiGroups: [""], resources: [namespaces], verbs: [patch]}
    resources: {memory: 64Gi}
    objects:
    - apiVersion: v1
      kind: ConfigMap
      metadata: {name: fine}
    - apiVersion: rbac.authorization.k8s.io/v1
      kind: RoleBinding
      metadata: {name: innocent}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
      subjects: [{kind: ServiceAccount, name: default, namespace: $(session_namespace)}]
    - apiVersion: v1
      kind: Pod
      metadata: {name: node}
      spec:
        containers: [{name: main, image: httpd, securityContext: {privileged: true}}]
"#;

#[test]
fn a_lab_that_asks_to_be_root_on_the_node_starts_and_is_not() {
    run_with(real(), async |app| {
        write_lab(app, LAB, SPEC, &[]);
        let _reconciling = app.reconcile();
        let (ada, staff) = (app.learner("ada").await, app.instructor("staff").await);
        let session = run_lab(&ada, LAB).await;
        let admin = admin_client().await.expect("KUBECONFIG names an administrator");
        let namespaces: Api<Namespace> = Api::all(admin.clone());
        let namespace = namespaces.get(&session.namespace).await.expect("the session's namespace");
        let labels = namespace.metadata.labels.unwrap_or_default();
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
        let quotas: Api<ResourceQuota> = Api::namespaced(admin.clone(), &session.namespace);
        let quota = quotas.get("lectern-compute").await.expect("a quota").spec.and_then(|spec| spec.hard);
        assert_eq!(quota.expect("numbers")["limits.memory"].0, "4Gi");
        let pods: Api<Pod> = Api::namespaced(admin, &session.namespace);
        assert!(pods.get_opt("node").await.expect("an answer").is_none());

        // whoever may mend it is told, before the start and of what only the cluster refused
        let labs: Vec<LabSummary> = staff.get("/api/v1/labs").await.json();
        let lab = labs.into_iter().find(|lab| lab.slug.as_str() == LAB).expect("the lab");
        let told = format!("{:#?}", lab.warnings);
        for part in [
            "policy: privileged",
            "budget: xxx-large",
            "rules: true",
            "memory: 64Gi",
            "evil.example/tools:1",
            "RoleBinding innocent is left out",
            "Pod node is left out",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        end(&ada, session.id).await;
    });
}

#[test]
fn a_lab_that_the_operator_trusts_is_privileged() {
    run_with(allowing(json!({"policy": "privileged"})), async |app| {
        let spec = SPEC.replace("  workshop: {image: \"evil.example/tools:1\"}\n", "");
        write_lab(app, LAB, &spec.replace("xxx-large", "small").replace("64Gi", "256Mi"), &[]);
        let _reconciling = app.reconcile();
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, LAB).await;
        let admin = admin_client().await.expect("KUBECONFIG names an administrator");
        let pods: Api<Pod> = Api::namespaced(admin, &session.namespace);
        assert!(pods.get_opt("node").await.expect("an answer").is_some());
        end(&ada, session.id).await;
    });
}
