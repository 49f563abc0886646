//! Passwords: signing in with one, setting one, and the limit on failures. Hashing takes long, so these are few.

use crate::support::client::Answer;
use crate::support::{TestApp, run};
use lectern_api::identity::{Me, NewUser, Role, SetPassword, SignIn};

const PASSWORD: &str = "a long enough password";

fn with_password(username: &str, password: &str) -> SignIn {
    SignIn::Password { username: username.to_owned(), password: password.to_owned() }
}

async fn add_ada(app: &TestApp) {
    let new = NewUser {
        username: "Ada".to_owned(),
        display_name: "Ada".to_owned(),
        role: Role::Learner,
        password: Some(PASSWORD.to_owned()),
    };
    app.services.identity.add_user(new).await.expect("a name that is free");
}

async fn try_sign_in(app: &TestApp, username: &str, password: &str) -> Answer {
    app.browser().sign_in(&with_password(username, password)).await
}

#[test]
fn a_password_signs_in_whatever_the_case_of_the_name() {
    run(async |app| {
        add_ada(app).await;
        let mut browser = app.browser();
        let me: Me = browser.sign_in(&with_password(" ADA ", PASSWORD)).await.expect(201).json();
        assert_eq!((me.user.username.as_str(), me.has_password), ("ada", true));
        let again: Me = browser.get("/api/v1/me").await.json();
        assert_eq!((again.user.id, &again.csrf_token), (me.user.id, &me.csrf_token));
        assert!(again.user.last_seen_at.is_some());
    });
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    run(async |app| {
        add_ada(app).await;
        app.add_user("grace", Role::Learner).await;
        let wrong = try_sign_in(app, "ada", "not the password").await;
        for (username, password) in [
            ("nobody.here", PASSWORD),
            // an account without a password, and a name that nobody could have
            ("grace", ""),
            ("no such name!", PASSWORD),
        ] {
            let other = try_sign_in(app, username, password).await;
            assert_eq!((other.status, &other.body), (wrong.status, &wrong.body), "{username}");
            assert!(!other.headers.contains_key("set-cookie"));
        }
        wrong.problem(401, "sign_in_refused");
        assert_eq!(app.count("select count(*) from logins").await, 0);
    });
}

#[test]
fn a_new_password_ends_the_other_logins_and_replaces_the_old_one() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        let (here, there) = (app.sign_in(ada).await, app.sign_in(ada).await);
        let set = |current: Option<&str>, new: &str| SetPassword {
            current: current.map(str::to_owned),
            new: new.to_owned(),
        };
        let short = here.put("/api/v1/me/password", &set(None, "too short")).await.problem(400, "bad_field");
        assert_eq!(short.field.as_deref(), Some("password"));
        there.get("/api/v1/me").await.expect(200);

        here.put("/api/v1/me/password", &set(None, PASSWORD)).await.expect(204);
        here.get("/api/v1/me").await.expect(200);
        there.get("/api/v1/me").await.problem(401, "not_signed_in");

        // from now on the present one must be named
        for wrong in [None, Some("not the password")] {
            let refused = here.put("/api/v1/me/password", &set(wrong, "another long one")).await;
            // not 401, which would sign the page out
            assert_eq!(refused.problem(400, "bad_field").field.as_deref(), Some("current"));
        }
        app.execute("update sign_in_failures set failures = 10 where key like 'password:%'").await;
        here.put("/api/v1/me/password", &set(Some(PASSWORD), "another long one")).await.expect(429);
        app.execute("delete from sign_in_failures").await;
        try_sign_in(app, "ada", PASSWORD).await.expect(201);
    });
}

#[test]
fn the_administrators_first_link_is_made_until_there_is_a_password() {
    run(async |app| {
        let identity = &app.services.identity;
        let token = identity.first_admin_link().await.unwrap().expect("there is no administrator yet");
        let mut admin = app.browser();
        let me: Me = admin.sign_in(&SignIn::Link { token: token.reveal() }).await.expect(201).json();
        assert_eq!((me.user.role, me.has_password), (Role::Admin, false));
        assert!(
            identity.first_admin_link().await.unwrap().is_some(),
            "a link that went unused is made again"
        );
        assert_eq!(app.count("select count(*) from users").await, 1);

        let new = SetPassword { current: None, new: PASSWORD.to_owned() };
        admin.put("/api/v1/me/password", &new).await.expect(204);
        assert!(identity.first_admin_link().await.unwrap().is_none());
    });
}
