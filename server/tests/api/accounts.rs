//! The life of accounts: disabling, roles, links that reset, and deletion.

use chrono::Duration;
use lectern_api::classes::LearnerRow;
use lectern_api::identity::{ChangeUser, Me, Role, SetPassword, SignIn, SignInLink, User};
use lectern_api::ids::UserId;
use lectern_api::sessions::Session;

use crate::support::client::{Answer, Client};
use crate::support::people::{add_class, join_class};
use crate::support::stream::EventStream;
use crate::support::{TestApp, run};

const PASSWORD: &str = "a long enough password";
const DISABLE: ChangeUser = ChangeUser { disabled: Some(true), role: None, display_name: None };
const ENABLE: ChangeUser = ChangeUser { disabled: Some(false), role: None, display_name: None };

fn role(role: Role) -> ChangeUser {
    ChangeUser { role: Some(role), ..ChangeUser::default() }
}

async fn change(admin: &Client, user: UserId, change: ChangeUser) -> Answer {
    admin.patch(&format!("/api/v1/users/{user}"), &change).await
}

async fn reset(by: &Client, user: UserId) -> Answer {
    by.post(&format!("/api/v1/users/{user}/sign-in-links"), &()).await
}

fn link_of(made: &SignInLink) -> SignIn {
    SignIn::Link { token: made.url.split_once('#').expect("a token").1.to_owned() }
}

async fn set_password(browser: &Client, current: Option<&str>) -> Answer {
    let body = SetPassword { current: current.map(str::to_owned), new: PASSWORD.to_owned() };
    browser.put("/api/v1/me/password", &body).await
}

#[test]
fn disabling_an_account_ends_its_logins_streams_links_and_sessions() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.learner("ada").await);
        let session = app.running_session(ada.id()).await;
        let mut stream = EventStream::open(&ada, &format!("/api/v1/sessions/{session}/events")).await;
        stream.next::<Session>("session").await;
        let (token, _) = app.services.identity.make_link(ada.id()).await.unwrap();

        let disabled: User = change(&admin, ada.id(), DISABLE).await.json();
        assert!(disabled.disabled_at.is_some());
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        let link = SignIn::Link { token: token.reveal() };
        app.browser().sign_in(&link).await.problem(401, "sign_in_refused");
        assert_eq!(app.count("select count(*) from sessions where phase = 'ending'").await, 1);
        stream.ended().await;
        reset(&admin, ada.id()).await.problem(409, "account_disabled");

        // enabled, it can be signed in to again; what had ended stays ended
        change(&admin, ada.id(), ENABLE).await.expect(200);
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        let made: SignInLink = reset(&admin, ada.id()).await.json();
        app.browser().sign_in(&link_of(&made)).await.expect(201);
    });
}

#[test]
fn a_disabled_account_is_refused_like_a_wrong_password() {
    run(async |app| {
        let admin = app.person("root", Role::Admin).await;
        let ada = app.sign_in_by_link(app.add_user("ada", Role::Learner).await).await;
        set_password(&ada, None).await.expect(204);
        let with = |password: &str| SignIn::Password { username: "ada".into(), password: password.into() };
        let wrong = app.browser().sign_in(&with("not the password")).await;
        change(&admin, ada.id(), DISABLE).await.expect(200);
        let right = app.browser().sign_in(&with(PASSWORD)).await;
        assert_eq!((right.status, &right.body), (wrong.status, &wrong.body));
        right.problem(401, "sign_in_refused");
    });
}

#[test]
fn a_new_role_counts_at_once_and_ends_the_logins_of_the_old_one() {
    run(async |app| {
        let (admin, omar) = (app.person("root", Role::Admin).await, app.instructor("omar").await);
        let ada = app.learner("ada").await;
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        let session = app.running_session(ada.id()).await;
        let progress = format!("/api/v1/sessions/{session}/progress");
        omar.get(&progress).await.expect(200);

        let changed: User = change(&admin, omar.id(), role(Role::Learner)).await.json();
        assert_eq!(changed.role, Role::Learner);
        omar.get("/api/v1/me").await.problem(401, "not_signed_in");
        // the class is still theirs, which is of no use to a learner
        let again = app.sign_in(omar.id()).await;
        again.get(&progress).await.problem(404, "not_found");
        again.get(&format!("/api/v1/classes/{}/learners", class.id)).await.problem(404, "not_found");
        reset(&again, ada.id()).await.problem(404, "not_found");

        // the same role changes nothing
        change(&admin, omar.id(), role(Role::Learner)).await.expect(200);
        again.get("/api/v1/me").await.expect(200);
    });
}

