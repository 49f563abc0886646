//! Web applications of sessions: who gets to one, by which grant and cookie, and what their origins serve. Applications that
//! answer are in `tests/cluster`.

use std::time::Duration;

use lectern_api::ids::SessionId;
use lectern_api::sessions::PreviewGrant;
use lectern_server::config::previews::PreviewSite;
use reqwest::header::{ACCEPT, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use crate::support::client::Client;
use crate::support::{PATIENCE, Setting, TestApp, run, run_with};

/// The address of a web application of a session.
pub async fn preview_url(app: &TestApp, session: SessionId) -> String {
    format!("http://web-{}.localhost/some/path", namespace(app, session).await)
}

async fn namespace(app: &TestApp, session: SessionId) -> String {
    sqlx::query_scalar("select namespace from sessions where id = $1")
        .bind(session.0)
        .fetch_one(&app.pool)
        .await
        .expect("the session has a namespace")
}

/// Sends a request with a browser's cookies that follows no redirection.
pub async fn unfollowed(browser: &Client, path: &str) -> Response {
    let cookie = browser.me.as_ref().map(|_| browser.cookie()).unwrap_or_default();
    plain()
        .get(format!("{}{path}", browser.base))
        .header(COOKIE, cookie)
        .send()
        .await
        .expect("the server answers")
}

fn plain() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// One application's origin, which the names of this machine lead to in browsers.
struct Origin<'a> {
    app: &'a TestApp,
    host: String,
}

impl Origin<'_> {
    async fn get(&self, path: &str, cookie: &str) -> Response {
        let request = plain().get(format!("{}{path}", self.app.base)).header(HOST, &self.host);
        let request = request.header(COOKIE, cookie).header(ACCEPT, "text/html");
        request.send().await.expect("the server answers")
    }
}

