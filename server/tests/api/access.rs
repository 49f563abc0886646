//! Who may do what: every endpoint, for every kind of caller.

use std::collections::BTreeSet;

use lectern_api::classes::{Class, NewClass};
use lectern_api::identity::{Role, SignIn};
use lectern_api::ids::{ClassId, EventId, LoginId, SessionId, UserId};
use lectern_server::http::endpoints::ENDPOINTS;
use reqwest::Method;
use serde_json::{Value, json};

use crate::previews::{preview_url, unfollowed};
use crate::support::client::{Answer, Client, send};
use crate::support::lab_folder::{LAB, PAGES};
use crate::support::people::{add_class, join_class};
use crate::support::{TestApp, run};

/// An endpoint's body, and its answer to: nobody, another learner, the owner, the instructor of the owner's class,
/// another instructor, an admin.
struct Row {
    method: &'static str,
    path: &'static str,
    body: fn(&World) -> Value,
    expected: [u16; 6],
}

const fn row(method: &'static str, path: &'static str, expected: [u16; 6]) -> Row {
    Row { method, path, body: |_| Value::Null, expected }
}

impl Row {
    const fn body(self, body: fn(&World) -> Value) -> Self {
        Self { body, ..self }
    }
}

const ANYBODY: [u16; 6] = [200; 6];
const SIGNED_IN: [u16; 6] = [401, 200, 200, 200, 200, 200];
const OWNER: [u16; 6] = [401, 404, 200, 404, 404, 404];
const WORKBENCH: [u16; 6] = [401, 404, 503, 404, 404, 404];
const INSTRUCTOR_OF_CLASS: [u16; 6] = [401, 404, 404, 200, 404, 404];

