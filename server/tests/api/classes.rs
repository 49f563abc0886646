//! Classes: joining them, and the instructor's live view.

use lectern_api::classes::{Class, LearnerRow, NewClass};
use lectern_api::ids::ClassId;
use lectern_api::progress::{Happening, ProgressEvent};
use lectern_api::sessions::SessionState;
use serde_json::json;

use crate::support::lab_folder::{LAB, PAGES};
use crate::support::people::{add_class, join_class};
use crate::support::run;
use crate::support::stream::EventStream;

fn events_of(class: ClassId) -> String {
    format!("/api/v1/classes/{class}/events")
}

#[test]
fn an_instructor_sees_their_own_classes_only() {
    run(async |app| {
        let (ours, theirs) = (app.instructor("ours").await, app.instructor("theirs").await);
        let class = add_class(&ours, "  Mondays ").await;
        assert_eq!((class.name.as_str(), class.learners), ("Mondays", 0));
        let listed: Vec<Class> = ours.get("/api/v1/classes").await.json();
        assert_eq!(listed, std::slice::from_ref(&class));
        let none: Vec<Class> = theirs.get("/api/v1/classes").await.json();
        assert_eq!(none, []);
        for path in ["", "/learners", "/events"] {
            theirs.get(&format!("/api/v1/classes/{}{path}", class.id)).await.problem(404, "not_found");
        }
    });
}

#[test]
fn a_learner_sees_the_class_without_its_code_and_never_its_learners() {
    run(async |app| {
        let (ours, ada) = (app.instructor("ours").await, app.learner("ada").await);
        let class = add_class(&ours, "Mondays").await;
        join_class(&ada, &class).await;
        let listed: Vec<Class> = ada.get("/api/v1/classes").await.json();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].id, listed[0].learners, &listed[0].join_code), (class.id, 1, &None));
        for path in ["", "/learners", "/events"] {
            ada.get(&format!("/api/v1/classes/{}{path}", class.id)).await.problem(404, "not_found");
        }
    });
}

#[test]
fn an_instructor_enrolled_in_anothers_class_is_a_learner_there() {
    run(async |app| {
        let (ours, theirs) = (app.instructor("ours").await, app.instructor("theirs").await);
        let class = add_class(&ours, "Mondays").await;
        join_class(&theirs, &class).await;
        let listed: Vec<Class> = theirs.get("/api/v1/classes").await.json();
        assert_eq!(listed[0].join_code, None);
        theirs.get(&format!("/api/v1/classes/{}/learners", class.id)).await.problem(404, "not_found");
    });
}

#[test]
fn a_class_is_joined_however_its_code_is_typed_and_once() {
    run(async |app| {
        let (ours, ada) = (app.instructor("ours").await, app.learner("ada").await);
        let class = add_class(&ours, "Mondays").await;
        let code = class.join_code.unwrap();
        for typed in [
            code.clone(),
            code.to_lowercase(),
            code.replace('-', ""),
            format!(" {} ", code.replace('-', " ")),
        ] {
            let joined: Class = ada.post("/api/v1/enrolments", &json!({"join_code": typed})).await.json();
            assert_eq!((joined.id, joined.learners, joined.join_code), (class.id, 1, None));
        }
        for wrong in ["", "-", "ABCD", "ÄÖÜß-0000", &code[..8]] {
            let answer = ada.post("/api/v1/enrolments", &json!({"join_code": wrong})).await;
            assert_eq!(answer.problem(400, "unknown_join_code").field.as_deref(), Some("join_code"));
        }
    });
}

#[test]
fn a_class_needs_a_name_of_reasonable_length() {
    run(async |app| {
        let ours = app.instructor("ours").await;
        for name in ["", "   ", "a\nb", &"x".repeat(81)] {
            let answer = ours.post("/api/v1/classes", &NewClass { name: name.to_owned() }).await;
            assert_eq!(answer.problem(400, "bad_field").field.as_deref(), Some("name"));
        }
        add_class(&ours, &"ü".repeat(80)).await;
    });
}

#[test]
fn the_live_view_sends_every_learner_and_then_each_change() {
    run(async |app| {
        let ours = app.instructor("ours").await;
        let class = add_class(&ours, "Mondays").await;
        let (ada, grace, eve) =
            (app.learner("ada").await, app.learner("grace").await, app.learner("eve").await);
        join_class(&ada, &class).await;
        join_class(&grace, &class).await;
        let hers = app.running_session(grace.id()).await;

        let mut live = EventStream::open(&ours, &events_of(class.id)).await;
        let first: LearnerRow = live.next("learner").await;
        assert_eq!((first.user, first.display_name.as_str(), first.session), (ada.id(), "ADA", None));
        let second: LearnerRow = live.next("learner").await;
        let session = second.session.unwrap();
        assert_eq!((second.user, session.id, session.lab.as_str()), (grace.id(), hers, LAB));
        assert_eq!((session.page_number, session.pages_total, session.pages_viewed), (None, 2, 0));
        assert_eq!((session.checks_total, session.checks.len()), (1, 0));

        // somebody outside the class is not shown, whatever they do
        app.running_session(eve.id()).await;
        let viewed = ProgressEvent {
            id: Default::default(),
            at: chrono::Utc::now(),
            page: PAGES[1].parse().unwrap(),
            what: Happening::PageViewed,
        };
        grace.post(&format!("/api/v1/sessions/{hers}/progress-events"), &[viewed]).await.expect(204);
        let row: LearnerRow = live
            .wait_for("learner", |row: &LearnerRow| {
                assert_ne!(row.user, eve.id());
                row.session.as_ref().is_some_and(|session| session.current_page.is_some())
            })
            .await;
        let session = row.session.unwrap();
        assert_eq!((row.user, session.page_number, session.pages_viewed), (grace.id(), Some(2), 1));
        assert_eq!(session.current_page_title.unwrap(), format!("Page {}", PAGES[1]));
        assert!(session.last_active_at.is_some());

        grace.delete(&format!("/api/v1/sessions/{hers}")).await.expect(204);
        let ended = |row: &LearnerRow| row.session.as_ref().is_some_and(|s| s.state == SessionState::Ending);
        live.wait_for("learner", ended).await;
    });
}

#[test]
fn the_live_view_hears_of_what_another_server_did() {
    run(async |app| {
        let ours = app.instructor("ours").await;
        let class = add_class(&ours, "Mondays").await;
        let ada = app.learner("ada").await;
        join_class(&ada, &class).await;
        let mut live = EventStream::open(&ours, &events_of(class.id)).await;
        live.next::<LearnerRow>("learner").await;

        let other = app.another_server();
        let session = app.running_session(ada.id()).await;
        other.services.sessions.end_session(ada.id(), session).await.unwrap();
        let ending = |row: &LearnerRow| row.session.as_ref().is_some_and(|s| s.state == SessionState::Ending);
        live.wait_for("learner", ending).await;
    });
}