/// Asks for a grant and returns its origin and path.
async fn granted<'a>(app: &'a TestApp, learner: &Client, session: SessionId) -> (Origin<'a>, String) {
    let asked = json!({"url": format!("{}?a=b#part", preview_url(app, session).await)});
    let grant: PreviewGrant =
        learner.post(&format!("/api/v1/sessions/{session}/preview-grants"), &asked).await.expect(201).json();
    let url: url::Url = grant.url.parse().expect("an address");
    assert_eq!(url.fragment(), Some("part"), "{url}");
    assert_eq!(url.port(), app.base.rsplit(':').next().and_then(|port| port.parse().ok()), "{url}");
    let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
    (Origin { app, host }, url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[test]
fn a_grant_leads_once_to_an_origin_with_a_cookie_of_its_own() {
    run(async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let (origin, path) = granted(app, &learner, session).await;
        // not at another application's origin, and then not at all
        let (_, other_path) = granted(app, &learner, session).await;
        let other = Origin { app, host: origin.host.replacen("web-", "api-", 1) };
        assert_eq!(other.get(&other_path, "").await.status(), StatusCode::FORBIDDEN);
        assert_eq!(origin.get(&other_path, "").await.status(), StatusCode::FORBIDDEN);

        let entered = origin.get(&path, "").await;
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        assert_eq!(header(entered.headers(), &LOCATION), "/some/path?a=b");
        let set = header(entered.headers(), &SET_COOKIE).to_owned();
        for attribute in ["HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"] {
            assert!(set.contains(attribute) && !set.contains("Domain"), "{set}");
        }
        assert_eq!(origin.get(&path, "").await.status(), StatusCode::FORBIDDEN, "a second use");

        let cookie = set.split(';').next().unwrap_or_default();
        // nothing is published there, as only who may see it learns
        let page = origin.get("/some/path", cookie).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        assert!(
            header(page.headers(), &"content-security-policy".parse().unwrap())
                .starts_with("default-src 'none'")
        );
        assert!(page.text().await.unwrap().contains("No Ingress of this lab has a rule"));
        for wrong in ["", "lectern-preview=x", &cookie[..cookie.len() - 1], &learner.cookie()] {
            assert_eq!(origin.get("/", wrong).await.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        }
        assert_eq!(
            other.get("/", cookie).await.status(),
            StatusCode::UNAUTHORIZED,
            "another application's cookie"
        );
    });
}

#[test]
fn a_preview_ends_with_its_login_its_session_and_its_account() {
    run(async |app| {
        for ending in [
            "delete from logins",
            "update sessions set phase = 'ending', note = '', end_reason = '\"expired\"', expires_at = null",
            "update users set disabled_at = now() where username like 'learner%'",
        ] {
            app.execute("delete from sessions").await;
            let learner = app.learner(&format!("learner{}", ending.len())).await;
            let session = app.running_session(learner.id()).await;
            let (origin, path) = granted(app, &learner, session).await;
            let entered = origin.get(&path, "").await;
            let cookie =
                header(entered.headers(), &SET_COOKIE).split(';').next().unwrap_or_default().to_owned();
            assert_eq!(origin.get("/", &cookie).await.status(), StatusCode::NOT_FOUND);
            let (_, unused) = granted(app, &learner, session).await;
            app.execute(ending).await;
            let over = async {
                while origin.get("/", &cookie).await.status() != StatusCode::UNAUTHORIZED {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::time::timeout(PATIENCE, over)
                .await
                .unwrap_or_else(|_| panic!("still there after {ending}"));
            // what was granted before opens nothing either
            let entered = origin.get(&unused, "").await;
            let cookie =
                header(entered.headers(), &SET_COOKIE).split(';').next().unwrap_or_default().to_owned();
            assert_eq!(origin.get("/", &cookie).await.status(), StatusCode::UNAUTHORIZED, "{ending}");
        }
    });
}

#[test]
fn an_address_that_is_not_the_sessions_is_not_found() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let (own, theirs) = (app.running_session(ada.id()).await, app.running_session(eve.id()).await);
        let grants = format!("/api/v1/sessions/{own}/preview-grants");
        for url in [
            preview_url(app, theirs).await,
            "http://localhost/".to_owned(),
            "https://example.com/".to_owned(),
            format!("http://web-{}.example.com/", namespace(app, own).await),
            "javascript:alert(1)".to_owned(),
            String::new(),
        ] {
            let problem = ada.post(&grants, &json!({"url": url})).await.problem(404, "no_preview");
            assert!(
                problem.detail.contains("no web application of this session"),
                "{url}: {}",
                problem.detail
            );
        }
        for url in ["web-N.localhost:9/", "N-web.localhost", "N.localhost", "a.N.localhost"] {
            let url = format!("http://{}", url.replace('N', &namespace(app, own).await));
            ada.post(&grants, &json!({"url": url})).await.expect(201);
        }
    });
}

#[test]
fn an_applications_origin_serves_nothing_of_lecterns() {
    run(async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let (origin, path) = granted(app, &learner, session).await;
        let cookie =
            header(origin.get(&path, "").await.headers(), &SET_COOKIE).split(';').next().unwrap().to_owned();
        for path in ["/", "/healthz", "/api/v1/me", "/api/v1/sessions", "/sign-in"] {
            let both = format!("{cookie}; {}", learner.cookie());
            let answer = origin.get(path, &both).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            assert!(answer.text().await.unwrap().contains("Nothing is published here yet"), "{path}");
        }
        // nor the other way round
        let host = app.base.trim_start_matches("http://").to_owned();
        let lectern = Origin { app, host };
        assert_eq!(lectern.get("/api/v1/me", &cookie).await.status(), StatusCode::UNAUTHORIZED);
        // and no other method gets further: a body that nobody read does no harm
        let sent =
            plain().request(Method::POST, format!("{}/api/v1/logins", app.base)).header(HOST, &origin.host);
        let sent = sent.body(vec![b'x'; 2 << 20]).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn who_opens_an_address_in_a_tab_is_led_through_lectern() {
    run(async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let host = preview_url(app, session).await.replacen("http://", "", 1);
        let host = host.split('/').next().unwrap();
        let port = app.base.rsplit(':').next().unwrap();
        let opened = plain()
            .get(format!("{}/a?b=c", app.base))
            .header(HOST, format!("{host}:{port}"))
            .header("sec-fetch-dest", "document")
            .send()
            .await
            .unwrap();
        assert_eq!(opened.status(), StatusCode::SEE_OTHER);
        let there = header(opened.headers(), &LOCATION).to_owned();
        assert!(there.starts_with(&format!("{}/api/v1/previews/open?url=", app.base)), "{there}");
        let led = unfollowed(&learner, there.strip_prefix(&app.base).unwrap()).await;
        assert_eq!(led.status(), StatusCode::SEE_OTHER);
        assert!(
            header(led.headers(), &LOCATION)
                .starts_with(&format!("http://{host}:{port}/.lectern/enter?grant="))
        );
        // somebody else is not
        let eve = app.learner("eve").await;
        let refused = unfollowed(&eve, there.strip_prefix(&app.base).unwrap()).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    });
}

#[test]
fn one_application_of_a_session_may_ask_whether_it_may_call_another_and_nobody_elses_may() {
    run(async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let own = namespace(app, session).await;
        let ask = async |origin: String| {
            let asked = plain().request(Method::OPTIONS, format!("{}/data", app.base));
            let asked = asked.header(HOST, format!("api-{own}.localhost")).header("origin", origin);
            asked.header("access-control-request-method", "PUT").send().await.unwrap()
        };
        let allowed = ask(format!("http://web-{own}.localhost")).await;
        assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
        assert_eq!(allowed.headers()["access-control-allow-credentials"], "true");
        for other in ["http://web-lab-other-abcdefghij.localhost", &app.base, "null", "https://example.com"] {
            assert_eq!(ask(other.to_owned()).await.status(), StatusCode::UNAUTHORIZED, "{other}");
        }
    });
}

#[test]
fn without_a_domain_or_ports_there_are_no_previews_and_the_answer_says_so() {
    run_with(Setting { previews: Some(PreviewSite::Off), ..Setting::default() }, async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let url = json!({"url": preview_url(app, session).await});
        let answer = learner.post(&format!("/api/v1/sessions/{session}/preview-grants"), &url).await;
        assert!(answer.problem(404, "previews_off").detail.contains("--preview-domain"));
    });
}