/// 503: whoever may have the workbench is told that it does not answer, since these sessions have none.
#[rustfmt::skip] // a table
const TABLE: &[Row] = &[
    row("GET",    "/healthz", ANYBODY),
    row("GET",    "/readyz", ANYBODY),
    row("GET",    "/api/v1/platform", [401, 404, 404, 200, 200, 200]),
    row("POST",   "/api/v1/logins", [201; 6]).body(|w| json!({"method": "link", "token": w.link})),
    row("GET",    "/api/v1/logins", SIGNED_IN),
    row("DELETE", "/api/v1/logins", [401, 204, 204, 204, 204, 204]),
    row("DELETE", "/api/v1/logins/current", [401, 204, 204, 204, 204, 204]),
    row("DELETE", "/api/v1/logins/{id}", [401, 404, 204, 404, 404, 404]),
    row("POST",   "/api/v1/registrations", [400; 6]).body(|_| json!({
        "join_code": "none", "username": "new", "display_name": "New", "password": "long enough"})),
    row("GET",    "/api/v1/me", SIGNED_IN),
    // the account has a password, and none is named
    row("DELETE", "/api/v1/me", [401, 400, 400, 400, 400, 400]).body(|_| json!({})),
    row("GET",    "/api/v1/me/export", SIGNED_IN),
    row("PUT",    "/api/v1/me/password", [401, 400, 400, 400, 400, 400]).body(|_| json!({"new": "short"})),
    row("GET",    "/api/v1/users", [401, 404, 404, 404, 404, 200]),
    row("POST",   "/api/v1/users", [401, 404, 404, 404, 404, 201]).body(|_| json!({
        "username": "somebody.new", "display_name": "New", "role": "learner"})),
    row("PATCH",  "/api/v1/users/{id}", [401, 404, 404, 404, 404, 200]).body(|_| json!({"role": "learner"})),
    // for another account each time, since it is gone then
    row("DELETE", "/api/v1/users/{id}", [401, 404, 404, 404, 404, 204]),
    row("DELETE", "/api/v1/users/{id}/logins", [401, 404, 404, 404, 404, 204]),
    row("POST",   "/api/v1/users/{id}/sign-in-links", [401, 404, 404, 201, 404, 201]),
    row("GET",    "/api/v1/users/{id}/export", [401, 404, 404, 404, 404, 200]),
    row("GET",    "/api/v1/audit", [401, 404, 404, 404, 404, 200]),
    row("GET",    "/api/v1/classes", SIGNED_IN),
    row("POST",   "/api/v1/classes", [401, 404, 404, 201, 201, 201]).body(|_| json!(NewClass { name: "New".into() })),
    row("GET",    "/api/v1/classes/{id}", INSTRUCTOR_OF_CLASS),
    row("POST",   "/api/v1/classes/{id}/join-codes", [401, 404, 404, 201, 404, 404]),
    row("PUT",    "/api/v1/classes/{id}/join-rules", INSTRUCTOR_OF_CLASS).body(|_| json!({"open": true})),
    row("GET",    "/api/v1/classes/{id}/learners", INSTRUCTOR_OF_CLASS),
    row("DELETE", "/api/v1/classes/{id}/learners/{user}", [401, 404, 404, 204, 404, 404]),
    row("GET",    "/api/v1/classes/{id}/events", INSTRUCTOR_OF_CLASS),
    row("POST",   "/api/v1/enrolments", [401, 201, 201, 201, 201, 201]).body(|w| json!({"join_code": w.other_code})),
    row("DELETE", "/api/v1/enrolments/{id}", [401, 404, 204, 404, 404, 404]),
    row("GET",    "/api/v1/labs", SIGNED_IN),
    row("GET",    "/api/v1/labs/{slug}/files/{path:.+}", SIGNED_IN),
    row("GET",    "/api/v1/sessions", SIGNED_IN),
    // everybody here runs the lab already
    row("POST",   "/api/v1/sessions", SIGNED_IN).body(|_| json!({"lab": LAB})),
    row("GET",    "/api/v1/sessions/{id}", OWNER),
    row("DELETE", "/api/v1/sessions/{id}", [401, 404, 204, 404, 404, 404]),
    row("POST",   "/api/v1/sessions/{id}/extensions", [401, 404, 201, 404, 404, 404]).body(|_| json!({})),
    row("GET",    "/api/v1/sessions/{id}/events", OWNER),
    row("GET",    "/api/v1/sessions/{id}/pages/{name:.+}", OWNER),
    row("POST",   "/api/v1/sessions/{id}/checks/{name:.+}", [401, 404, 503, 404, 404, 404]).body(|_| json!({})),
    row("GET",    "/api/v1/sessions/{id}/progress", [401, 404, 200, 200, 404, 404]),
    row("POST",   "/api/v1/sessions/{id}/progress-events", [401, 404, 204, 404, 404, 404]).body(|_| json!([{
        "id": EventId::new(), "at": "2026-01-02T03:04:05Z", "page": PAGES[0], "kind": "page_viewed"}])),
    row("GET",    "/api/v1/sessions/{id}/files", WORKBENCH),
    row("DELETE", "/api/v1/sessions/{id}/files", WORKBENCH),
    row("GET",    "/api/v1/sessions/{id}/files/entry", WORKBENCH),
    row("GET",    "/api/v1/sessions/{id}/files/content", WORKBENCH),
    row("PUT",    "/api/v1/sessions/{id}/files/content", WORKBENCH).body(|_| json!("content")),
    row("GET",    "/api/v1/sessions/{id}/files/archive", WORKBENCH),
    row("POST",   "/api/v1/sessions/{id}/files/folders", WORKBENCH).body(|_| json!({"path": "~/new"})),
    row("POST",   "/api/v1/sessions/{id}/files/copies", WORKBENCH).body(|_| json!({"from": "a", "to": "b"})),
    row("POST",   "/api/v1/sessions/{id}/files/moves", WORKBENCH).body(|_| json!({"from": "a", "to": "b"})),
    row("GET",    "/api/v1/sessions/{id}/files/matches", WORKBENCH),
    row("GET",    "/api/v1/sessions/{id}/files/changes", WORKBENCH),
    // 422: these sessions have nothing in the cluster, so that Kubernetes refuses even their owners
    row("GET",    "/api/v1/sessions/{id}/cluster/events", OWNER),
    row("GET",    "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}", [401, 404, 422, 404, 404, 404]),
    row("PUT",    "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}", [401, 404, 422, 404, 404, 404])
        .body(|_| json!({"yaml": "{apiVersion: v1, kind: Pod, metadata: {name: '1', resourceVersion: '1'}}"})),
    row("DELETE", "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}", [401, 404, 422, 404, 404, 404]),
    row("GET",    "/api/v1/sessions/{id}/cluster/pods/{namespace}/{name}/logs", [401, 404, 422, 404, 404, 404]),
    row("GET",    "/api/v1/sessions/{id}/terminals/{name}/attach", [401, 404, 503, 404, 404, 404]),
    row("POST",   "/api/v1/sessions/{id}/preview-grants", [401, 404, 201, 404, 404, 404]).body(|w| json!({
        "url": w.preview_url})),
    // for a program that follows no redirection
    row("GET",    "/api/v1/sessions/{id}/preview", [401, 404, 303, 404, 404, 404]),
    // by the address alone: it is of the owner's session
    row("GET",    "/api/v1/previews/open", [401, 404, 303, 404, 404, 404]),
];

/// What the requests are about, and who sends them.
struct World<'a> {
    app: &'a TestApp,
    /// Signed in anew for each request, since some requests end that.
    people: [Option<UserId>; 6],
    class: Class,
    other_code: String,
    session: SessionId,
    /// The session's namespace.
    namespace: String,
    /// One of the owner's logins.
    login: LoginId,
    /// An account that may be deleted.
    leaving: UserId,
    link: String,
    /// The address of a web application of the owner's session.
    preview_url: String,
}

