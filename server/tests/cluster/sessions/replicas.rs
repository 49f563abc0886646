//! Several servers of one installation: any request on any of them, and sessions that outlive the one that made them.

use std::collections::BTreeMap;

use chrono::Duration;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use lectern_api::ids::UserId;
use lectern_api::sessions::{CheckOutcome, EndReason, Session, SessionState};
use lectern_server::config::portal::{LabNumbers, Maxima, Portal};

use super::{
    check, end, is_home_new, is_running, path, real, run_lab, show, start, type_in, until, wait_for,
    write_lab,
};
use crate::support::client::Client;
use crate::support::{Setting, TestApp, run_with};

const LAB: &str = "shared-lab";

/// The same person at another server.
async fn at(server: &TestApp, user: UserId) -> Client {
    server.sign_in(user).await
}

#[test]
fn a_session_that_one_server_started_is_served_by_another() {
    run_with(real(), async |one| {
        let two = one.another_server();
        for server in [one, &two] {
            write_lab(
                server,
                LAB,
                "",
                &[
                    ("workshop/setup.d/1.sh", "echo MADE=once >> $WORKSHOP_ENV\necho x >> ~/set-up-runs\n"),
                    (
                        "workshop/examiner/tests/ran-once",
                        "#!/bin/sh\n[ \"$MADE\" = once ] && [ $(wc -l < ~/set-up-runs) = 1 ]\n",
                    ),
                ],
            );
        }
        let here = one.learner("ada").await;
        let there = at(&two, here.id()).await;
        let session = run_lab(&here, LAB).await;
        assert_eq!(start(&there, LAB, &BTreeMap::new()).await.expect(200).json::<Session>().id, session.id);
        // what is typed here is seen there: it is one shell
        type_in(&here, session.id, "echo $((6*7)) > ~/answer\r", "answer").await;
        let shown = type_in(&there, session.id, "cat ~/answer\r", "42\r\n").await;
        assert!(shown.contains("> ~/answer"), "{shown}");
        for learner in [&here, &there] {
            let outcome = check(learner, session.id, "ran-once").await;
            assert!(outcome.passed, "{}", outcome.output);
        }
        let (_first, _second) = (one.reconcile(), two.reconcile());
        end(&there, session.id).await;
        assert!(matches!(show(&here, session.id).await.state, SessionState::Ended { .. }));
        // nothing is left, and both servers know
        for learner in [&here, &there] {
            learner
                .post(&format!("{}/checks/ran-once", path(session.id)), &serde_json::json!({}))
                .await
                .problem(409, "not_running");
        }
    });
}

#[test]
fn a_session_whose_server_went_away_while_it_started_is_finished_by_another() {
    run_with(real(), async |one| {
        write_lab(one, LAB, "", &[]);
        let two = one.another_server();
        write_lab(&two, LAB, "", &[]);
        let ada = two.learner("ada").await;
        // as a server leaves it that dies right after the click
        let session: Session =
            start(&at(one, ada.id()).await, LAB, &BTreeMap::new()).await.expect(201).json();
        one.execute("update sessions set claimed_until = now() - interval '1 second'").await;
        let _reconciling = two.reconcile();
        wait_for(&ada, session.id, is_running).await;
        type_in(&ada, session.id, "echo $((6*7))\r", "42").await;
        end(&ada, session.id).await;
    });
}

#[test]
fn what_belongs_to_no_session_is_swept_and_what_belongs_to_one_stays() {
    run_with(real(), async |app| {
        write_lab(
            app,
            LAB,
            "  session: {namespaces: {secondary: [{name: $(session_namespace)-two}]}}\n",
            &[],
        );
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let (lost, kept) = (run_lab(&ada, LAB).await, run_lab(&eve, LAB).await);
        // as if the database had been put back to before the session
        app.execute("delete from sessions where user_id = (select id from users where username = 'ada')")
            .await;
        let managed = async || {
            let sessions = app.services.cluster.list_managed();
            sessions
                .iter()
                .filter(|one| one.session == lost.id)
                .map(|one| one.namespaces.len())
                .sum::<usize>()
        };
        assert_eq!(managed().await, 2);
        app.clock.advance(Duration::minutes(1));
        let _reconciling = app.reconcile();
        until("the orphan is gone", async || managed().await == 0).await;
        assert!(is_running(&show(&eve, kept.id).await.state));
        type_in(&eve, kept.id, "echo $((6*7))\r", "42").await;
        end(&eve, kept.id).await;
    });
}

