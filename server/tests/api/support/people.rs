//! Learners, instructors, classes and sessions, made without a page.

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::classes::{Class, JoinClass, NewClass};
use lectern_api::identity::{NewUser, Role, SignIn};
use lectern_api::ids::{SessionId, UserId};
use lectern_api::page::PageLink;
use lectern_server::cluster::SessionNames;
use lectern_server::identity::Token;
use lectern_server::lifecycle::Event;
use lectern_server::store;
use lectern_server::store::sessions::transition::{Pick, transition};
use lectern_server::store::sessions::{NewSession, Terms, insert_session};

use super::TestApp;
use super::client::Client;
use super::lab_folder::{LAB, PAGES};

/// How long the sessions run that are made here: two hours, and two more with extensions.
pub const TERMS: Terms =
    Terms { duration_secs: 7200, overtime_secs: 1800, deadline_secs: 14_400, orphaned_secs: None };

/// A hash of a password that is not written down anywhere.
const UNKNOWN_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Yl8VnCbPqB6QHGPjvhfPQKPFCVbQqHXKqYCEyOPmRaE";

impl TestApp {
    /// Makes an account without a password; hashing one takes long.
    pub async fn add_user(&self, username: &str, role: Role) -> UserId {
        let display_name = username.to_uppercase();
        let new = NewUser { username: username.to_owned(), display_name, role, password: None };
        self.services.identity.add_user(new).await.expect("a name that is free").id
    }

    /// A browser in which this person signed in some time ago.
    pub async fn sign_in(&self, user: UserId) -> Client {
        let (token, until) = (Token::random(), Utc::now() + TimeDelta::days(14));
        let mut conn = self.pool.acquire().await.expect("the database answers");
        let login = store::identity::insert_login(&mut conn, &token.hash(), user, until).await;
        login.expect("a login can be added").expect("an account that is enabled");
        let mut browser = self.browser();
        browser.keep_cookie(&format!("lectern={}", token.reveal()));
        browser.me = Some(browser.get("/api/v1/me").await.json());
        browser
    }

    /// A browser in which this person signed in by a one-time link.
    pub async fn sign_in_by_link(&self, user: UserId) -> Client {
        let (token, _) = self.services.identity.make_link(user).await.expect("an account");
        let mut browser = self.browser();
        browser.sign_in(&SignIn::Link { token: token.reveal() }).await.expect(201);
        browser
    }

    /// Sets an account's password without hashing one: what it is nobody knows.
    pub async fn give_password(&self, user: UserId) {
        let mut conn = self.pool.acquire().await.expect("the database answers");
        store::users::update_password(&mut conn, user, UNKNOWN_PASSWORD).await.expect("an account");
    }

    /// Makes an account and signs it in.
    pub async fn person(&self, username: &str, role: Role) -> Client {
        let user = self.add_user(username, role).await;
        self.sign_in(user).await
    }

    pub async fn learner(&self, username: &str) -> Client {
        self.person(username, Role::Learner).await
    }

    pub async fn instructor(&self, username: &str) -> Client {
        self.person(username, Role::Instructor).await
    }

    /// A session that runs, as far as the database knows.
    pub async fn running_session(&self, user: UserId) -> SessionId {
        self.session(user, Some(Utc::now() + TimeDelta::hours(2))).await
    }

    /// A session that is being started by a server which has stopped saying so.
    pub async fn abandoned_session(&self, user: UserId) -> SessionId {
        self.session(user, None).await
    }

    async fn session(&self, user: UserId, expires_at: Option<DateTime<Utc>>) -> SessionId {
        let (id, lab) = (SessionId::new(), LAB.parse().expect("a lab's name"));
        let names = SessionNames::generate(id, &lab);
        let new = NewSession {
            id,
            user: Some(user),
            lab,
            lab_title: "The shell, slowly".to_owned(),
            namespace: names.namespace,
            secondary_namespaces: vec![],
            parameters: std::collections::BTreeMap::new(),
            workbench: names.workbench,
            pages: PAGES
                .map(|name| PageLink { name: name.to_owned(), title: format!("Page {name}") })
                .to_vec(),
            terminals: vec!["1".parse().expect("a terminal's name")],
            terminal_layout: "default".to_owned(),
            checks_total: 1,
            terms: TERMS,
            lab_version: String::new(),
            step: "Waiting".to_owned(),
        };
        let mut conn = self.pool.acquire().await.expect("the database answers");
        insert_session(&mut conn, &new, -1).await.expect("a first session of the lab");
        if let Some(expires_at) = expires_at {
            let moved = transition(&mut conn, Pick::One(id), Event::Ready { expires_at }).await;
            assert!(moved.expect("a phase can be written").is_some());
        }
        id
    }
}

/// Makes a class.
pub async fn add_class(instructor: &Client, name: &str) -> Class {
    instructor.post("/api/v1/classes", &NewClass { name: name.to_owned() }).await.expect(201).json()
}

/// Joins it.
pub async fn join_class(learner: &Client, class: &Class) {
    let join_code = class.join_code.as_deref().expect("the class as its instructor sees it").into();
    learner.post("/api/v1/enrolments", &JoinClass { join_code }).await.expect(201);
}
