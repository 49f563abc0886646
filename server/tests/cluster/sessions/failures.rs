//! Sessions that do not start: what the learner is told, that nothing is left, and that starting again works.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use lectern_api::labs::LabSummary;
use lectern_api::platform::Platform;
use lectern_api::sessions::{EndReason, NoticeAbout, Session, SessionState};
use serde_json::json;

use super::{allowing, check, end, fail_lab, real, run_lab, type_in, until, wait_for, write_lab};
use crate::harness::admin_client;
use crate::support::{Setting, TestApp, run_with};

const LAB: &str = "tried-lab";

#[test]
fn a_failed_set_up_is_told_with_its_output_and_the_next_script_runs_and_the_session_opens() {
    run_with(real(), async |app| {
        write_lab(
            app,
            LAB,
            "",
            &[
                ("workshop/setup.d/1.sh", "echo one step\necho 'no such tool: frobnicate' >&2\nexit 3\n"),
                ("workshop/setup.d/2.sh", "echo TRIED=again >> $WORKSHOP_ENV\n"),
                ("workshop/examiner/tests/runs", "#!/bin/sh\n[ \"$TRIED\" = again ]\n"),
            ],
        );
        let _reconciling = app.reconcile();
        let (ada, staff) = (app.learner("ada").await, app.instructor("staff").await);
        let session = run_lab(&ada, LAB).await;
        let [notice] = session.notices.as_slice() else { panic!("{:?}", session.notices) };
        assert_eq!(notice.about, NoticeAbout::SetUp);
        assert!(notice.message.contains("1.sh failed with exit status 3"), "{notice:?}");
        assert_eq!(notice.output.as_deref(), Some("one step\nno such tool: frobnicate"));
        assert!(check(&ada, session.id, "runs").await.passed);

        let labs: Vec<LabSummary> = staff.get("/api/v1/labs").await.json();
        let lab = labs.into_iter().find(|lab| lab.slug.as_str() == LAB).expect("the lab");
        let told = lab.warnings.iter().find(|one| one.file == "workshop/setup.d/1.sh").expect("a problem");
        assert!(told.hint.as_deref().is_some_and(|hint| hint.contains("frobnicate")), "{told:?}");
        end(&ada, session.id).await;
    });
}

/// Everything of the failed sessions goes, and their rows say so, with a reconciler or without.
async fn nothing_is_left_of_failed(app: &TestApp) {
    let _reconciling = app.reconcile();
    until("what failed sessions made is gone", async || {
        app.count("select count(*) from sessions where phase = 'failed' and removed_at is null").await == 0
    })
    .await;
}

#[test]
fn an_image_that_cannot_be_had_is_told_by_its_name() {
    let setting = Setting { workbench_image: Some("lectern/no-such-image:1"), ..real() };
    run_with(setting, async |app| {
        write_lab(app, LAB, "", &[]);
        let ada = app.learner("ada").await;
        let told = fail_lab(&ada, LAB).await;
        assert!(told.starts_with("The workbench image lectern/no-such-image:1 cannot be pulled: "), "{told}");
        nothing_is_left_of_failed(app).await;
    });
}

#[test]
fn an_object_that_cannot_be_made_is_told_by_its_name_and_reason_and_the_lab_starts() {
    run_with(allowing(json!({"objects": ["Widget.example.org"]})), async |app| {
        let _reconciling = app.reconcile();
        let ada = app.learner("ada").await;
        let objects = json!([
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}},
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}},
            {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [
                {"name": "p", "image": "httpd", "resources": {"limits": {"memory": "40Gi"}}}]}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q"}, "spec": {"containers": "none"}},
            {"apiVersion": "v1", "kind": "ConfigMap"},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fine"}},
        ]);
        write_lab(app, LAB, &format!("  session: {{objects: {objects}}}\n"), &[]);
        let session = run_lab(&ada, LAB).await;
        let told: Vec<&str> = session.notices.iter().map(|notice| notice.message.as_str()).collect();
        for (object, reason) in [
            ("ConfigMap c", "its namespace `default` is none of the session's"),
            ("Namespace n", "a session has only the namespaces that its lab names"),
            ("Widget w", "this cluster has no kind Widget in example.org/v1"),
            ("Pod p", ""),
            ("Pod q", "it is not a valid object of its kind"),
            ("ConfigMap ?", "it lacks its `apiVersion`, `kind` or `metadata.name`"),
        ] {
            let beginning = format!("The lab's {object} is missing in this session: {reason}");
            assert!(told.iter().any(|one| one.starts_with(&beginning)), "{beginning}: {told:#?}");
        }
        assert_eq!(told.len(), 6, "{told:#?}");
        let admin = admin_client().await.expect("KUBECONFIG names an administrator");
        let maps: Api<ConfigMap> = Api::namespaced(admin, &session.namespace);
        assert!(maps.get_opt("fine").await.expect("an answer").is_some());
        end(&ada, session.id).await;
    });
}