impl<'a> World<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let owner = app.learner("owner").await;
        let (ours, theirs) = (app.instructor("instructor").await, app.instructor("another").await);
        let class = add_class(&ours, "Ours").await;
        join_class(&owner, &class).await;
        let other_code = add_class(&theirs, "Theirs").await.join_code.unwrap_or_default();
        let people = [
            None,
            Some(app.add_user("stranger", Role::Learner).await),
            Some(owner.id()),
            Some(ours.id()),
            Some(theirs.id()),
            Some(app.add_user("admin", Role::Admin).await),
        ];
        for person in people.into_iter().flatten() {
            app.give_password(person).await;
        }
        let (session, login, leaving) = (SessionId::new(), LoginId::new(), UserId::new());
        Self {
            app,
            people,
            class,
            other_code,
            session,
            namespace: String::new(),
            login,
            leaving,
            link: String::new(),
            preview_url: String::new(),
        }
    }

    fn owner(&self) -> UserId {
        self.people[2].expect("the owner has an account")
    }

    /// Puts back what a request may have changed.
    async fn renew(&mut self) {
        self.app.execute("delete from sessions").await;
        self.app.execute("delete from users where username = 'somebody.new'").await;
        self.app.execute("delete from sign_in_failures").await;
        // who joined the other class made its instructor theirs
        let joined =
            "delete from enrolments using classes where class_id = classes.id and classes.name = 'Theirs'";
        self.app.execute(joined).await;
        for person in self.people.into_iter().flatten() {
            let session = self.app.running_session(person).await;
            if person == self.owner() {
                self.session = session;
                self.preview_url = preview_url(self.app, session).await;
            }
        }
        self.namespace = sqlx::query_scalar("select namespace from sessions where id = $1")
            .bind(self.session.0)
            .fetch_one(&self.app.pool)
            .await
            .expect("the owner's session is there");
        // who was removed from the class, or left it, is in it
        let joins = "insert into enrolments (class_id, user_id)
                     select c.id, u.id from classes c, users u where c.name = 'Ours' and u.username = 'owner'
                     on conflict do nothing";
        self.app.execute(joins).await;
        self.app.execute("delete from users where username = 'leaving'").await;
        self.leaving = self.app.add_user("leaving", Role::Learner).await;
        self.app.sign_in(self.owner()).await;
        self.login = sqlx::query_scalar("select id from logins where user_id = $1 limit 1")
            .bind(self.owner().0)
            .fetch_one(&self.app.pool)
            .await
            .map(LoginId)
            .expect("the owner is signed in");
        let link = self.app.services.identity.make_link(self.owner()).await;
        self.link = link.expect("the owner has an account").0.reveal();
    }

    async fn browser_of(&self, person: Option<UserId>) -> Client {
        match person {
            Some(person) => self.app.sign_in(person).await,
            None => self.app.browser(),
        }
    }

    /// The endpoint's address, for the things that there are.
    fn address(&self, row: &Row) -> String {
        let id = match (row.path.split('/').nth(3), row.method, row.path) {
            (Some("classes" | "enrolments"), ..) => self.class.id.to_string(),
            (_, "DELETE", "/api/v1/users/{id}") => self.leaving.to_string(),
            (Some("users"), ..) => self.owner().to_string(),
            (Some("logins"), ..) => self.login.to_string(),
            _ => self.session.to_string(),
        };
        let path = row.path.replace("{namespace}", &self.namespace);
        let mut address = fill(&path, &id).replace("{user}", &self.owner().to_string());
        if row.path.ends_with("/preview") || row.path.ends_with("/open") {
            address.push_str(&format!("?url={}", self.preview_url));
        }
        address
    }

    /// Sends the row's request and says how it was answered. Of a stream only the beginning is read.
    async fn status_for(&self, row: &Row, person: Option<UserId>) -> (u16, String) {
        let (browser, path) = (self.browser_of(person).await, self.address(row));
        if row.expected.contains(&303) {
            let answer = unfollowed(&browser, &path).await;
            return (answer.status().as_u16(), String::new());
        }
        if row.path.ends_with("/events") {
            let response = browser.request(Method::GET, &path).send().await.expect("the server answers");
            return (response.status().as_u16(), String::new());
        }
        let answer = self.send(row, &browser, &path).await;
        (answer.status.as_u16(), answer.body)
    }

    /// The endpoint's address, for something that there is not.
    fn absent(&self, row: &Row, id: &str) -> String {
        let query =
            if row.path.ends_with("/preview") { format!("?url={}", self.preview_url) } else { String::new() };
        format!("{}{query}", fill(row.path, id).replace("{user}", id))
    }

    async fn send(&self, row: &Row, browser: &Client, path: &str) -> Answer {
        let method: Method = row.method.parse().expect("a method");
        let request = browser.request(method, path);
        send(match (row.body)(self) {
            Value::Null => request,
            body => request.json(&body),
        })
        .await
    }
}

