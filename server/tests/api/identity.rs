//! Links, logins, cookies and registrations.

use chrono::Duration;
use lectern_api::classes::JoinClass;
use lectern_api::identity::{Me, Registration, Role, SignIn, SignInLink};
use sha2::{Digest as _, Sha256};

use crate::support::client::{Answer, Client};
use crate::support::people::add_class;
use crate::support::{Setting, TestApp, run, run_with};

fn link(token: &str) -> SignIn {
    SignIn::Link { token: token.to_owned() }
}

fn registration(join_code: Option<&str>) -> Registration {
    Registration {
        join_code: join_code.unwrap_or("ABCD-EFGH").into(),
        username: "Ada".to_owned(),
        display_name: "Ada Lovelace".to_owned(),
        password: "a long enough password".to_owned(),
    }
}

async fn register(browser: &Client, wish: &Registration) -> Answer {
    browser.post("/api/v1/registrations", wish).await
}

async fn made_link(app: &TestApp, username: &str) -> String {
    let user = app.add_user(username, Role::Learner).await;
    app.services.identity.make_link(user).await.expect("an account").0.reveal()
}

#[test]
fn a_link_signs_in_once() {
    run(async |app| {
        let token = made_link(app, "ada").await;
        let me: Me = app.browser().sign_in(&link(&token)).await.expect(201).json();
        assert_eq!((me.user.username.as_str(), me.has_password), ("ada", false));
        app.browser().sign_in(&link(&token)).await.problem(401, "sign_in_refused");
    });
}

#[test]
fn a_link_used_from_two_places_at_once_signs_in_only_one() {
    run(async |app| {
        let sign_in = link(&made_link(app, "ada").await);
        let tries = (0..6).map(|_| async {
            let answer = app.browser().sign_in(&sign_in).await;
            answer.status.as_u16()
        });
        let mut statuses = futures::future::join_all(tries).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401, 401, 401, 401, 401]);
    });
}

#[test]
fn a_link_lasts_a_day() {
    run(async |app| {
        app.clock.advance(-Duration::hours(24) + Duration::minutes(1));
        let fresh = made_link(app, "ada").await;
        app.browser().sign_in(&link(&fresh)).await.expect(201);
        app.clock.advance(-Duration::minutes(2));
        let stale = made_link(app, "grace").await;
        app.browser().sign_in(&link(&stale)).await.problem(401, "sign_in_refused");
    });
}

#[test]
fn an_admins_link_leads_here_and_carries_its_token_where_no_server_sees_it() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.add_user("ada", Role::Learner).await);
        let path = format!("/api/v1/users/{ada}/sign-in-links");
        let made: SignInLink = admin.post(&path, &()).await.expect(201).json();
        let (page, token) = made.url.split_once('#').expect("the token stands in the fragment");
        assert_eq!(page, format!("{}/sign-in", app.base));
        let me: Me = app.browser().sign_in(&link(token)).await.expect(201).json();
        assert_eq!(me.user.id, ada);
    });
}

#[test]
fn a_login_ends_when_it_is_signed_out_and_when_its_time_is_over() {
    run(async |app| {
        let (ada, grace) = (app.learner("ada").await, app.learner("grace").await);
        let cookie = ada.cookie();
        let answer = ada.delete("/api/v1/logins/current").await.expect(204);
        assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        let stolen = app.browser().bare_request(reqwest::Method::GET, "/api/v1/me").header("cookie", cookie);
        assert_eq!(stolen.send().await.unwrap().status(), 401);

        grace.get("/api/v1/me").await.expect(200);
        app.execute("update logins set expires_at = now()").await;
        grace.get("/api/v1/me").await.problem(401, "not_signed_in");
    });
}

#[test]
fn a_login_lasts_fourteen_days() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        let identity = &app.services.identity;
        // a link is shorter lived than that, so it is made before the clock is put back
        let (token, _) = identity.make_link(ada).await.unwrap();
        app.clock.advance(-Duration::days(14) + Duration::minutes(5));
        let login = identity.sign_in_by_link(&token.reveal()).await.unwrap();
        assert!(identity.find_login(&login.token.reveal()).await.unwrap().is_some());
        app.execute("update logins set expires_at = expires_at - interval '5 minutes'").await;
        assert!(identity.find_login(&login.token.reveal()).await.unwrap().is_none());
    });
}

#[test]
fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    run(async |app| {
        let token = made_link(app, "ada").await;
        let answer = app.browser().sign_in(&link(&token)).await.expect(201);
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("lectern="), "{cookie}");
        for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=1209600"] {
            assert!(cookie.contains(flag), "{flag} is missing: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        let mut cookies = answer.headers.get_all("set-cookie").iter();
        let device = cookies.nth(1).unwrap().to_str().unwrap().to_owned();
        assert!(device.starts_with("lectern-device="), "{device}");
        for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(device.contains(flag), "{flag} is missing: {device}");
        }
        // it is no login
        let value = device.split(';').next().unwrap();
        for name in ["lectern-device=", "lectern="] {
            let cookie = value.replace("lectern-device=", name);
            let me = app.browser().bare_request(reqwest::Method::GET, "/api/v1/me").header("cookie", cookie);
            assert_eq!(me.send().await.unwrap().status(), 401);
        }
        let me: Me = answer.json();
        assert!(!cookie.contains(&me.csrf_token));
    });
}