#[test]
fn a_session_that_nobody_looks_at_ends_and_one_with_an_open_terminal_does_not() {
    let portal = Portal {
        sessions: Maxima { reserved_labs: Some(0), ..Maxima::default() },
        defaults: LabNumbers {
            orphaned: serde_json::from_value(serde_json::json!("10m")).ok(),
            ..LabNumbers::default()
        },
        ..Portal::default()
    };
    run_with(Setting { portal: Some(portal), ..real() }, async |app| {
        write_lab(app, LAB, "", &[]);
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let (left, used) = (run_lab(&ada, LAB).await, run_lab(&eve, LAB).await);
        app.services.workbenches.write_activity().await.expect("the database answers");
        app.clock.advance(Duration::minutes(11));
        type_in(&eve, used.id, "echo $((6*7))\r", "42").await;
        app.services.workbenches.write_activity().await.expect("the database answers");
        let _reconciling = app.reconcile();
        // a page that listens would be a sign of its learner: this one only asks
        until("nobody's session is over", async || {
            matches!(show(&ada, left.id).await.state, SessionState::Ended { .. })
        })
        .await;
        let reason = EndReason::Abandoned { minutes: 10 };
        assert_eq!(show(&ada, left.id).await.state, SessionState::Ended { reason });
        assert!(is_running(&show(&eve, used.id).await.state));
        end(&eve, used.id).await;
    });
}

/// Takes a running session's workbench away after its learner wrote to their home; what `note.txt`, which the lab
/// brought and they changed, holds in the next one, and whether that says that its home is a new one.
fn note_in_the_next_workbench(keeps_homes: bool) -> (String, bool) {
    let (mut note, mut is_new) = (String::new(), false);
    run_with(Setting { keeps_homes, ..real() }, async |app| {
        write_lab(
            app,
            LAB,
            "",
            &[
                ("exercises/note.txt", "read me"),
                ("workshop/setup.d/1.sh", "echo MADE=anew >> $WORKSHOP_ENV\n"),
                ("workshop/examiner/tests/is-whole", "#!/bin/sh\n[ \"$MADE\" = anew ] && kubectl get pods\n"),
                ("workshop/examiner/tests/note", "#!/bin/sh\ncat exercises/note.txt\n"),
            ],
        );
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, LAB).await;
        type_in(&ada, session.id, "echo mine > ~/exercises/note.txt; echo $((6*7))\r", "42").await;
        let workbench = async || -> String {
            sqlx::query_scalar("select workbench from sessions").fetch_one(&app.pool).await.expect("a row")
        };
        let before = workbench().await;
        let admin = crate::harness::admin_client().await.expect("KUBECONFIG names an administrator");
        let place = app.services.cluster.workbench_namespace();
        let pods: Api<Pod> = Api::namespaced(admin.clone(), place);
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(admin, place);
        pods.delete(&before, &DeleteParams::default().grace_period(0)).await.expect("the pod is there");
        // as if that happened long after the start
        app.execute("update sessions set running_at = running_at - interval '1 minute'").await;
        let _reconciling = app.reconcile();
        until("another workbench takes its place", async || workbench().await != before).await;
        until("its checks run again", async || {
            let checks = format!("{}/checks/is-whole", path(session.id));
            let answer = ada.post(&checks, &serde_json::json!({})).await;
            answer.status == 200 && answer.json::<CheckOutcome>().passed
        })
        .await;
        note = check(&ada, session.id, "note").await.output.trim().to_owned();
        is_new = is_home_new(&ada, session.id).await;
        let count =
            async || claims.list(&ListParams::default()).await.expect("the cluster answers").items.len();
        assert_eq!(count().await, usize::from(keeps_homes));
        end(&ada, session.id).await;
        until("the home is gone with its session", async || count().await == 0).await;
    });
    (note, is_new)
}

#[test]
fn a_workbench_that_was_taken_away_is_made_anew_with_the_lab_in_it() {
    assert_eq!(note_in_the_next_workbench(false), ("read me".to_owned(), true));
}

#[test]
fn a_home_on_a_volume_is_as_its_learner_left_it_when_the_workbench_was_taken_away() {
    assert_eq!(note_in_the_next_workbench(true), ("mine".to_owned(), false));
}

#[test]
fn a_workbench_that_is_taken_away_while_its_session_starts_is_replaced() {
    run_with(real(), async |app| {
        // long enough to be interrupted
        let script = "sleep 3\n";
        let look = "#!/bin/sh\nkubectl get pods\n";
        write_lab(app, LAB, "", &[("workshop/setup.d/1.sh", script), ("workshop/examiner/tests/runs", look)]);
        let ada = app.learner("ada").await;
        let session: Session = start(&ada, LAB, &BTreeMap::new()).await.expect(201).json();
        wait_for(
            &ada,
            session.id,
            |state| matches!(state, SessionState::Starting { step } if step.contains("set-up")),
        )
        .await;
        let before: String =
            sqlx::query_scalar("select workbench from sessions").fetch_one(&app.pool).await.expect("a row");
        let admin = crate::harness::admin_client().await.expect("KUBECONFIG names an administrator");
        let pods: Api<Pod> = Api::namespaced(admin, app.services.cluster.workbench_namespace());
        pods.delete(&before, &DeleteParams::default().grace_period(0)).await.expect("the pod is there");
        wait_for(&ada, session.id, is_running).await;
        let outcome = check(&ada, session.id, "runs").await;
        assert!(outcome.passed, "{}", outcome.output);
        let _reconciling = app.reconcile();
        end(&ada, session.id).await;
    });
}
