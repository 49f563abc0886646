//! The server's API, typed. Every page calls this and nothing else; components call nothing.

mod account;
mod classes;
mod error;
pub mod events;
mod fetch;
mod people;

use chrono::{DateTime, Utc};
use lectern_api::identity::Me;
use lectern_api::ids::{LabSlug, SessionId};
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

/// How somebody who was signed in came to be so no longer; the sign-in page says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// By their own wish.
    SignedOut,
    /// By their own wish, in all browsers.
    SignedOutEverywhere,
    /// The account is deleted.
    Deleted,
    /// The server does not know the login any longer.
    Ended,
}

/// The way to the server; copies share their state.
#[derive(Clone, Copy)]
pub struct Client {
    /// Who is signed in. An answer 401 to anything makes it [`Account::SignedOut`].
    pub account: RwSignal<Account>,
    /// Whether the last call reached the server.
    pub reachable: RwSignal<bool>,
    /// How the last login of this page load ended.
    pub parting: RwSignal<Option<Parting>>,
}

type Outcome<T> = Result<T, ApiError>;

impl Client {
    /// A client that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            account: RwSignal::new(Account::Unknown),
            reachable: RwSignal::new(true),
            parting: RwSignal::new(None),
        }
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
            self.part(Parting::Ended);
        }
        outcome
    }

    /// Forgets who was signed in.
    fn part(self, how: Parting) {
        if self.me().is_some() {
            self.parting.set(Some(how));
        }
        self.account.set(Account::SignedOut);
    }

    /// Makes a call whose answer has nothing to read.
    async fn command(self, method: &'static str, path: &str) -> Outcome<()> {
        self.call(Call::new(method, path)).await.map(|_| ())
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
        self.command("DELETE", &format!("/sessions/{id}")).await
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
