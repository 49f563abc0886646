//! Starting, showing and ending sessions, as far as that needs no workbench.

use std::collections::BTreeMap;

use lectern_api::page::RenderedPage;
use lectern_api::sessions::{Session, SessionState, StartSession};
use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::lab_folder::{LAB, PAGES};
use crate::support::run;
use crate::support::stream::EventStream;

async fn start(learner: &Client) -> Answer {
    let wish = StartSession { lab: LAB.parse().expect("a lab's name"), parameters: BTreeMap::new() };
    learner.post("/api/v1/sessions", &wish).await
}

#[test]
fn an_unknown_lab_cannot_be_started() {
    run(async |app| {
        let ada = app.learner("ada").await;
        ada.post("/api/v1/sessions", &json!({"lab": "no-such-lab"})).await.problem(404, "not_found");
        ada.post("/api/v1/sessions", &json!({"lab": "../etc"})).await.problem(400, "unreadable_request");
        assert_eq!(app.count("select count(*) from sessions").await, 0);
    });
}

#[test]
fn a_lab_started_twice_is_one_session() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let first: Session = start(&ada).await.expect(201).json();
        assert!(matches!(first.state, SessionState::Starting { .. }), "{first:?}");
        assert_eq!((first.lab.as_str(), first.pages.len()), (LAB, PAGES.len()));
        // unguessable, and nothing in it is what a user typed
        assert!(first.namespace.starts_with("lab-shell-basics-") && !first.namespace.contains("ada"));
        let second: Session = start(&ada).await.expect(200).json();
        assert_eq!(second.id, first.id);
        let listed: Vec<Session> = ada.get("/api/v1/sessions").await.json();
        assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [first.id]);
        ada.delete(&format!("/api/v1/sessions/{}", first.id)).await.expect(204);
    });
}

#[test]
fn a_lab_started_by_many_requests_at_once_is_one_session() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let answers = futures::future::join_all((0..8).map(|_| start(&ada))).await;
        let new = answers.iter().filter(|answer| answer.status == 201).count();
        let ids: Vec<_> = answers.into_iter().map(|answer| answer.json::<Session>().id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!((new, app.count("select count(*) from sessions").await), (1, 1));
        ada.delete(&format!("/api/v1/sessions/{}", ids[0])).await.expect(204);
    });
}

#[test]
fn two_learners_of_one_lab_have_a_session_each() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let hers = app.running_session(ada.id()).await;
        let theirs = app.running_session(eve.id()).await;
        let (a, b): (Session, Session) =
            (start(&ada).await.expect(200).json(), start(&eve).await.expect(200).json());
        assert_eq!((a.id, b.id), (hers, theirs));
        assert_ne!(a.namespace, b.namespace);
        let listed: Vec<Session> = eve.get("/api/v1/sessions").await.json();
        assert_eq!(listed.len(), 1);
    });
}

#[test]
fn a_session_that_is_over_makes_room_for_a_new_one() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let old = app.running_session(ada.id()).await;
        ada.delete(&format!("/api/v1/sessions/{old}")).await.expect(204);
        let new = app.running_session(ada.id()).await;
        let started: Session = start(&ada).await.expect(200).json();
        assert_eq!(started.id, new);
        let listed: Vec<Session> = ada.get("/api/v1/sessions").await.json();
        assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [new, old]);
    });
}

#[test]
fn ending_a_session_twice_is_fine() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let path = format!("/api/v1/sessions/{session}");
        let ending = futures::future::join_all((0..4).map(|_| ada.delete(&path))).await;
        for answer in ending {
            answer.expect(204);
        }
        ada.delete(&path).await.expect(204);
        let shown: Session = ada.get(&path).await.json();
        assert_eq!(shown.state, SessionState::Ending);
    });
}

#[test]
fn a_sessions_stream_sends_its_state_and_then_each_change() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let mut live = EventStream::open(&ada, &format!("/api/v1/sessions/{session}/events")).await;
        let first: Session = live.next("session").await;
        assert!(matches!(first.state, SessionState::Running { .. }), "{first:?}");
        ada.delete(&format!("/api/v1/sessions/{session}")).await.expect(204);
        // news of its beginning may still be on its way
        let ended: Session = live.wait_for("session", |session: &Session| session.state != first.state).await;
        assert_eq!((ended.id, ended.state), (session, SessionState::Ending));
    });
}

#[test]
fn a_page_is_rendered_for_its_session() {
    run(async |app| {
        let ada = app.learner("ada").await;
        app.labs.write(
            &format!("{LAB}/workshop/content/{}.md", PAGES[0]),
            "---\ntitle: Look\n---\n\nYou are in {{< param session_namespace >}}.\n\n```execute\nls\n```\n\n\
             <script>alert(1)</script><img src=x onerror=alert(1)>\n",
        );
        app.services.catalog.reload().unwrap();
        let session = app.running_session(ada.id()).await;
        let path = format!("/api/v1/sessions/{session}");
        let shown: Session = ada.get(&path).await.json();
        let page: RenderedPage = ada.get(&format!("{path}/pages/{}", PAGES[0])).await.json();
        assert_eq!((page.title.as_str(), page.actions.len()), ("Look", 1));
        assert!(!page.html.contains("<script") && !page.html.contains("onerror"), "{}", page.html);
        assert!(page.html.contains(&shown.namespace), "{}", page.html);
        ada.get(&format!("{path}/pages/absent")).await.problem(404, "not_found");
    });
}

#[test]
fn a_check_of_a_session_that_does_not_run_is_refused() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.abandoned_session(ada.id()).await;
        let checks = format!("/api/v1/sessions/{session}/checks");
        ada.post(&format!("{checks}/knows-ls"), &json!({})).await.problem(409, "not_running");
        ada.post(&format!("{checks}/.hidden"), &json!({})).await.problem(400, "bad_name");
    });
}

#[test]
fn a_workbench_that_does_not_answer_is_told_with_when_to_try_again() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let answer = ada.post(&format!("/api/v1/sessions/{session}/checks/knows-ls"), &json!({})).await;
        assert!(answer.headers.contains_key("retry-after"));
        answer.problem(503, "cluster_unavailable");
        assert_eq!(app.count("select count(*) from progress_events").await, 0);
    });
}