#[test]
fn the_last_administrator_who_can_sign_in_stays() {
    run(async |app| {
        let admin = app.person("root", Role::Admin).await;
        let other = app.add_user("other", Role::Admin).await;
        change(&admin, other, DISABLE).await.expect(200);
        let own = format!("/api/v1/users/{}", admin.id());
        change(&admin, admin.id(), DISABLE).await.problem(409, "last_admin");
        change(&admin, admin.id(), role(Role::Author)).await.problem(409, "last_admin");
        admin.delete(&own).await.problem(409, "last_admin");
        admin.delete_with("/api/v1/me", &serde_json::json!({})).await.problem(409, "last_admin");
        admin.get("/api/v1/me").await.expect(200);

        change(&admin, other, ENABLE).await.expect(200);
        change(&admin, admin.id(), role(Role::Author)).await.expect(200);
    });
}

#[test]
fn two_administrators_who_demote_each_other_at_once_do_not_both_succeed() {
    run(async |app| {
        for round in 0..5 {
            let (a, b) = (format!("a{round}"), format!("b{round}"));
            let (a, b) = (app.person(&a, Role::Admin).await, app.person(&b, Role::Admin).await);
            let (one, two) =
                tokio::join!(change(&a, b.id(), role(Role::Learner)), change(&b, a.id(), DISABLE));
            let done = [&one, &two].iter().filter(|answer| answer.status == 200).count();
            assert_eq!(done, 1, "{one:?} {two:?}");
            app.execute("update users set role = 'learner'").await;
        }
    });
}

#[test]
fn after_a_link_a_new_password_needs_no_old_one_once_and_in_that_login_only() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        app.give_password(ada).await;
        let elsewhere = app.sign_in(ada).await;
        assert!(elsewhere.me.as_ref().unwrap().needs_current_password);
        let here = app.sign_in_by_link(ada).await;
        assert!(!here.me.as_ref().unwrap().needs_current_password);

        let refused = set_password(&elsewhere, None).await.problem(400, "bad_field");
        assert_eq!(refused.field.as_deref(), Some("current"));
        set_password(&here, None).await.expect(204);
        elsewhere.get("/api/v1/me").await.problem(401, "not_signed_in");
        let me: Me = here.get("/api/v1/me").await.json();
        assert!(me.has_password && me.needs_current_password);
        set_password(&here, None).await.problem(400, "bad_field");
        set_password(&here, Some(PASSWORD)).await.expect(204);
    });
}

#[test]
fn an_hour_after_a_link_the_old_password_is_needed_again() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        app.give_password(ada).await;
        app.clock.advance(-Duration::minutes(59));
        let in_time = app.sign_in_by_link(ada).await;
        app.clock.advance(-Duration::minutes(2));
        let late = app.sign_in_by_link(ada).await;
        set_password(&late, None).await.problem(400, "bad_field");
        late.get("/api/v1/me").await.expect(200);
        set_password(&in_time, None).await.expect(204);
    });
}

#[test]
fn a_link_withdraws_the_earlier_ones_and_so_does_a_new_password() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.learner("ada").await);
        let first: SignInLink = reset(&admin, ada.id()).await.json();
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        let second: SignInLink = reset(&admin, ada.id()).await.json();
        app.browser().sign_in(&link_of(&first)).await.problem(401, "sign_in_refused");
        let mut browser = app.browser();
        browser.sign_in(&link_of(&second)).await.expect(201);

        let (unused, _) = app.services.identity.make_link(ada.id()).await.unwrap();
        set_password(&browser, None).await.expect(204);
        let unused = SignIn::Link { token: unused.reveal() };
        app.browser().sign_in(&unused).await.problem(401, "sign_in_refused");
    });
}

#[test]
fn each_start_withdraws_the_administrators_link_of_the_one_before() {
    run(async |app| {
        let identity = &app.services.identity;
        let first = identity.first_admin_link().await.unwrap().unwrap();
        let mut admin = app.browser();
        admin.sign_in(&SignIn::Link { token: first.reveal() }).await.expect(201);
        let second = identity.first_admin_link().await.unwrap().unwrap();
        let third = identity.first_admin_link().await.unwrap().unwrap();
        admin.get("/api/v1/me").await.expect(200);
        let with = |token: &lectern_server::identity::Token| SignIn::Link { token: token.reveal() };
        app.browser().sign_in(&with(&second)).await.problem(401, "sign_in_refused");
        app.browser().sign_in(&with(&third)).await.expect(201);
    });
}

