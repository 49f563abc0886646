//! How failures are answered.

use lectern_api::identity::{Role, User};
use reqwest::Method;

use crate::support::client::{Client, send};
use crate::support::proxy::Proxy;
use crate::support::{Setting, environment, in_time, run, run_with};

#[test]
fn a_body_that_cannot_be_read_is_the_callers_mistake() {
    run(async |app| {
        let ours = app.instructor("ours").await;
        for (content_type, body) in [
            ("application/json", "{\"name\": "),
            ("application/json", "{\"title\": \"Mondays\"}"),
            ("application/json", "[]"),
            ("application/json", ""),
            ("text/plain", "{\"name\": \"Mondays\"}"),
        ] {
            let request =
                ours.request(Method::POST, "/api/v1/classes").header("content-type", content_type).body(body);
            let problem = send(request).await.problem(400, "unreadable_request");
            assert_eq!(problem.title, "Bad Request");
        }
        let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(600 * 1024));
        let request = ours
            .request(Method::POST, "/api/v1/classes")
            .header("content-type", "application/json")
            .body(huge);
        send(request).await.problem(400, "unreadable_request");
        assert_eq!(app.count("select count(*) from classes").await, 0);
    });
}

#[test]
fn an_address_that_is_no_endpoint_is_a_problem_too() {
    run(async |app| {
        let ada = app.learner("ada").await;
        ada.get("/api/v1/nothing-here").await.problem(404, "not_found");
        ada.delete("/api/v1/labs").await.problem(404, "not_found");
    });
}

#[test]
fn a_database_that_goes_away_is_told_with_when_to_try_again_and_used_again_when_it_is_back() {
    let mut proxy = environment::block_on(Proxy::open());
    let setting = Setting { database_port: Some(proxy.port), ..Setting::default() };
    run_with(setting, async move |app| {
        let root = app.person("root", Role::Admin).await;
        root.get("/api/v1/users").await.expect(200);
        proxy.cut().await;
        let new = serde_json::json!({"username": "ada", "display_name": "Ada", "role": "learner"});
        let answers = [
            root.get("/api/v1/users").await,
            root.post("/api/v1/users", &new).await,
            root.post("/api/v1/logins", &serde_json::json!({"method": "link", "token": "00".repeat(32)}))
                .await,
        ];
        for answer in answers {
            assert_eq!(answer.headers["retry-after"], "3");
            let problem = answer.problem(503, "database_unavailable");
            assert!(problem.detail.contains("try again"), "{problem:?}");
        }
        let ready = root.get("/readyz").await.expect(503);
        assert!(ready.body.contains("database") && !ready.body.contains("cluster"), "{}", ready.body);
        root.get("/healthz").await.expect(200);

        proxy.mend().await;
        let users = in_time("the database's return", async {
            loop {
                let answer = root.get("/api/v1/users").await;
                if answer.status == 200 {
                    return answer.json::<Vec<User>>();
                }
                answer.problem(503, "database_unavailable");
            }
        })
        .await;
        assert_eq!(users.len(), 1);
        // what was said last counts for a second
        in_time("readiness", async { while root.get("/readyz").await.status != 200 {} }).await;
    });
}

#[test]
fn the_apps_pages_may_not_be_framed_nor_run_foreign_scripts() {
    run(async |app| {
        let page = app.browser().get("/classes").await;
        // without the built web app there is no page, and what to do is said
        if page.status == 404 {
            assert!(page.body.contains("cargo xtask build"), "{}", page.body);
            return;
        }
        let policy = page.expect(200).headers["content-security-policy"].to_str().unwrap().to_owned();
        for part in ["default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).unwrap();
        assert!(!scripts.contains("unsafe-inline"), "{policy}");
    });
}

#[test]
fn a_server_that_is_told_to_stop_does_so() {
    run(async |app| {
        let server = app.another_server();
        let browser = Client::new(&server.base);
        browser.get("/healthz").await.expect(200);
        server.stop().await;
        assert!(browser.request(Method::GET, "/healthz").send().await.is_err(), "it still answers");
    });
}
