//! The server's API, typed. Every page calls this and nothing else; components call nothing.

mod error;
pub mod events;
mod fetch;

use chrono::{DateTime, Utc};
use lectern_api::classes::{Class, JoinClass, LearnerRow, NewClass};
use lectern_api::identity::{Me, NewUser, Registration, SetPassword, SignIn, SignInLink, User};
use lectern_api::ids::{ClassId, LabSlug, SessionId, UserId};
use lectern_api::labs::LabSummary;
use lectern_api::page::RenderedPage;
use lectern_api::platform::Platform;
use lectern_api::progress::{ProgressEvent, SessionProgress};
use lectern_api::sessions::{CheckOutcome, ExtendSession, RunCheck, Session, StartSession};
use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ApiError;
use fetch::{Answer, Call};

use crate::paths::encode_page;

/// Who is signed in, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// Not asked yet.
    Unknown,
    /// Nobody.
    SignedOut,
    /// Somebody.
    SignedIn(Me),
    /// It could not be found out.
    Unreachable(ApiError),
}

/// The way to the server; copies share their state.
#[derive(Clone, Copy)]
pub struct Client {
    /// Who is signed in. An answer 401 to anything makes it [`Account::SignedOut`].
    pub account: RwSignal<Account>,
    /// Whether the last call reached the server.
    pub reachable: RwSignal<bool>,
}

type Outcome<T> = Result<T, ApiError>;

