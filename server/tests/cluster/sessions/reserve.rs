//! The reserve on real workbenches: made ahead, taken at once, filled again, renewed when the lab changes.

use std::collections::BTreeMap;
use std::time::Instant;

use lectern_api::sessions::{Session, SessionState};
use lectern_server::config::portal::{LabNumbers, Maxima, Portal};

use super::{check, end, is_running, real, start, type_in, until, write_lab};
use crate::support::{Setting, TestApp, run_with};

const LAB: &str = "ready-lab";
const SPEC: &str = "  request: {parameters: [{name: COLOUR, value: red}]}\n";

fn keeping(reserved: u32, numbers: LabNumbers) -> Setting {
    let portal = Portal {
        sessions: Maxima { reserved_labs: Some(0), ..Maxima::default() },
        labs: BTreeMap::from([(
            LAB.parse().expect("a lab's name"),
            LabNumbers { reserved: Some(reserved), ..numbers },
        )])
        .into(),
        ..Portal::default()
    };
    Setting { portal: Some(portal), ..real() }
}

async fn ready(app: &TestApp) -> i64 {
    app.count("select count(*) from sessions where phase = 'reserved' and ready_at is not null").await
}

/// Writes the lab; its check sees whether set-up ran and which text it has.
fn write(app: &TestApp, text: &str) {
    write_lab(
        app,
        LAB,
        SPEC,
        &[
            ("text", text),
            ("workshop/setup.d/1.sh", "echo SEEN=$(cat ~/text)-$COLOUR >> $WORKSHOP_ENV\n"),
            ("workshop/examiner/tests/is-set-up", "#!/bin/sh\necho \"$SEEN\"\nkubectl get pods\n"),
        ],
    );
}

#[test]
fn a_session_of_the_reserve_runs_at_once_and_another_takes_its_place() {
    run_with(keeping(1, LabNumbers::default()), async |app| {
        write(app, "one");
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let _reconciling = app.reconcile();
        until("one is ready", async || ready(app).await == 1).await;
        let before: String =
            sqlx::query_scalar("select namespace from sessions").fetch_one(&app.pool).await.unwrap();
        // nobody sees it yet
        assert!(ada.get("/api/v1/sessions").await.json::<Vec<Session>>().is_empty());

        let clicked = Instant::now();
        let session: Session = start(&ada, LAB, &BTreeMap::new()).await.expect(201).json();
        let answered = clicked.elapsed();
        assert!(is_running(&session.state), "{session:?}");
        assert_eq!(session.namespace, before);
        type_in(&ada, session.id, "", "$ ").await;
        println!("answered after {answered:?}, prompt after {:?}", clicked.elapsed());
        let outcome = check(&ada, session.id, "is-set-up").await;
        assert!(outcome.passed && outcome.output.starts_with("one-red"), "{}", outcome.output);

        until("another is ready", async || ready(app).await == 1).await;
        let second: Session = start(&eve, LAB, &BTreeMap::new()).await.expect(201).json();
        assert!(is_running(&second.state), "{second:?}");
        assert_ne!(second.namespace, session.namespace);
        end(&ada, session.id).await;
        end(&eve, second.id).await;
    });
}

#[test]
fn a_changed_lab_has_its_reserve_made_anew_and_chosen_parameters_pass_it_by() {
    run_with(keeping(1, LabNumbers::default()), async |app| {
        write(app, "one");
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let _reconciling = app.reconcile();
        until("one is ready", async || ready(app).await == 1).await;
        let chosen = BTreeMap::from([("COLOUR", "blue")]);
        let session: Session = start(&ada, LAB, &chosen).await.expect(201).json();
        assert!(matches!(session.state, SessionState::Starting { .. }), "{session:?}");
        super::wait_for(&ada, session.id, is_running).await;
        let outcome = check(&ada, session.id, "is-set-up").await;
        assert!(outcome.output.starts_with("one-blue"), "{}", outcome.output);
        end(&ada, session.id).await;

        let old = app.count("select count(*) from sessions where phase = 'reserved'").await;
        assert_eq!(old, 1);
        write(app, "two");
        until("the old one is given up and a new one ready", async || {
            let rows: Vec<String> = sqlx::query_scalar("select distinct lab_version from sessions")
                .fetch_all(&app.pool)
                .await
                .unwrap();
            rows.len() == 2 && ready(app).await == 1
        })
        .await;
        until("its row is forgotten", async || {
            app.count("select count(*) from sessions where user_id is null").await == 1
                && ready(app).await == 1
        })
        .await;
        let session: Session = start(&eve, LAB, &BTreeMap::new()).await.expect(201).json();
        assert!(is_running(&session.state), "{session:?}");
        let outcome = check(&eve, session.id, "is-set-up").await;
        assert!(outcome.output.starts_with("two-red"), "{}", outcome.output);
        end(&eve, session.id).await;
    });
}

#[test]
fn a_class_that_clicks_at_once_takes_the_reserve_and_the_rest_is_made() {
    run_with(keeping(2, LabNumbers::default()), async |app| {
        write(app, "one");
        let mut learners = vec![];
        for number in 0..4 {
            learners.push(app.learner(&format!("learner{number}")).await);
        }
        let reconciling = app.reconcile();
        until("two are ready", async || ready(app).await == 2).await;
        drop(reconciling);
        let none = BTreeMap::new();
        let clicks = learners
            .iter()
            .map(async |learner| start(learner, LAB, &none).await.expect(201).json::<Session>());
        let sessions = futures::future::join_all(clicks).await;
        let at_once =
            sessions.iter().filter(|session| matches!(session.state, SessionState::Running { .. })).count();
        assert_eq!(at_once, 2);
        for (learner, session) in learners.iter().zip(&sessions) {
            super::wait_for(learner, session.id, is_running).await;
            type_in(learner, session.id, "echo $((6*7))\r", "42").await;
        }
        let namespaces: std::collections::BTreeSet<_> =
            sessions.iter().map(|session| &session.namespace).collect();
        assert_eq!(namespaces.len(), 4);
    });
}

#[test]
fn a_session_of_the_reserve_that_lost_its_workbench_is_given_to_nobody() {
    run_with(keeping(1, LabNumbers { capacity: Some(1), ..LabNumbers::default() }), async |app| {
        write(app, "one");
        let ada = app.learner("ada").await;
        let reconciling = app.reconcile();
        until("one is ready", async || ready(app).await == 1).await;
        drop(reconciling);
        let (pod, lost): (String, String) =
            sqlx::query_as("select workbench, namespace from sessions").fetch_one(&app.pool).await.unwrap();
        let admin = crate::harness::admin_client().await.expect("KUBECONFIG names an administrator");
        let pods: kube::Api<k8s_openapi::api::core::v1::Pod> =
            kube::Api::namespaced(admin, app.services.cluster.workbench_namespace());
        pods.delete(&pod, &kube::api::DeleteParams::default().grace_period(0))
            .await
            .expect("the pod is there");
        until("the watch has seen it", async || {
            app.services.cluster.list_managed().iter().all(|one| one.workbenches.is_empty())
        })
        .await;
        // the place of the lost one is free although the lab has only one
        let session: Session = start(&ada, LAB, &BTreeMap::new()).await.expect(201).json();
        assert_ne!(session.namespace, lost);
        super::wait_for(&ada, session.id, is_running).await;
        let _reconciling = app.reconcile();
        until("the lost one is forgotten", async || app.count("select count(*) from sessions").await == 1)
            .await;
        end(&ada, session.id).await;
    });
}
