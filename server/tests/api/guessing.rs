//! Guessing passwords: what closes, what only slows, and whom it does not concern.

use std::time::{Duration, Instant};

use lectern_api::classes::JoinClass;
use lectern_api::identity::{NewUser, Role, SignIn};
use lectern_server::identity::Token;

use crate::support::client::{Answer, Client};
use crate::support::people::add_class;
use crate::support::{Setting, TestApp, run, run_with};

const PASSWORD: &str = "a long enough password";
const HERE: &str = "198.51.100.1";
const THERE: &str = "203.0.113.9";

/// Behind a proxy, which is this machine.
fn proxied() -> Setting {
    Setting { trusted_proxies: &["127.0.0.0/8"], ..Setting::default() }
}

async fn add_ada(app: &TestApp) {
    let new = NewUser {
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        role: Role::Learner,
        password: Some(PASSWORD.to_owned()),
    };
    app.services.identity.add_user(new).await.expect("a name that is free");
}

async fn sign_in(mut browser: Client, username: &str, password: &str) -> Answer {
    let wish = SignIn::Password { username: username.to_owned(), password: password.to_owned() };
    browser.sign_in(&wish).await
}

async fn note_failures(app: &TestApp, key: &str, count: i32) {
    sqlx::query("insert into sign_in_failures values ($1, $2, now() + interval '15 minutes')")
        .bind(key)
        .bind(count)
        .execute(&app.pool)
        .await
        .expect("a key that has no row");
}

#[test]
fn ten_wrong_passwords_close_a_name_to_one_address_only() {
    run_with(proxied(), async |app| {
        add_ada(app).await;
        note_failures(app, &format!("pair:ada {HERE}"), 9).await;
        sign_in(app.browser_at(HERE), "ADA", "the tenth wrong one").await.problem(401, "sign_in_refused");
        let closed = sign_in(app.browser_at(HERE), "ada", PASSWORD).await;
        let wait: u64 = closed.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((600..=900).contains(&wait), "{wait}");
        assert!(closed.problem(429, "too_many_failures").detail.contains("15 minutes"));
        // neither her other places nor others at this one
        sign_in(app.browser_at(THERE), "ada", PASSWORD).await.expect(201);
        sign_in(app.browser_at(HERE), "grace", PASSWORD).await.problem(401, "sign_in_refused");
        app.execute("update sign_in_failures set window_ends_at = now() - interval '1 second'").await;
        sign_in(app.browser_at(HERE), "ada", PASSWORD).await.expect(201);
    });
}

#[test]
fn a_right_password_forgets_the_wrong_ones_before_it() {
    run_with(proxied(), async |app| {
        add_ada(app).await;
        note_failures(app, &format!("pair:ada {HERE}"), 8).await;
        sign_in(app.browser_at(HERE), "ada", PASSWORD).await.expect(201);
        assert_eq!(app.count("select count(*) from sign_in_failures").await, 0);
    });
}

#[test]
fn sixty_wrong_passwords_at_once_are_compared_ten_times() {
    run(async |app| {
        add_ada(app).await;
        let browser = app.browser();
        let tries = (0..60)
            .map(async |number| sign_in(browser.clone(), "ada", &format!("wrong number {number}")).await);
        let answers = futures::future::join_all(tries).await;
        let compared = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(compared, 10);
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
    });
}

#[test]
fn thirty_typing_errors_of_a_class_close_nobody_out() {
    run(async |app| {
        add_ada(app).await;
        let class = add_class(&app.instructor("teacher").await, "Mondays").await;
        let code = class.join_code.unwrap();
        let registration = |number: usize, code: &str| {
            serde_json::json!({
                "join_code": code, "username": format!("learner{number}"), "display_name": "L",
                "password": PASSWORD})
        };
        for number in 0..30 {
            sign_in(app.browser(), &format!("learner{number}"), "mistyped").await.expect(401);
            let mistyped = registration(number, "WRNG-CODE");
            app.browser().post("/api/v1/registrations", &mistyped).await.expect(400);
            let link = SignIn::Link { token: Token::random().reveal() };
            app.browser().sign_in(&link).await.problem(401, "sign_in_refused");
        }
        sign_in(app.browser(), "ada", PASSWORD).await.expect(201);
        app.browser().post("/api/v1/registrations", &registration(1, &code)).await.expect(201);
        app.learner("by.link")
            .await
            .post("/api/v1/enrolments", &JoinClass { join_code: code.into() })
            .await
            .expect(201);
    });
}

