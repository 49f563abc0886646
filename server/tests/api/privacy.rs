//! What is kept about a person: handing it out, deleting it, and for how long it is kept.

use std::collections::BTreeSet;

use lectern_api::identity::Role;
use lectern_api::ids::{EventId, SessionId, UserId};
use lectern_server::config::retention::{Days, Retention};
use lectern_server::store::progress::{CheckRun, record_check};
use serde_json::{Value, json};

use crate::previews::preview_url;
use crate::support::client::Client;
use crate::support::lab_folder::PAGES;
use crate::support::people::{add_class, join_class};
use crate::support::{TestApp, run};

/// Somebody of whom everything is kept that can be.
async fn somebody(app: &TestApp, name: &str) -> (Client, SessionId) {
    let ada = app.learner(name).await;
    let omar = app.instructor(&format!("{name}.teacher")).await;
    join_class(&ada, &add_class(&omar, "Mondays").await).await;
    let session = app.running_session(ada.id()).await;
    let event = json!([{"id": EventId::new(), "at": "2026-01-02T03:04:05Z", "page": PAGES[0], "kind": "page_viewed"}]);
    ada.post(&format!("/api/v1/sessions/{session}/progress-events"), &event).await.expect(204);
    let mut conn = app.pool.acquire().await.unwrap();
    let ran = CheckRun { name: "knows-ls", page: Some(PAGES[0]), block: Some(0), passed: true };
    record_check(&mut conn, session, ada.id(), &ran).await.unwrap();
    drop(conn);
    app.services.identity.make_link(ada.id()).await.unwrap();
    let address = json!({"url": preview_url(app, session).await});
    ada.post(&format!("/api/v1/sessions/{session}/preview-grants"), &address).await.expect(201);
    (ada, session)
}

#[test]
fn an_export_holds_all_that_is_kept_and_nothing_to_sign_in_with() {
    run(async |app| {
        let (ada, session) = somebody(app, "ada").await;
        somebody(app, "grace").await;
        app.give_password(ada.id()).await;
        let answer = ada.get("/api/v1/me/export").await.expect(200);
        assert!(answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        let all: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(all["account"][0]["username"], "ada");
        assert_eq!(all["account"][0]["has_password"], true);
        assert_eq!(all["enrolments"][0]["class"], "Mondays");
        assert_eq!(all["sessions"][0]["id"], session.to_string());
        assert_eq!(all["progress_events"][0]["page"], PAGES[0]);
        assert_eq!(all["page_progress"][0]["page"], PAGES[0]);
        assert_eq!(all["check_results"][0]["name"], "knows-ls");
        let actions: Vec<_> = all["audit"].as_array().unwrap().iter().map(|r| r["action"].clone()).collect();
        assert_eq!(actions, ["join_class"]);
        for (kind, rows) in all.as_object().unwrap() {
            let most = if kind == "progress_events" { 2 } else { 1 };
            assert!(
                rows.as_array().is_none_or(|rows| rows.len() <= most),
                "{kind} holds others', too: {rows}"
            );
        }
        for secret in ["argon2", "token_hash", "password_hash", "grace"] {
            assert!(!answer.body.contains(secret), "{secret} in {}", answer.body);
        }
    });
}

#[test]
fn every_table_that_knows_a_person_is_in_the_export_and_emptied_by_a_deletion() {
    run(async |app| {
        let (ada, _) = somebody(app, "ada").await;
        let all: Value = ada.get("/api/v1/me/export").await.json();
        let exported: BTreeSet<_> = all.as_object().unwrap().keys().map(String::as_str).collect();
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select distinct conrelid::regclass::text, confrelid::regclass::text from pg_constraint
             where contype = 'f' and confrelid in ('users'::regclass, 'sessions'::regclass) order by 1",
        )
        .fetch_all(&app.pool)
        .await
        .unwrap();
        assert!(tables.len() >= 7, "{tables:?}");
        for (table, _) in &tables {
            let name = if table == "classes" { "classes_owned" } else { table };
            assert!(exported.contains(name), "{table} is missing in the export: {exported:?}");
        }
        ada.delete_with("/api/v1/me", &json!({})).await.expect(204);
        for (table, _) in tables.iter().filter(|(table, _)| table != "classes" && table != "logins") {
            let left = match table.as_str() {
                "sessions" => {
                    "select count(*) from sessions where user_id is not null or current_page is not null"
                }
                "enrolments" => "select count(*) from enrolments",
                "sign_in_links" => "select count(*) from sign_in_links",
                "progress_events" => "select count(*) from progress_events",
                "page_progress" => "select count(*) from page_progress",
                "check_results" => "select count(*) from check_results",
                "known_devices" => "select count(*) from known_devices",
                "preview_grants" => "select count(*) from preview_grants",
                other => panic!("{other} is not looked at here"),
            };
            assert_eq!(app.count(left).await, 0, "{table}");
        }
        assert_eq!(
            app.count(
                "select count(*) from logins l join users u on u.id = l.user_id where u.username = 'ada'"
            )
            .await,
            0
        );
    });
}

