//! A person at a browser, as far as the server can tell: signs in, starts labs, follows them, reports progress.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lectern_api::identity::{Me, SignIn, SignInLink, User};
use lectern_api::progress::ProgressEvent;
use lectern_api::sessions::{Session, SessionState};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long a plain request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait before a lost stream of events is asked for again.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Somebody who is signed in. Clones are further tabs of the same browser.
#[derive(Clone)]
pub struct Learner {
    http: Client,
    base: String,
    cookie: String,
    csrf: String,
}

impl Learner {
    /// Signs in with a one-time link.
    pub async fn sign_in(base: &str, link: &str) -> Result<Self> {
        let http = Client::builder().no_proxy().tcp_nodelay(true).build()?;
        let token = link.split('#').nth(1).context("the sign-in link has no token")?.to_owned();
        let response = http
            .post(format!("{base}/api/v1/logins"))
            .header("origin", base)
            .json(&SignIn::Link { token })
            .timeout(ANSWER_WITHIN)
            .send()
            .await?;
        ensure!(response.status().is_success(), "the sign-in link was refused: {}", response.status());
        let cookie = response.headers().get("set-cookie").context("no cookie came")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let me: Me = response.json().await?;
        Ok(Self { http, base: base.to_owned(), cookie, csrf: me.csrf_token })
    }

    /// As an administrator: makes learners, named by their number, and signs each in.
    pub async fn make_learners(&self, name: &str, count: usize) -> Result<Vec<Self>> {
        let mut learners = Vec::with_capacity(count);
        for number in 1..=count {
            let user = self.make_account(&format!("{name}-{number}")).await?;
            let link: SignInLink =
                self.ask(Method::POST, &format!("/users/{}/sign-in-links", user.id), None).await?;
            learners.push(Self::sign_in(&self.base, &link.url).await?);
        }
        Ok(learners)
    }

    /// As an administrator: makes a learner's account.
    pub async fn make_account(&self, username: &str) -> Result<User> {
        let new = json!({ "username": username, "display_name": username, "role": "learner" });
        self.ask(Method::POST, "/users", Some(new)).await
    }

    /// The server's address, which is also the origin of its pages.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The login's cookie.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.base))
            .header("cookie", &self.cookie)
            .header("origin", &self.base)
            .header("x-csrf-token", &self.csrf)
    }

    /// Sends a request; an answer that is no success is an error that holds its [`StatusCode`].
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let mut request = self.request(method.clone(), path).timeout(ANSWER_WITHIN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        if let Err(error) = response.error_for_status_ref() {
            let said = response.text().await.unwrap_or_default();
            return Err(anyhow::Error::new(error).context(format!("{method} {path}: {said}")));
        }
        Ok(response)
    }

    /// Sends a request, whatever the answer is; its status.
    pub async fn status(&self, method: Method, path: &str, body: Option<Value>) -> Result<StatusCode> {
        let mut request = self.request(method, path).timeout(ANSWER_WITHIN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(request.send().await?.status())
    }

    /// Opens a stream, and leaves it open.
    pub async fn open(&self, path: &str) -> Result<Response> {
        Ok(self.request(Method::GET, path).send().await?.error_for_status()?)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T> {
        Ok(self.send(method, path, body).await?.json().await?)
    }

    /// Starts a lab that this learner does not run yet.
    pub async fn start_session(&self, lab: &str) -> Result<Session> {
        let response = self.send(Method::POST, "/sessions", Some(json!({ "lab": lab }))).await?;
        ensure!(response.status() == StatusCode::CREATED, "{lab} ran already");
        Ok(response.json().await?)
    }

    /// Starts a lab, or finds the session in which it runs already.
    pub async fn start_or_find_session(&self, lab: &str) -> Result<Session> {
        self.ask(Method::POST, "/sessions", Some(json!({ "lab": lab }))).await
    }

    /// Asks for the session's end.
    pub async fn end_session(&self, session: &Session) -> Result<()> {
        self.send(Method::DELETE, &format!("/sessions/{}", session.id), None).await?;
        Ok(())
    }

    /// Reports progress.
    pub async fn record_events(&self, session: &Session, events: &[ProgressEvent]) -> Result<()> {
        let body = serde_json::to_value(events)?;
        self.send(Method::POST, &format!("/sessions/{}/progress-events", session.id), Some(body)).await?;
        Ok(())
    }

    /// Follows a session's events until its terminals can be used.
    pub async fn wait_until_running(&self, session: &Session, patience: Duration) -> Result<()> {
        self.wait_for(session, patience, |state| matches!(state, SessionState::Running { .. })).await
    }

    /// Follows a session's events until nothing is left of it.
    pub async fn wait_until_ended(&self, session: &Session, patience: Duration) -> Result<()> {
        self.wait_for(session, patience, |state| matches!(state, SessionState::Ended { .. })).await
    }

    /// Follows a session's events until its state is as wanted; as a browser does it, a stream that breaks is asked
    /// for again.
    async fn wait_for(
        &self,
        session: &Session,
        patience: Duration,
        wanted: fn(&SessionState) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut last = String::from("no event came");
        while Instant::now() < deadline {
            match tokio::time::timeout_at(deadline, self.follow(session, wanted, &mut last)).await {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) => {}
                Ok(Err(error)) if error.is::<Failed>() => return Err(error),
                Ok(Err(error)) => last = format!("{error:#}"),
                Err(_) => break,
            }
            tokio::time::sleep(FOLLOW_AGAIN_AFTER).await;
        }
        bail!("session {} is not so far after {} s; last: {last}", session.id, patience.as_secs())
    }

    async fn follow(
        &self,
        session: &Session,
        wanted: fn(&SessionState) -> bool,
        last: &mut String,
    ) -> Result<bool> {
        let path = format!("/sessions/{}/events", session.id);
        let mut response = self.request(Method::GET, &path).send().await?.error_for_status()?;
        let mut text = String::new();
        while let Some(chunk) = response.chunk().await? {
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
                let session: Session = serde_json::from_str(data)?;
                if wanted(&session.state) {
                    return Ok(true);
                }
                *last = format!("{:?}", session.state);
                if let SessionState::Failed { reason } = session.state {
                    return Err(Failed(reason).into());
                }
            }
        }
        Ok(false)
    }
}

/// The session failed, with the reason that the learner is told.
#[derive(Debug)]
pub struct Failed(pub String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the session failed: {}", self.0)
    }
}

impl std::error::Error for Failed {}
