//! The browsers in which somebody is signed in: seeing them, ending them, and how they end by themselves.

use chrono::{TimeDelta, Utc};
use lectern_api::identity::{LoginInfo, Role, SignIn};
use lectern_api::ids::LoginId;
use reqwest::Method;

use crate::support::client::{Client, send};
use crate::support::{TestApp, run};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn list(browser: &Client) -> Vec<LoginInfo> {
    browser.get("/api/v1/logins").await.json()
}

async fn current(browser: &Client) -> LoginInfo {
    let all = list(browser).await;
    all.into_iter().find(|login| login.current).expect("the one that asks is among them")
}

#[test]
fn somebody_sees_where_they_are_signed_in_and_with_what() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        let (token, _) = app.services.identity.make_link(ada).await.unwrap();
        let browser = app.browser();
        let body = SignIn::Link { token: token.reveal() };
        let request =
            browser.request(Method::POST, "/api/v1/logins").header("user-agent", FIREFOX).json(&body);
        send(request).await.expect(201);
        let other = app.sign_in(ada).await;
        app.learner("grace").await;

        let all = list(&browser).await;
        assert_eq!(all.len(), 2);
        assert_eq!(all.iter().filter(|login| login.current).count(), 1);
        let mine = current(&browser).await;
        assert_eq!((mine.device.as_str(), mine.address.as_str()), ("Firefox on Linux", "127.0.0.1"));
        assert!(mine.expires_at > Utc::now() + TimeDelta::days(13));
        assert_ne!(mine.id, current(&other).await.id);
        // what is listed is of no use for signing in
        let listed = browser.get("/api/v1/logins").await.body;
        let (token, csrf) = (other.cookie(), other.me.as_ref().unwrap().csrf_token.clone());
        assert!(!listed.contains(token.split_once('=').unwrap().1) && !listed.contains(&csrf));
    });
}

#[test]
fn one_login_is_ended_without_the_others() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        let (here, there) = (app.sign_in(ada).await, app.sign_in(ada).await);
        let eve = app.learner("eve").await;
        let login = current(&there).await.id;
        for other in [login, LoginId::new()] {
            eve.delete(&format!("/api/v1/logins/{other}")).await.problem(404, "not_found");
        }
        here.delete(&format!("/api/v1/logins/{login}")).await.expect(204);
        there.get("/api/v1/me").await.problem(401, "not_signed_in");
        here.get("/api/v1/me").await.expect(200);
        assert_eq!(list(&here).await.len(), 1);
    });
}

#[test]
fn signing_out_everywhere_ends_all_logins_of_that_person() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        let (here, there) = (app.sign_in(ada).await, app.sign_in(ada).await);
        let eve = app.learner("eve").await;
        let answer = here.delete("/api/v1/logins").await.expect(204);
        assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        for gone in [&here, &there] {
            gone.get("/api/v1/me").await.problem(401, "not_signed_in");
        }
        eve.get("/api/v1/me").await.expect(200);

        let admin = app.person("root", Role::Admin).await;
        admin.delete(&format!("/api/v1/users/{}/logins", eve.id())).await.expect(204);
        eve.get("/api/v1/me").await.problem(401, "not_signed_in");
    });
}

async fn set_seen(app: &TestApp, minutes_ago: i32) {
    sqlx::query("update logins set last_seen_at = now() - make_interval(mins => $1)")
        .bind(minutes_ago)
        .execute(&app.pool)
        .await
        .unwrap();
}

#[test]
fn a_login_that_nobody_uses_for_a_week_ends_and_use_is_noted_every_few_minutes() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let seen = "select count(*) from logins where last_seen_at > now() - interval '1 minute'";
        set_seen(app, 4).await;
        ada.get("/api/v1/me").await.expect(200);
        assert_eq!(app.count(seen).await, 0, "a request wrote to the database for nothing");
        set_seen(app, 6).await;
        ada.get("/api/v1/me").await.expect(200);
        assert_eq!(app.count(seen).await, 1);
        let noted = "select count(*) from users where last_seen_at > now() - interval '1 minute'";
        assert_eq!(app.count(noted).await, 1);

        set_seen(app, 7 * 24 * 60 - 1).await;
        ada.get("/api/v1/me").await.expect(200);
        set_seen(app, 7 * 24 * 60 + 1).await;
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
    });
}