#[test]
fn nobody_deletes_an_account_with_a_password_without_naming_it() {
    run(async |app| {
        let ada = app.sign_in_by_link(app.add_user("ada", Role::Learner).await).await;
        let password = "a long enough password";
        ada.put("/api/v1/me/password", &json!({"new": password})).await.expect(204);
        for wrong in [json!({}), json!({"password": "wrong"})] {
            let refused = ada.delete_with("/api/v1/me", &wrong).await.problem(400, "bad_field");
            assert_eq!(refused.field.as_deref(), Some("password"));
        }
        // not even after a link: whoever found one would delete the account
        let again = app.sign_in_by_link(ada.id()).await;
        again.delete_with("/api/v1/me", &json!({})).await.problem(400, "bad_field");
        let answer = ada.delete_with("/api/v1/me", &json!({"password": password})).await.expect(204);
        assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        assert_eq!(app.count("select count(*) from users").await, 0);
    });
}

#[test]
fn an_administrator_hands_out_what_is_kept_without_being_in_it() {
    run(async |app| {
        let admin = app.person("root", Role::Admin).await;
        let (ada, _) = somebody(app, "ada").await;
        admin.post(&format!("/api/v1/users/{}/sign-in-links", ada.id()), &()).await.expect(201);
        let path = format!("/api/v1/users/{}/export", ada.id());
        let all: Value = admin.get(&path).await.json();
        assert_eq!(all["account"][0]["username"], "ada");
        let link = &all["audit"].as_array().unwrap()[1];
        assert_eq!(
            (&link["action"], &link["actor"], &link["address"]),
            (&json!("make_sign_in_link"), &Value::Null, &json!(""))
        );
        assert!(!all.to_string().contains("root"));
        admin.get(&format!("/api/v1/users/{}/export", UserId::new())).await.problem(404, "not_found");
    });
}

#[test]
fn what_is_too_old_is_removed_and_nothing_else() {
    run(async |app| {
        let (ada, old) = somebody(app, "ada").await;
        let recent = app.running_session(app.add_user("grace", Role::Learner).await).await;
        let held = app.running_session(app.add_user("held", Role::Learner).await).await;
        for session in [old, recent, held] {
            sqlx::query("update sessions set phase = 'ended', ended_at = now() - interval '10 days', removed_at = now() where id = $1")
                .bind(session.0)
                .execute(&app.pool)
                .await
                .unwrap();
        }
        app.execute("update sessions set ended_at = now() - interval '401 days' from users u where u.id = user_id and u.username in ('ada', 'held')").await;
        // of this one the cluster still holds something
        app.execute(
            "update sessions set removed_at = null from users u where u.id = user_id and u.username = 'held'",
        )
        .await;
        app.execute("update users set last_seen_at = now() - interval '800 days' where username in ('grace', 'ada.teacher')").await;

        let identity = &app.services.identity;
        let kept = Retention { sessions: None, audit: None, inactive_accounts: None };
        assert_eq!(identity.apply_retention(kept, &app.services.audit).await.unwrap(), Default::default());
        let removed = identity.apply_retention(Retention::default(), &app.services.audit).await.unwrap();
        assert_eq!((removed.sessions, removed.accounts), (1, 0));
        let left: Vec<uuid::Uuid> =
            sqlx::query_scalar("select id from sessions order by id").fetch_all(&app.pool).await.unwrap();
        assert_eq!(left, [recent.0, held.0]);
        assert_eq!(app.count("select count(*) from progress_events").await, 0);
        ada.get("/api/v1/me").await.expect(200);

        // an instructor may have been away for long; a learner's account goes
        let unused = Retention { inactive_accounts: Some(Days::new(730)), ..Retention::default() };
        let removed = identity.apply_retention(unused, &app.services.audit).await.unwrap();
        assert_eq!((removed.sessions, removed.accounts), (0, 1));
        assert_eq!(
            app.count("select count(*) from users where username in ('grace', 'ada.teacher')").await,
            1
        );
        let told = "select count(*) from audit_log where action = 'delete_user' and address = 'server'";
        assert_eq!(app.count(told).await, 1);
    });
}
