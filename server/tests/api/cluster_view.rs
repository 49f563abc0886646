//! The cluster view: what can be named, and when there is one. What it shows is tested where there is a node.

use lectern_api::cluster_view::{ClusterChanges, ObjectKind};
use lectern_api::ids::SessionId;
use serde_json::json;

use crate::support::client::Client;
use crate::support::lab_folder::LAB;
use crate::support::stream::EventStream;
use crate::support::{TestApp, run};

async fn namespace_of(app: &TestApp, session: SessionId) -> String {
    sqlx::query_scalar("select namespace from sessions where id = $1")
        .bind(session.0)
        .fetch_one(&app.pool)
        .await
        .expect("the session is there")
}

/// A learner with a session, its address in the view, and its namespace.
async fn learner(app: &TestApp, name: &str) -> (Client, String, String) {
    let learner = app.learner(name).await;
    let session = app.running_session(learner.id()).await;
    let namespace = namespace_of(app, session).await;
    (learner, format!("/api/v1/sessions/{session}/cluster"), namespace)
}

#[test]
fn nothing_outside_of_the_sessions_own_namespaces_can_be_named() {
    run(async |app| {
        let (ada, view, own) = learner(app, "ada").await;
        let (_, _, theirs) = learner(app, "eve").await;
        let workbenches = app.services.cluster.workbench_namespace().to_owned();
        let spaces = ["default", "kube-system", "%2e%2e", "lab-x", &theirs, &workbenches];
        let names = ["%2e%2e", "..%2f..%2fnodes", "a%2fb", "a%3fx=y", "A", "a%00", "%2e", "a..b"];
        let all =
            spaces.iter().map(|space| (*space, "web")).chain(names.iter().map(|name| (own.as_str(), *name)));
        for (space, name) in all {
            let object = format!("{view}/objects/secrets/{space}/{name}");
            ada.get(&object).await.problem(404, "not_found");
            ada.delete(&object).await.problem(404, "not_found");
            ada.put(&object, &json!({"yaml": "a: b"})).await.problem(404, "not_found");
            ada.get(&format!("{view}/pods/{space}/{name}/logs")).await.problem(404, "not_found");
        }
        for kind in ["nodes", "serviceaccounts", "roles", "pods%2flog", "%2e%2e", "Pod"] {
            ada.get(&format!("{view}/objects/{kind}/{own}/web")).await.problem(404, "not_found");
        }
        // what can be named is Kubernetes' to refuse
        let refused =
            ada.get(&format!("{view}/objects/secrets/{own}/web")).await.problem(422, "object_refused");
        assert!(refused.detail.starts_with("You may not do this with Secret web"), "{refused:?}");
        assert!(refused.detail.contains("Kubernetes says: secrets \"web\" is forbidden"), "{refused:?}");
        let container = format!("{view}/pods/{own}/web/logs?container=..%2f..");
        ada.get(&container).await.problem(404, "not_found");
    });
}

#[test]
fn a_stream_says_which_kinds_a_learner_may_not_see() {
    run(async |app| {
        let (ada, view, own) = learner(app, "ada").await;
        let mut live = EventStream::open(&ada, &format!("{view}/events")).await;
        let first: ClusterChanges = live.next("changes").await;
        assert_eq!(first.namespaces, [own]);
        // nothing was ever made in the cluster for this session: its learner has no rights at all
        let whole = live.wait_for("changes", |changes: &ClusterChanges| changes.is_complete).await;
        assert_eq!(whole.left_out, ObjectKind::ALL);
    });
}

#[test]
fn a_stream_of_the_view_counts_with_the_persons_other_streams() {
    run(async |app| {
        let (ada, view, _) = learner(app, "ada").await;
        let mut open = vec![];
        for _ in 0..10 {
            open.push(EventStream::open(&ada, &format!("{view}/events")).await);
        }
        ada.get(&format!("{view}/events")).await.problem(429, "too_many_streams");
        ada.get(&format!("{view}/pods/a/b/logs")).await.problem(429, "too_many_streams");
    });
}

#[test]
fn a_session_that_does_not_run_or_does_not_use_the_cluster_has_no_view() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.abandoned_session(ada.id()).await;
        let view = format!("/api/v1/sessions/{session}/cluster");
        ada.get(&format!("{view}/events")).await.problem(409, "not_running");
        ada.get(&format!("{view}/objects/pods/lab-x/web")).await.problem(409, "not_running");

        let (eve, view, own) = learner(app, "eve").await;
        let without_token = |console: bool| {
            app.labs.write(
                &format!("{LAB}/resources/workshop.yaml"),
                &format!(
                    "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {LAB}}}\nspec:\n  \
                     title: A lab\n  session:\n    namespaces: {{security: {{token: {{enabled: false}}}}}}\n    \
                     applications: {{console: {{enabled: {console}}}}}\n"
                ),
            );
            app.services.catalog.reload().expect("the folder of labs is there");
        };
        without_token(false);
        eve.get(&format!("{view}/events")).await.problem(409, "no_cluster");
        eve.get(&format!("{view}/objects/pods/{own}/web")).await.problem(409, "no_cluster");
        // an author who asks for the view gets it
        without_token(true);
        eve.get(&format!("{view}/objects/pods/{own}/web")).await.problem(422, "object_refused");
    });
}

#[test]
fn a_text_that_is_no_such_object_is_not_sent_to_the_cluster() {
    run(async |app| {
        let (ada, view, own) = learner(app, "ada").await;
        let object = format!("{view}/objects/configmaps/{own}/web");
        for yaml in ["a: [", "apiVersion: v1\nkind: Secret\nmetadata: {name: web, resourceVersion: '1'}"] {
            let problem = ada.put(&object, &json!({"yaml": yaml})).await.problem(400, "unreadable_object");
            assert_eq!(problem.field.as_deref(), Some("yaml"));
        }
    });
}
