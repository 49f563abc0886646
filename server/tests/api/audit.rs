//! The audit log: what is in it.

use lectern_api::audit::{AuditPage, AuditRecord};
use lectern_api::identity::{ChangeUser, NewUser, Role, SetPassword, SignIn};
use lectern_server::audit::Record;
use lectern_server::http::endpoints::{ENDPOINTS, Recorded};

use crate::support::lab_folder::LAB;
use crate::support::people::{add_class, join_class};
use crate::support::{TestApp, run};

const PASSWORD: &str = "a long enough password";

/// All records, oldest first, those that were put off too.
async fn records(app: &TestApp) -> Vec<AuditRecord> {
    app.services.audit.flush().await;
    let mut records = app.services.identity.list_audit(None, 500).await.unwrap().records;
    records.reverse();
    records
}

async fn actions(app: &TestApp) -> Vec<(String, String)> {
    records(app).await.into_iter().map(|record| (record.action, record.outcome)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(action, outcome)| ((*action).to_owned(), (*outcome).to_owned())).collect()
}

async fn note(app: &TestApp, count: usize) {
    for _ in 0..count {
        app.services.audit.write(Record::by_cli("test", String::new())).await;
    }
}

#[test]
fn every_endpoint_that_changes_something_is_recorded() {
    // what learners do in their own sessions, all the time; it is kept with the session
    let own_work = [
        "/api/v1/sessions/{id}/checks/{name:.+}",
        "/api/v1/sessions/{id}/progress-events",
        "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}",
        "/api/v1/sessions/{id}/preview-grants",
    ];
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method != "GET") {
        let is_own_file = endpoint.path.starts_with("/api/v1/sessions/{id}/files");
        let is_own_work = is_own_file || own_work.contains(&endpoint.path);
        let is_recorded = endpoint.recorded != Recorded::Not;
        assert_ne!(is_recorded, is_own_work, "{} {}", endpoint.method, endpoint.path);
    }
}

#[test]
fn what_is_done_to_accounts_is_recorded_with_who_did_it_to_whom_and_from_where() {
    run(async |app| {
        let admin = app.person("root", Role::Admin).await;
        let new = serde_json::json!({"username": "ada", "display_name": "Ada", "role": "learner"});
        let ada: lectern_api::identity::User = admin.post("/api/v1/users", &new).await.expect(201).json();
        let path = format!("/api/v1/users/{}", ada.id);
        for change in [
            ChangeUser { role: Some(Role::Author), ..ChangeUser::default() },
            ChangeUser { disabled: Some(true), ..ChangeUser::default() },
            ChangeUser { disabled: Some(false), ..ChangeUser::default() },
        ] {
            admin.patch(&path, &change).await.expect(200);
        }
        admin.post(&format!("{path}/sign-in-links"), &()).await.expect(201);
        admin.get(&format!("{path}/export")).await.expect(200);
        admin.post("/api/v1/users", &new).await.problem(409, "username_taken");
        let own = format!("/api/v1/users/{}", admin.id());
        admin.delete(&own).await.problem(409, "last_admin");
        admin.delete(&path).await.expect(204);

        let written = records(app).await;
        let told: Vec<_> = written.iter().map(|r| (r.action.as_str(), r.outcome.as_str())).collect();
        let expected = [
            ("add_user", "ok"),
            ("change_role", "ok"),
            ("disable_user", "ok"),
            ("enable_user", "ok"),
            ("make_sign_in_link", "ok"),
            ("export_user", "ok"),
            ("add_user", "username_taken"),
            ("delete_user", "last_admin"),
            ("delete_user", "ok"),
        ];
        assert_eq!(told, expected);
        let object = format!("user:{}", ada.id);
        for record in &written {
            assert_eq!((record.actor, record.actor_name.as_deref()), (Some(admin.id()), Some("root")));
            assert_eq!(record.address, "127.0.0.1");
            match record.outcome.as_str() {
                "ok" => assert_eq!(record.object, object),
                "last_admin" => assert_eq!(record.object, format!("user:{}", admin.id())),
                _ => assert_eq!(record.object, ""),
            }
        }
        assert_eq!(written[1].detail, "author");
    });
}

