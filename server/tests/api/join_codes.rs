//! Join codes: whom they let in, and that they change; leaving a class.

use chrono::{TimeDelta, Utc};
use lectern_api::classes::{Class, JoinClass, JoinRules, LearnerRow};
use lectern_api::identity::Registration;
use lectern_api::ids::UserId;

use crate::support::client::{Answer, Client};
use crate::support::people::{add_class, join_class};
use crate::support::{TestApp, run};

async fn set_rules(instructor: &Client, class: &Class, rules: &JoinRules) -> Answer {
    instructor.put(&format!("/api/v1/classes/{}/join-rules", class.id), rules).await
}

async fn join(learner: &Client, class: &Class) -> Answer {
    let join_code = class.join_code.as_deref().unwrap().into();
    learner.post("/api/v1/enrolments", &JoinClass { join_code }).await
}

async fn register(app: &TestApp, username: &str, class: &Class) -> Answer {
    let registration = Registration {
        join_code: class.join_code.as_deref().unwrap().into(),
        username: username.to_owned(),
        display_name: username.to_owned(),
        password: "a long enough password".to_owned(),
    };
    app.browser().post("/api/v1/registrations", &registration).await
}

#[test]
fn a_code_that_was_replaced_is_unknown() {
    run(async |app| {
        let (omar, ada) = (app.instructor("omar").await, app.learner("ada").await);
        let old = add_class(&omar, "Mondays").await;
        let path = format!("/api/v1/classes/{}/join-codes", old.id);
        let new: Class = omar.post(&path, &()).await.expect(201).json();
        assert_ne!(new.join_code, old.join_code);
        join(&ada, &old).await.problem(400, "unknown_join_code");
        register(app, "eve", &old).await.problem(400, "unknown_join_code");
        join(&ada, &new).await.expect(201);
    });
}

#[test]
fn a_code_that_is_closed_ended_or_used_up_lets_nobody_further_in() {
    run(async |app| {
        let omar = app.instructor("omar").await;
        let class = add_class(&omar, "A secret name").await;
        assert_eq!(class.join_rules, Some(JoinRules::default()));
        let (ada, grace) = (app.learner("ada").await, app.learner("grace").await);
        join_class(&ada, &class).await;
        let open = JoinRules::default();
        for (rules, code) in [
            (JoinRules { open: false, ..open.clone() }, "join_code_closed"),
            (
                JoinRules { expires_at: Some(Utc::now() - TimeDelta::seconds(1)), ..open.clone() },
                "join_code_ended",
            ),
            (JoinRules { max_learners: Some(1), ..open.clone() }, "class_full"),
        ] {
            let changed: Class = set_rules(&omar, &class, &rules).await.json();
            assert_eq!(changed.join_rules.as_ref().map(|r| r.open), Some(rules.open));
            for answer in [join(&grace, &class).await, register(app, "eve", &class).await] {
                let problem = answer.problem(409, code);
                assert_eq!(problem.field.as_deref(), Some("join_code"));
                assert!(!problem.detail.contains("secret"), "{problem}");
            }
            // who is in it is told so again
            join(&ada, &class).await.expect(201);
        }
        assert_eq!(app.count("select count(*) from users where username = 'eve'").await, 0);
        let two =
            JoinRules { max_learners: Some(2), expires_at: Some(Utc::now() + TimeDelta::hours(1)), ..open };
        set_rules(&omar, &class, &two).await.expect(200);
        join(&grace, &class).await.expect(201);
        let none = JoinRules { max_learners: Some(0), ..JoinRules::default() };
        let refused = set_rules(&omar, &class, &none).await.problem(400, "bad_field");
        assert_eq!(refused.field.as_deref(), Some("max_learners"));
    });
}

#[test]
fn the_last_place_is_taken_once_however_many_come_at_once() {
    run(async |app| {
        let omar = app.instructor("omar").await;
        let class = add_class(&omar, "Mondays").await;
        set_rules(&omar, &class, &JoinRules { max_learners: Some(3), ..JoinRules::default() })
            .await
            .expect(200);
        let mut learners = vec![];
        for n in 0..8 {
            learners.push(app.learner(&format!("learner{n}")).await);
        }
        let joined = futures::future::join_all(learners.iter().map(|learner| join(learner, &class))).await;
        assert_eq!(joined.iter().filter(|answer| answer.status == 201).count(), 3);
        assert_eq!(app.count("select count(*) from enrolments").await, 3);
    });
}

#[test]
fn only_a_class_s_instructor_sees_and_changes_whom_its_code_lets_in() {
    run(async |app| {
        let (omar, other) = (app.instructor("omar").await, app.instructor("other").await);
        let ada = app.learner("ada").await;
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        let seen: Vec<Class> = ada.get("/api/v1/classes").await.json();
        assert_eq!((&seen[0].join_code, &seen[0].join_rules), (&None, &None));
        for stranger in [&ada, &other] {
            set_rules(stranger, &class, &JoinRules::default()).await.problem(404, "not_found");
            let path = format!("/api/v1/classes/{}/join-codes", class.id);
            stranger.post(&path, &()).await.problem(404, "not_found");
        }
    });
}

#[test]
fn a_learner_leaves_a_class_whose_instructor_then_sees_nothing_of_them() {
    run(async |app| {
        let (omar, ada) = (app.instructor("omar").await, app.learner("ada").await);
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        let session = app.running_session(ada.id()).await;
        omar.get(&format!("/api/v1/sessions/{session}/progress")).await.expect(200);

        let path = format!("/api/v1/enrolments/{}", class.id);
        ada.delete(&path).await.expect(204);
        ada.delete(&path).await.problem(404, "not_found");
        omar.get(&format!("/api/v1/sessions/{session}/progress")).await.problem(404, "not_found");
        let rows: Vec<LearnerRow> = omar.get(&format!("/api/v1/classes/{}/learners", class.id)).await.json();
        assert_eq!(rows, []);
        let classes: Vec<Class> = ada.get("/api/v1/classes").await.json();
        assert_eq!(classes, []);
    });
}

#[test]
fn an_instructor_removes_a_learner_from_their_own_class_only() {
    run(async |app| {
        let (omar, other) = (app.instructor("omar").await, app.instructor("other").await);
        let ada = app.learner("ada").await;
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        let path = format!("/api/v1/classes/{}/learners/{}", class.id, ada.id());
        other.delete(&path).await.problem(404, "not_found");
        ada.delete(&path).await.problem(404, "not_found");
        omar.delete(&path).await.expect(204);
        omar.delete(&path).await.problem(404, "not_found");
        for nobody in [UserId::new().to_string(), "nobody".to_owned()] {
            let path = format!("/api/v1/classes/{}/learners/{nobody}", class.id);
            omar.delete(&path).await.problem(404, "not_found");
        }
        assert_eq!(app.count("select count(*) from enrolments").await, 0);
    });
}