#[test]
fn a_deletion_that_hangs_ends_for_the_learner_and_is_told_to_operators_until_it_is_done() {
    run_with(real(), async |app| {
        write_lab(app, LAB, "", &[]);
        let (ada, staff) = (app.learner("ada").await, app.instructor("staff").await);
        let session = run_lab(&ada, LAB).await;
        let admin = admin_client().await.expect("KUBECONFIG names an administrator");
        let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &session.namespace);
        // the second one is for Kubernetes' own controllers to take off
        let finalizers = ["example.org/never", "kubernetes.io/pvc-protection"];
        let held = json!({"metadata": {"name": "held", "finalizers": finalizers}});
        let held = serde_json::from_value(held).expect("a config map");
        maps.create(&PostParams::default(), &held).await.expect("the namespace is there");

        let _reconciling = app.reconcile();
        ada.delete(&super::path(session.id)).await.expect(204);
        let hanging = async || {
            let platform: Platform = staff.get("/api/v1/platform").await.json();
            platform.notices.into_iter().find(|notice| notice.code == "deletion_hangs")
        };
        let namespaces: Api<Namespace> = Api::all(admin);
        until("the namespace says what holds it", async || {
            let found = namespaces.get_opt(&session.namespace).await.expect("the cluster answers");
            format!("{found:?}").contains("example.org/never")
        })
        .await;
        assert_eq!(hanging().await, None);
        let ending: Session = ada.get(&super::path(session.id)).await.json();
        assert_eq!(ending.state, SessionState::Ending);

        app.clock.advance(chrono::TimeDelta::minutes(2));
        let over = wait_for(&ada, session.id, |state| matches!(state, SessionState::Ended { .. })).await;
        assert_eq!(over.state, SessionState::Ended { reason: EndReason::Learner });
        let notice = hanging().await.expect("a notice");
        assert!(notice.message.contains(&format!("namespace {}", session.namespace)), "{notice:?}");
        assert!(notice.message.contains("kubernetes.io/pvc-protection"), "{notice:?}");
        assert_eq!(app.count("select count(*) from sessions where removed_at is null").await, 1);
        // a new session of the lab is not kept waiting
        let again = run_lab(&ada, LAB).await;
        assert_ne!(again.id, session.id);
        until("what no controller takes off is taken off", async || {
            let held = maps.get_opt("held").await.expect("the cluster answers");
            let left = held.and_then(|map| map.metadata.finalizers).unwrap_or_default();
            left == ["kubernetes.io/pvc-protection"]
        })
        .await;

        app.clock.advance(chrono::TimeDelta::minutes(5));
        until("the rest is gone and noted", async || {
            app.count("select count(*) from sessions where phase = 'ended' and removed_at is not null").await
                == 1
        })
        .await;
        assert_eq!(hanging().await, None);
        end(&ada, again.id).await;
    });
}

#[test]
fn what_is_taken_away_of_a_learners_rights_comes_back_within_seconds() {
    run_with(real(), async |app| {
        write_lab(app, LAB, "", &[]);
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, LAB).await;
        let _reconciling = app.reconcile();
        let admin = admin_client().await.expect("KUBECONFIG names an administrator");
        let bindings: Api<RoleBinding> = Api::namespaced(admin.clone(), &session.namespace);
        let policies: Api<NetworkPolicy> = Api::namespaced(admin, &session.namespace);
        let now = DeleteParams::default();
        bindings.delete("lectern-learner", &now).await.expect("it is there");
        policies.delete("lectern", &now).await.expect("it is there");
        until("the binding and the policy are back", async || {
            let (binding, policy) =
                tokio::join!(bindings.get_opt("lectern-learner"), policies.get_opt("lectern"));
            binding.expect("the cluster answers").is_some() && policy.expect("the cluster answers").is_some()
        })
        .await;
        type_in(&ada, session.id, "kubectl auth can-i create pods\r", "yes").await;
        end(&ada, session.id).await;
    });
}