#[test]
fn an_instructor_resets_learners_of_their_own_class_and_nobody_else() {
    run(async |app| {
        let (ours, theirs) = (app.instructor("ours").await, app.instructor("theirs").await);
        let class = add_class(&ours, "Mondays").await;
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let colleague = app.instructor("colleague").await;
        let admin = app.person("root", Role::Admin).await;
        for enrolled in [&ada, &colleague, &admin] {
            join_class(enrolled, &class).await;
        }
        let made: SignInLink = reset(&ours, ada.id()).await.expect(201).json();
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        app.browser().sign_in(&link_of(&made)).await.expect(201);

        for other in [eve.id(), colleague.id(), admin.id(), ours.id(), UserId::new()] {
            reset(&ours, other).await.problem(404, "not_found");
        }
        reset(&theirs, ada.id()).await.problem(404, "not_found");
        for untouched in [&eve, &colleague, &admin] {
            untouched.get("/api/v1/me").await.expect(200);
        }
    });
}

#[test]
fn deleting_an_account_ends_its_sessions_and_keeps_what_the_cluster_is_cleaned_up_by() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.learner("ada").await);
        let (omar, id) = (app.instructor("omar").await, ada.id());
        join_class(&ada, &add_class(&omar, "Mondays").await).await;
        let session = app.running_session(id).await;
        let namespace: String = sqlx::query_scalar("select namespace from sessions where id = $1")
            .bind(session.0)
            .fetch_one(&app.pool)
            .await
            .unwrap();

        admin.delete(&format!("/api/v1/users/{id}")).await.expect(204);
        ada.get("/api/v1/me").await.problem(401, "not_signed_in");
        for table in [
            "select count(*) from users where username = 'ada'",
            "select count(*) from enrolments",
            "select count(*) from logins where user_id not in (select id from users)",
            "select count(*) from progress_events",
        ] {
            assert_eq!(app.count(table).await, 0, "{table}");
        }
        let left: (String, String, Option<uuid::Uuid>) =
            sqlx::query_as("select phase, namespace, user_id from sessions where id = $1")
                .bind(session.0)
                .fetch_one(&app.pool)
                .await
                .unwrap();
        assert_eq!(left, ("ending".to_owned(), namespace, None));
        admin.delete(&format!("/api/v1/users/{id}")).await.problem(404, "not_found");
        // nobody is shown where a learner was
        let rows: Vec<LearnerRow> = {
            let classes: Vec<lectern_api::classes::Class> = omar.get("/api/v1/classes").await.json();
            omar.get(&format!("/api/v1/classes/{}/learners", classes[0].id)).await.json()
        };
        assert_eq!(rows, []);
    });
}

#[test]
fn the_database_itself_keeps_an_account_whose_session_still_runs() {
    run(async |app| {
        let ada = app.add_user("ada", Role::Learner).await;
        app.running_session(ada).await;
        let deleted = sqlx::query("delete from users where username = 'ada'").execute(&app.pool).await;
        let error = deleted.unwrap_err();
        assert!(error.to_string().contains("somebody_learns"), "{error}");
    });
}

#[test]
fn an_account_that_is_deleted_while_it_starts_labs_leaves_no_session_that_runs() {
    run(async |app: &TestApp| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.learner("ada").await);
        let starting = async {
            for _ in 0..20 {
                let start = serde_json::json!({"lab": crate::support::lab_folder::LAB});
                ada.post("/api/v1/sessions", &start).await;
            }
        };
        let path = format!("/api/v1/users/{}", ada.id());
        let (deleted, ()) = tokio::join!(admin.delete(&path), starting);
        deleted.expect(204);
        let live = "select count(*) from sessions where phase in ('allocated', 'running')";
        assert_eq!(app.count(live).await, 0);
    });
}

#[test]
fn a_name_to_show_is_changed_without_ending_anything() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.learner("ada").await);
        let renamed = ChangeUser { display_name: Some(" Ada L. ".to_owned()), ..ChangeUser::default() };
        let user: User = change(&admin, ada.id(), renamed).await.json();
        assert_eq!((user.display_name.as_str(), user.role), ("Ada L.", Role::Learner));
        let me: Me = ada.get("/api/v1/me").await.json();
        assert_eq!(me.user.display_name, "Ada L.");
        let none = ChangeUser { display_name: Some(" ".to_owned()), ..ChangeUser::default() };
        let refused = change(&admin, ada.id(), none).await.problem(400, "bad_field");
        assert_eq!(refused.field.as_deref(), Some("display_name"));
    });
}