#[test]
fn what_others_guess_does_not_concern_a_browser_in_which_somebody_signed_in_before() {
    run_with(proxied(), async |app| {
        add_ada(app).await;
        let mut known = app.browser_at(HERE);
        let right = SignIn::Password { username: "ada".to_owned(), password: PASSWORD.to_owned() };
        known.sign_in(&right).await.expect(201);
        known.delete("/api/v1/logins/current").await.expect(204);
        note_failures(app, &format!("pair:ada {HERE}"), 10).await;
        note_failures(app, "name:ada", 1_000_000).await;
        sign_in(app.browser_at(HERE), "ada", PASSWORD).await.problem(429, "too_many_failures");
        let began = Instant::now();
        known.sign_in(&right).await.expect(201);
        assert!(began.elapsed() < Duration::from_secs(4), "it was slowed: {:?}", began.elapsed());

        // it is known for her only, and may not guess without end either
        note_failures(app, &format!("pair:grace {HERE}"), 10).await;
        let other = SignIn::Password { username: "grace".to_owned(), password: PASSWORD.to_owned() };
        known.sign_in(&other).await.problem(429, "too_many_failures");
        let wrong = SignIn::Password { username: "ada".to_owned(), password: "wrong".to_owned() };
        known.sign_in(&wrong).await.problem(401, "sign_in_refused");
        app.execute("update sign_in_failures set failures = 20 where key like 'device:%'").await;
        known.sign_in(&right).await.problem(429, "too_many_failures");
        // nor does a cookie that somebody made up make a browser known
        let request = app
            .browser_at(HERE)
            .request(reqwest::Method::POST, "/api/v1/logins")
            .header("cookie", format!("lectern-device={}", Token::random().reveal()))
            .json(&right);
        assert_eq!(request.send().await.unwrap().status(), 429);
    });
}

#[test]
fn a_name_that_is_guessed_at_from_everywhere_is_slow_and_not_closed() {
    run_with(proxied(), async |app| {
        add_ada(app).await;
        let other = app.learner("other").await;
        note_failures(app, "name:ada", 16).await;
        let began = Instant::now();
        // more than there are connections to the database; none waits with one
        let slow =
            (0..12).map(|number| sign_in(app.browser_at(&format!("198.51.100.{number}")), "ada", PASSWORD));
        let meanwhile = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let asked = Instant::now();
            other.get("/api/v1/me").await.expect(200);
            assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        };
        let (answers, ()) = tokio::join!(futures::future::join_all(slow), meanwhile);
        for answer in answers {
            answer.expect(201);
        }
        assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    });
}

#[test]
fn a_forged_address_is_believed_of_no_one_but_a_trusted_proxy() {
    run(async |app| {
        add_ada(app).await;
        note_failures(app, "pair:ada 127.0.0.1", 10).await;
        sign_in(app.browser_at(HERE), "ada", PASSWORD).await.problem(429, "too_many_failures");
    });
    run_with(proxied(), async |app| {
        add_ada(app).await;
        note_failures(app, &format!("pair:ada {HERE}"), 10).await;
        note_failures(app, "pair:ada 2001:db8:1:2::", 10).await;
        for closed in [HERE, "1.1.1.1, 198.51.100.1", "2001:db8:1:2:3:4:5:6", "[2001:db8:1:2::9]:443"] {
            sign_in(app.browser_at(closed), "ada", PASSWORD).await.problem(429, "too_many_failures");
        }
        sign_in(app.browser_at("198.51.100.1, 203.0.113.9"), "ada", PASSWORD).await.expect(201);
    });
}

#[test]
fn what_has_run_out_is_removed_apart_from_requests_and_found_by_an_index() {
    run(async |app| {
        let ada = app.sign_in_by_link(app.add_user("ada", Role::Learner).await).await;
        app.execute("update logins set expires_at = now() - interval '1 hour'").await;
        app.execute("update known_devices set expires_at = now() - interval '1 hour'").await;
        app.execute("insert into sign_in_failures values ('pair:x', 3, now() - interval '1 hour')").await;
        let grace = app.sign_in_by_link(app.add_user("grace", Role::Learner).await).await;
        let mut other = app.browser();
        let wrong = SignIn::Password { username: "nobody".to_owned(), password: "wrong".to_owned() };
        other.sign_in(&wrong).await.expect(401);
        assert_eq!(app.count("select count(*) from logins").await, 2);
        assert_eq!(app.count("select count(*) from sign_in_failures").await, 3);
        app.services.identity.sweep().await.unwrap();
        assert_eq!(app.count("select count(*) from logins").await, 1);
        assert_eq!(app.count("select count(*) from known_devices").await, 1);
        assert_eq!(app.count("select count(*) from sign_in_failures").await, 2);
        grace.get("/api/v1/me").await.expect(200);
        ada.get("/api/v1/me").await.expect(401);
        let mut conn = app.pool.acquire().await.unwrap();
        sqlx::query("set enable_seqscan = off").execute(&mut *conn).await.unwrap();
        for (table, column) in [
            ("logins", "expires_at"),
            ("sign_in_links", "expires_at"),
            ("known_devices", "expires_at"),
            ("sign_in_failures", "window_ends_at"),
        ] {
            let statement = format!("explain delete from {table} where {column} < now()");
            let plan: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *conn).await.unwrap();
            assert!(plan.join("\n").contains(&format!("{table}_by_end")), "{plan:?}");
        }
    });
}
