//! Who may open a terminal's WebSocket. What then flows is tested where there are workbenches.

use lectern_api::ids::SessionId;
use lectern_api::problem::Problem;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::support::client::Client;
use crate::support::{Setting, run, run_with};

/// What a browser's attempt to attach is refused with: status and code.
async fn refusal(browser: &Client, cookie: &str, origin: Option<&str>, session: SessionId) -> (u16, String) {
    let base = browser.base.replace("http://", "ws://");
    let url = format!("{base}/api/v1/sessions/{session}/terminals/1/attach?cols=80&rows=24");
    let mut request = url.into_client_request().expect("a WebSocket's address");
    let headers = request.headers_mut();
    headers.insert("cookie", HeaderValue::from_str(cookie).expect("a cookie is text"));
    if let Some(origin) = origin {
        headers.insert("origin", HeaderValue::from_str(origin).expect("an origin is text"));
    }
    match connect_async(request).await {
        Ok(_) => panic!("the terminal was opened for {origin:?}"),
        Err(Error::Http(response)) => {
            let problem: Problem =
                serde_json::from_slice(response.body().as_deref().unwrap_or_default()).expect("a problem");
            (response.status().as_u16(), problem.code)
        }
        Err(error) => panic!("{error}"),
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_terminal_is_opened_from_our_own_pages_only() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let cookie = ada.cookie();
        let port = app.base.rsplit(':').next().unwrap();
        for origin in [
            None,
            Some("null"),
            Some(""),
            Some("https://evil.example"),
            Some("file://"),
            Some(format!("http://127.0.0.1:{port}0").as_str()),
            Some(format!("http://127.0.0.1.evil.example:{port}").as_str()),
            Some("http://127.0.0.1"),
        ] {
            assert_eq!(
                refusal(&ada, &cookie, origin, session).await,
                refused(403, "foreign_request"),
                "{origin:?}"
            );
        }
        // past all that, what is missing is the workbench
        let own = refusal(&ada, &cookie, Some(&app.base), session).await;
        assert_eq!(own, refused(503, "cluster_unavailable"));
    });
}

#[test]
fn behind_a_name_only_that_name_is_our_own() {
    let setting = Setting { public_url: Some("http://lab.example"), ..Setting::default() };
    run_with(setting, async |app| {
        let ada = app.add_user("ada", lectern_api::identity::Role::Learner).await;
        let (token, _) = app.services.identity.make_link(ada).await.unwrap();
        let login = app.services.identity.sign_in_by_link(&token.reveal()).await.unwrap();
        let cookie = format!("lectern={}", login.token.reveal());
        let (browser, session) = (app.browser(), app.running_session(ada).await);
        for origin in
            [app.base.as_str(), "https://lab.example", "http://lab.example:81", "http://x.lab.example"]
        {
            assert_eq!(refusal(&browser, &cookie, Some(origin), session).await.0, 403, "{origin}");
        }
        assert_eq!(refusal(&browser, &cookie, Some("http://lab.example"), session).await.0, 503);
    });
}

#[test]
fn a_terminal_is_opened_for_its_learner_only() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let session = app.running_session(ada.id()).await;
        let own = Some(app.base.as_str());
        let theirs = refusal(&eve, &eve.cookie(), own, session).await;
        assert_eq!(theirs, refused(404, "not_found"));
        assert_eq!(refusal(&eve, &eve.cookie(), own, SessionId::new()).await, theirs);
        for cookie in ["", "lectern=", "lectern=00ff"] {
            assert_eq!(refusal(&ada, cookie, own, session).await, refused(401, "not_signed_in"));
        }
    });
}

#[test]
fn a_session_that_does_not_run_has_no_terminals() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let starting = app.abandoned_session(ada.id()).await;
        let own = Some(app.base.as_str());
        assert_eq!(refusal(&ada, &ada.cookie(), own, starting).await, refused(409, "not_running"));
        ada.delete(&format!("/api/v1/sessions/{starting}")).await.expect(204);
        assert_eq!(refusal(&ada, &ada.cookie(), own, starting).await, refused(409, "not_running"));
    });
}

#[test]
fn one_terminal_too_many_is_refused_until_another_one_is_closed() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let own = Some(app.base.as_str());
        let mut open = vec![];
        while let Ok(one) = app.services.terminals.open(ada.id()) {
            open.push(one);
        }
        assert_eq!(refusal(&ada, &ada.cookie(), own, session).await, refused(429, "too_many_terminals"));
        open.pop();
        // past the limit, what is missing is the workbench; and what was refused does not count
        for _ in 0..2 {
            assert_eq!(refusal(&ada, &ada.cookie(), own, session).await.0, 503);
        }
    });
}