impl Client {
    /// A client that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { account: RwSignal::new(Account::Unknown), reachable: RwSignal::new(true) }
    }

    /// Who is signed in, without being told of changes.
    #[must_use]
    pub fn me(&self) -> Option<Me> {
        match self.account.get_untracked() {
            Account::SignedIn(me) => Some(me),
            _ => None,
        }
    }

    async fn call(self, call: Call<'_>) -> Outcome<Answer> {
        let csrf = self.me().map(|me| me.csrf_token);
        let outcome = fetch::send(call, csrf.as_deref()).await;
        let reached = !matches!(outcome, Err(ApiError::Unreachable));
        if self.reachable.get_untracked() != reached {
            self.reachable.set(reached);
        }
        if outcome.as_ref().is_err_and(ApiError::is_signed_out) {
            self.account.set(Account::SignedOut);
        }
        outcome
    }

    async fn read<T: DeserializeOwned>(self, path: &str) -> Outcome<T> {
        self.call(Call::new("GET", path)).await?.json()
    }

    async fn write<T: DeserializeOwned>(
        self,
        method: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Outcome<T> {
        self.call(Call::new(method, path).body(body)?).await?.json()
    }

    /// Finds out who is signed in.
    pub async fn load_account(self) {
        let account = match self.read("/me").await {
            Ok(me) => Account::SignedIn(me),
            Err(error) if error.is_signed_out() => Account::SignedOut,
            Err(error) => Account::Unreachable(error),
        };
        self.account.set(account);
    }

    /// Signs in.
    pub async fn sign_in(self, with: &SignIn) -> Outcome<()> {
        // a wrong password answers 401 too: that is no reason to forget who is signed in
        fetch::send(Call::new("POST", "/logins").body(with)?, None).await?;
        self.adopt().await
    }

    /// Opens an account with a join code, and signs in.
    pub async fn register(self, with: &Registration) -> Outcome<()> {
        fetch::send(Call::new("POST", "/registrations").body(with)?, None).await?;
        self.adopt().await
    }

    async fn adopt(self) -> Outcome<()> {
        let me = self.read("/me").await?;
        self.account.set(Account::SignedIn(me));
        Ok(())
    }

    /// Signs out.
    pub async fn sign_out(self) -> Outcome<()> {
        self.call(Call::new("DELETE", "/logins/current")).await?;
        self.account.set(Account::SignedOut);
        Ok(())
    }

    /// Sets the password of whoever is signed in. The server may change the login with it.
    pub async fn set_password(self, with: &SetPassword) -> Outcome<()> {
        self.call(Call::new("PUT", "/me/password").body(with)?).await?;
        self.adopt().await
    }

    /// The catalogue.
    pub async fn list_labs(self) -> Outcome<Vec<LabSummary>> {
        self.read("/labs").await
    }

    /// The sessions of whoever is signed in that are not over.
    pub async fn list_sessions(self) -> Outcome<Vec<Session>> {
        self.read("/sessions").await
    }

    /// Starts a lab, or returns the session there is.
    pub async fn start_session(self, lab: LabSlug) -> Outcome<Session> {
        self.write("POST", "/sessions", &StartSession { lab, parameters: Default::default() }).await
    }

    /// One session.
    pub async fn show_session(self, id: SessionId) -> Outcome<Session> {
        self.read(&format!("/sessions/{id}")).await
    }

    /// Asks for more time. `seen` is the end that the learner saw, so that a second try adds nothing.
    pub async fn extend_session(self, id: SessionId, seen: DateTime<Utc>) -> Outcome<Session> {
        let wish = ExtendSession { expires_at: Some(seen) };
        self.write("POST", &format!("/sessions/{id}/extensions"), &wish).await
    }

    /// Ends a session.
    pub async fn end_session(self, id: SessionId) -> Outcome<()> {
        self.call(Call::new("DELETE", &format!("/sessions/{id}"))).await.map(|_| ())
    }

    /// One page of a session's lab.
    pub async fn show_page(self, id: SessionId, name: &str) -> Outcome<RenderedPage> {
        self.read(&format!("/sessions/{id}/pages/{}", encode_page(name))).await
    }

    /// What was done in a session.
    pub async fn show_progress(self, id: SessionId) -> Outcome<SessionProgress> {
        self.read(&format!("/sessions/{id}/progress")).await
    }

    /// Delivers progress events; `leaving` lets the call outlive the page.
    pub async fn send_progress(self, id: SessionId, events: &[ProgressEvent], leaving: bool) -> Outcome<()> {
        let path = format!("/sessions/{id}/progress-events");
        let mut call = Call::new("POST", &path).body(&events)?;
        call.keepalive = leaving;
        self.call(call).await.map(|_| ())
    }

    /// Runs a check.
    pub async fn run_check(self, id: SessionId, name: &str, run: &RunCheck) -> Outcome<CheckOutcome> {
        self.write("POST", &format!("/sessions/{id}/checks/{}", encode_page(name)), run).await
    }

    /// An instructor's classes, or those a learner is enrolled in.
    pub async fn list_classes(self) -> Outcome<Vec<Class>> {
        self.read("/classes").await
    }

    /// Makes a class.
    pub async fn create_class(self, name: String) -> Outcome<Class> {
        self.write("POST", "/classes", &NewClass { name }).await
    }

    /// One class.
    pub async fn show_class(self, id: ClassId) -> Outcome<Class> {
        self.read(&format!("/classes/{id}")).await
    }

    /// The learners of a class and where each one is.
    pub async fn list_learners(self, id: ClassId) -> Outcome<Vec<LearnerRow>> {
        self.read(&format!("/classes/{id}/learners")).await
    }

    /// Enrols whoever is signed in.
    pub async fn join_class(self, join_code: String) -> Outcome<()> {
        self.call(Call::new("POST", "/enrolments").body(&JoinClass { join_code })?).await.map(|_| ())
    }

    /// All accounts.
    pub async fn list_users(self) -> Outcome<Vec<User>> {
        self.read("/users").await
    }

    /// Makes an account.
    pub async fn create_user(self, user: &NewUser) -> Outcome<User> {
        self.write("POST", "/users", user).await
    }

    /// Makes a link that signs its bearer in, once.
    pub async fn create_sign_in_link(self, user: UserId) -> Outcome<SignInLink> {
        self.call(Call::new("POST", &format!("/users/{user}/sign-in-links"))).await?.json()
    }

    /// What the platform says of itself.
    pub async fn show_platform(self) -> Outcome<Platform> {
        self.read("/platform").await
    }
}

/// The client of this page load.
#[must_use]
pub fn use_client() -> Client {
    expect_context::<Client>()
}