#[test]
fn who_gets_in_and_who_does_not_is_recorded_and_no_name_that_may_be_a_password() {
    run(async |app| {
        let new = NewUser {
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            role: Role::Learner,
            password: Some(PASSWORD.to_owned()),
        };
        let ada = app.services.identity.add_user(new).await.unwrap();
        let with = |username: &str, password: &str| SignIn::Password {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        let mut browser = app.browser();
        browser.sign_in(&with("ada", "not the password")).await.expect(401);
        browser.sign_in(&with("hunter2-my-password", PASSWORD)).await.expect(401);
        browser.sign_in(&SignIn::Link { token: "none".to_owned() }).await.expect(401);
        browser.sign_in(&with("ADA", PASSWORD)).await.expect(201);
        let wrong = SetPassword { current: Some("wrong".to_owned()), new: "another long one".to_owned() };
        browser.put("/api/v1/me/password", &wrong).await.expect(400);
        browser.delete("/api/v1/logins/current").await.expect(204);
        // whose login has ended is told so, and did nothing
        browser.delete("/api/v1/logins/current").await.expect(401);

        let written = records(app).await;
        let told: Vec<_> = written.iter().map(|r| (r.action.as_str(), r.outcome.as_str())).collect();
        let expected = [
            ("sign_in", "sign_in_refused"),
            ("sign_in", "sign_in_refused"),
            ("sign_in", "sign_in_refused"),
            ("sign_in", "ok"),
            ("set_password", "bad_field"),
            ("sign_out", "ok"),
        ];
        assert_eq!(told, expected);
        let object = format!("user:{}", ada.id);
        let objects: Vec<_> = written.iter().map(|record| record.object.as_str()).collect();
        assert_eq!(objects, [&object, "", "", &object, &object, &object]);
        assert_eq!((written[0].actor, written[3].actor), (None, Some(ada.id)));
        let all = serde_json::to_string(&written).unwrap();
        assert!(!all.contains("hunter2") && !all.contains("wrong\""), "{all}");
    });
}

#[test]
fn classes_sessions_and_registrations_are_recorded() {
    run(async |app| {
        let (omar, ada) = (app.instructor("omar").await, app.learner("ada").await);
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        ada.delete(&format!("/api/v1/enrolments/{}", class.id)).await.expect(204);
        omar.post(&format!("/api/v1/classes/{}/join-codes", class.id), &()).await.expect(201);
        let started = ada.post("/api/v1/sessions", &serde_json::json!({"lab": LAB})).await.expect(201);
        let session: lectern_api::sessions::Session = started.json();
        ada.delete(&format!("/api/v1/sessions/{}", session.id)).await.expect(204);
        ada.post("/api/v1/sessions", &serde_json::json!({"lab": "no-such-lab"})).await.expect(404);
        let registration = serde_json::json!({
            "join_code": "none", "username": "eve", "display_name": "Eve", "password": PASSWORD});
        app.browser().post("/api/v1/registrations", &registration).await.expect(400);

        let expected = [
            ("add_class", "ok"),
            ("join_class", "ok"),
            ("leave_class", "ok"),
            ("replace_join_code", "ok"),
            ("start_session", "ok"),
            ("end_session", "ok"),
            ("start_session", "not_found"),
            ("register", "unknown_join_code"),
        ];
        assert_eq!(actions(app).await, pairs(&expected));
        let written = records(app).await;
        assert_eq!(written[1].object, format!("class:{}", class.id));
        assert_eq!(
            (&written[4].object, &written[5].object),
            (&written[5].object, &format!("session:{}", session.id))
        );
        assert_eq!(written[4].detail, LAB);
    });
}

#[test]
fn refusals_by_the_hundred_become_few_records() {
    run(async |app| {
        for _ in 0..40 {
            let guess = SignIn::Link { token: "none".to_owned() };
            let status = app.browser().sign_in(&guess).await.status.as_u16();
            assert!([401, 429].contains(&status), "{status}");
        }
        let written = records(app).await;
        assert!(written.len() <= 4, "{written:?}");
        assert_eq!(written.iter().map(|record| record.times).sum::<u32>(), 40);
    });
}

#[test]
fn an_administrator_reads_the_log_page_by_page_from_its_end() {
    run(async |app| {
        let admin = app.person("root", Role::Admin).await;
        note(app, 5).await;
        let mut path = "/api/v1/audit?limit=2".to_owned();
        let mut seen = vec![];
        loop {
            let page: AuditPage = admin.get(&path).await.json();
            assert!(page.records.len() <= 2);
            seen.extend(page.records.iter().map(|record| record.id));
            let Some(before) = page.next_before else { break };
            path = format!("/api/v1/audit?limit=2&before={before}");
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
        admin.get("/api/v1/audit?limit=x").await.problem(400, "unreadable_request");
    });
}