fn fill(path: &str, id: &str) -> String {
    let name = if path.contains("/checks/") { "knows-ls" } else { PAGES[0] };
    let mut address = path
        .replace("{id}", id)
        .replace("{slug}", LAB)
        .replace("{path:.+}", "picture.svg")
        .replace("{kind}", "pods")
        .replace("{namespace}", "lab-none")
        .replace("{name:.+}", name)
        .replace("{name}", "1");
    if path.ends_with("/attach") {
        address.push_str("?cols=80&rows=24");
    } else if path.contains("/sessions/{id}/files") {
        address.push_str("?path=%7E%2Fx&text=x");
    }
    address
}

#[test]
fn every_endpoint_says_here_who_may_call_it() {
    let known: BTreeSet<_> = ENDPOINTS.iter().map(|endpoint| (endpoint.method, endpoint.path)).collect();
    let listed: BTreeSet<_> = TABLE.iter().map(|row| (row.method, row.path)).collect();
    assert_eq!(listed.len(), TABLE.len(), "an endpoint is listed twice");
    assert!(known.is_subset(&listed), "not listed: {:?}", known.difference(&listed));
    assert!(listed.is_subset(&known), "no such endpoint: {:?}", listed.difference(&known));
}

#[test]
fn every_endpoint_answers_each_caller_as_the_table_says() {
    run(async |app| {
        let mut world = World::new(app).await;
        let mut wrong = vec![];
        for row in TABLE {
            let callers = [
                "nobody",
                "another learner",
                "the owner",
                "the instructor",
                "another instructor",
                "an admin",
            ];
            for (place, caller) in callers.into_iter().enumerate() {
                world.renew().await;
                let (status, body) = world.status_for(row, world.people[place]).await;
                if status != row.expected[place] {
                    let expected = row.expected[place];
                    wrong.push(format!(
                        "{} {}: {caller} got {status}, not {expected}: {body}",
                        row.method, row.path
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn somebody_elses_resource_is_answered_exactly_as_one_that_does_not_exist() {
    run(async |app| {
        let mut world = World::new(app).await;
        let mut compared = 0;
        for row in TABLE.iter().filter(|row| row.path.contains("{id}")) {
            for place in [1, 3, 4, 5].into_iter().filter(|place| row.expected[*place] == 404) {
                world.renew().await;
                let browser = world.browser_of(world.people[place]).await;
                let theirs = world.send(row, &browser, &world.address(row)).await;
                for absent in [UserId::new().to_string(), ClassId::default().to_string(), "no-id".to_owned()]
                {
                    let none = world.send(row, &browser, &world.absent(row, &absent)).await;
                    assert_eq!(none.status, 404, "{}", none.request);
                    assert_eq!(none.body, theirs.body, "{} told apart from {}", theirs.request, none.request);
                    assert_eq!(none.headers.get("content-type"), theirs.headers.get("content-type"));
                }
                compared += 1;
            }
        }
        assert!(compared > 30, "only {compared} were compared");
    });
}

#[test]
fn a_change_without_the_pages_token_is_refused_at_every_endpoint() {
    run(async |app| {
        let mut world = World::new(app).await;
        let admin = world.people[5];
        for row in TABLE.iter().filter(|row| row.method != "GET") {
            let needs_login = row.expected[0] == 401;
            for (header, value) in [
                ("x-csrf-token", None),
                ("x-csrf-token", Some("0".repeat(64))),
                ("origin", Some("https://evil.example".to_owned())),
                ("origin", Some("null".to_owned())),
                ("sec-fetch-site", Some("cross-site".to_owned())),
                ("sec-fetch-site", Some("same-site".to_owned())),
            ] {
                if header == "x-csrf-token" && !needs_login {
                    continue;
                }
                world.renew().await;
                let browser = world.browser_of(admin).await;
                let method: Method = row.method.parse().unwrap();
                let mut request = browser.bare_request(method, &world.address(row)).json(&(row.body)(&world));
                if header != "x-csrf-token" {
                    request = request.header("x-csrf-token", browser.me.as_ref().unwrap().csrf_token.clone());
                }
                if let Some(value) = value {
                    request = request.header(header, value);
                }
                send(request).await.problem(403, "foreign_request");
            }
        }
        let sign_in = SignIn::Link { token: world.link.clone() };
        app.browser().sign_in(&sign_in).await.expect(201);
    });
}