#[test]
fn a_cookie_over_https_is_bound_to_this_host() {
    let setting = Setting { public_url: Some("https://lab.example"), ..Setting::default() };
    run_with(setting, async |app| {
        let token = made_link(app, "ada").await;
        let own = |request: reqwest::RequestBuilder| request.header("origin", "https://lab.example");
        let browser = app.browser();
        // its own address is not what the operator named
        browser.post("/api/v1/logins", &link(&token)).await.problem(403, "foreign_request");
        let request = own(browser.bare_request(reqwest::Method::POST, "/api/v1/logins")).json(&link(&token));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("__Host-lectern="), "{cookie}");
        for flag in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(flag), "{flag} is missing: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        // under its other name, which any sub-domain could set, it means nothing
        let value = cookie.split(';').next().unwrap().to_owned();
        for (cookie, status) in [(value.clone(), 200), (value.replace("__Host-", ""), 401)] {
            let me = browser.bare_request(reqwest::Method::GET, "/api/v1/me").header("cookie", cookie);
            assert_eq!(me.send().await.unwrap().status(), status);
        }
    });
}

#[test]
fn what_the_database_keeps_of_a_token_is_its_hash() {
    run(async |app| {
        let unused = made_link(app, "grace").await;
        let ada = app.sign_in_by_link(app.add_user("ada", Role::Learner).await).await;
        let cookie = ada.cookie();
        let device = ada.cookie_named("lectern-device").unwrap();
        let token = hex::decode(cookie.strip_prefix("lectern=").unwrap()).unwrap();
        let hashes: Vec<Vec<u8>> =
            sqlx::query_scalar("select token_hash from logins").fetch_all(&app.pool).await.unwrap();
        assert_eq!(hashes, [Sha256::digest(&token).to_vec()]);
        assert_ne!(ada.me.unwrap().csrf_token, hex::encode(&hashes[0]));
        let device = hex::decode(device.strip_prefix("lectern-device=").unwrap()).unwrap();
        let devices: Vec<Vec<u8>> =
            sqlx::query_scalar("select token_hash from known_devices").fetch_all(&app.pool).await.unwrap();
        assert_eq!(devices, [Sha256::digest(&device).to_vec()]);
        let links: Vec<Vec<u8>> =
            sqlx::query_scalar("select token_hash from sign_in_links").fetch_all(&app.pool).await.unwrap();
        assert_eq!(links, [Sha256::digest(hex::decode(unused).unwrap()).to_vec()]);
    });
}

#[test]
fn a_join_code_opens_an_account_in_its_class() {
    run(async |app| {
        let instructor = app.instructor("teacher").await;
        let class = add_class(&instructor, "Mondays").await;
        let code = class.join_code.as_deref().unwrap();
        let mut wish = registration(Some(&code.replace('-', "").to_lowercase()));
        let browser = app.browser();
        let me: Me = register(&browser, &wish).await.expect(201).json();
        assert_eq!((me.user.username.as_str(), me.user.role, me.has_password), ("ada", Role::Learner, true));
        browser.get("/api/v1/me").await.expect(200);
        let hash: String = sqlx::query_scalar("select password_hash from users where username = 'ada'")
            .fetch_one(&app.pool)
            .await
            .unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");

        wish.username = "ADA".to_owned();
        wish.display_name = "Somebody else".to_owned();
        let taken = register(&app.browser(), &wish).await.problem(409, "username_taken");
        assert_eq!(taken.field.as_deref(), Some("username"));
        assert_eq!(app.count("select count(*) from enrolments").await, 1);
        assert_eq!(app.count("select count(*) from users where role = 'learner'").await, 1);
    });
}

#[test]
fn a_registration_that_is_refused_leaves_nothing_and_names_the_field() {
    run(async |app| {
        let class = add_class(&app.instructor("teacher").await, "Mondays").await;
        let good = registration(class.join_code.as_deref());
        let bad = [
            (
                "join_code",
                "unknown_join_code",
                Registration { join_code: "ZZZZ-ZZZZ".into(), ..good.clone() },
            ),
            ("username", "bad_field", Registration { username: "<script>".into(), ..good.clone() }),
            ("display_name", "bad_field", Registration { display_name: " ".into(), ..good.clone() }),
            ("password", "bad_field", Registration { password: "too short".into(), ..good.clone() }),
        ];
        for (field, code, wish) in bad {
            let problem = register(&app.browser(), &wish).await.problem(400, code);
            assert_eq!(problem.field.as_deref(), Some(field));
        }
        assert_eq!(app.count("select count(*) from users where role = 'learner'").await, 0);
        assert_eq!(app.count("select count(*) from enrolments").await, 0);
    });
}

#[test]
fn guessing_join_codes_is_limited() {
    run(async |app| {
        let class = add_class(&app.instructor("teacher").await, "Mondays").await;
        app.execute(
            "insert into sign_in_failures values ('join:127.0.0.1', 99, now() + interval '15 minutes')",
        )
        .await;
        register(&app.browser(), &registration(None)).await.problem(400, "unknown_join_code");
        let closed = register(&app.browser(), &registration(class.join_code.as_deref())).await;
        let wait: u64 = closed.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((600..=900).contains(&wait), "{wait}");
        closed.problem(429, "too_many_failures");
        // who is signed in is counted by themselves
        let (ada, eve) = (app.learner("ada.l").await, app.learner("eve").await);
        for wrong in 0..20 {
            let code = JoinClass { join_code: format!("WRNG-{wrong:04}").into() };
            ada.post("/api/v1/enrolments", &code).await.problem(400, "unknown_join_code");
        }
        let right = JoinClass { join_code: class.join_code.as_deref().unwrap().into() };
        ada.post("/api/v1/enrolments", &right).await.problem(429, "too_many_failures");
        for _ in 0..25 {
            eve.post("/api/v1/enrolments", &right).await.expect(201);
        }
    });
}