#[test]
fn on_ports_each_application_has_one_and_keeps_it() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let first = loop {
        let port = free();
        if port < u16::MAX && std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            break port;
        }
    };
    let setting = Setting { previews: Some(PreviewSite::Ports(first..=first + 1)), ..Setting::default() };
    run_with(setting, async |app| {
        let learner = app.learner("ada").await;
        let session = app.running_session(learner.id()).await;
        let namespace = namespace(app, session).await;
        let grants = format!("/api/v1/sessions/{session}/preview-grants");
        let ask = async |name: &str| {
            learner
                .post(&grants, &json!({"url": format!("http://{name}-{namespace}.preview.invalid/x")}))
                .await
        };
        let web: PreviewGrant = ask("web").await.json();
        assert!(
            web.url.starts_with(&format!("http://127.0.0.1:{first}/.lectern/enter?grant=")),
            "{}",
            web.url
        );
        let api: PreviewGrant = ask("api").await.json();
        assert!(api.url.starts_with(&format!("http://127.0.0.1:{}/", first + 1)), "{}", api.url);
        let again: PreviewGrant = ask("web").await.json();
        assert!(again.url.starts_with(&format!("http://127.0.0.1:{first}/")), "{}", again.url);
        ask("third").await.problem(409, "no_preview_port");

        let entered = plain().get(&web.url).send().await.unwrap();
        assert_eq!((entered.status(), header(entered.headers(), &LOCATION)), (StatusCode::SEE_OTHER, "/x"));
        let set = header(entered.headers(), &SET_COOKIE).to_owned();
        assert!(
            set.starts_with(&format!("lectern-preview-{first}=")) && set.contains("SameSite=Lax"),
            "{set}"
        );
        let cookie = set.split(';').next().unwrap_or_default();
        let get = async |port: u16| {
            plain()
                .get(format!("http://127.0.0.1:{port}/api/v1/me"))
                .header(COOKIE, cookie)
                .send()
                .await
                .unwrap()
        };
        assert_eq!(get(first).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(get(first + 1).await.status(), StatusCode::UNAUTHORIZED);
    });
}
