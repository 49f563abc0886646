//! The typed client of the server's API. Pages call it; components do not.

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
use lectern_api::sessions::{
    AskPreview, CheckOutcome, ExtendSession, PreviewGrant, RunCheck, Session, StartSession,
};
use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ApiError;
use fetch::{Answer, Call};

use crate::paths::encode_page;

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The server has not been asked yet.
    Unknown,
    SignedOut,
    SignedIn(Me),
    /// The server could not be asked.
    Unreachable(ApiError),
}

/// Why the user is no longer signed in; the sign-in page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOutReason {
    /// They signed out of this browser.
    SignedOut,
    /// They signed out of all browsers.
    SignedOutEverywhere,
    /// They deleted their account.
    Deleted,
    /// The server no longer accepts the login.
    Ended,
}

/// The API's client. Copies share their state.
#[derive(Clone, Copy)]
pub struct Client {
    /// Who is signed in. Any answer that says `not_signed_in` makes it [`Account::SignedOut`].
    pub account: RwSignal<Account>,
    /// Whether the last call reached the server.
    pub reachable: RwSignal<bool>,
    /// Why the last login since the page was loaded ended.
    pub sign_out_reason: RwSignal<Option<SignOutReason>>,
}

type Outcome<T> = Result<T, ApiError>;

impl Client {
    #[must_use]
    pub fn new() -> Self {
        Self {
            account: RwSignal::new(Account::Unknown),
            reachable: RwSignal::new(true),
            sign_out_reason: RwSignal::new(None),
        }
    }

    /// Returns who is signed in now, without subscribing to changes.
    #[must_use]
    pub fn me(&self) -> Option<Me> {
        match self.account.get_untracked() {
            Account::SignedIn(me) => Some(me),
            _ => None,
        }
    }

    /// Returns who is signed in, as a signal.
    #[must_use]
    pub fn signed_in(self) -> Signal<Option<Me>> {
        Signal::derive(move || match self.account.get() {
            Account::SignedIn(me) => Some(me),
            _ => None,
        })
    }

    async fn call(self, call: Call<'_>) -> Outcome<Answer> {
        let csrf = self.me().map(|me| me.csrf_token);
        let outcome = fetch::send(call, csrf.as_deref()).await;
        let reached = !matches!(outcome, Err(ApiError::Unreachable));
        if self.reachable.get_untracked() != reached {
            self.reachable.set(reached);
        }
        if outcome.as_ref().is_err_and(ApiError::is_signed_out) {
            self.forget_account(SignOutReason::Ended);
        }
        outcome
    }

    /// Forgets who was signed in.
    pub fn forget_account(self, reason: SignOutReason) {
        if self.me().is_some() {
            self.sign_out_reason.set(Some(reason));
        }
        self.account.set(Account::SignedOut);
    }

    /// Makes a call whose answer has no body.
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

    pub async fn list_labs(self) -> Outcome<Vec<LabSummary>> {
        self.read("/labs").await
    }

    /// Returns the caller's sessions that are not over.
    pub async fn list_sessions(self) -> Outcome<Vec<Session>> {
        self.read("/sessions").await
    }

    /// Starts a lab, or returns the session that the caller already has of it.
    pub async fn start_session(self, lab: LabSlug) -> Outcome<Session> {
        self.write("POST", "/sessions", &StartSession { lab, parameters: Default::default() }).await
    }

    pub async fn show_session(self, id: SessionId) -> Outcome<Session> {
        self.read(&format!("/sessions/{id}")).await
    }

    /// Asks for a way to a web application of a session. Returns the address to load, once and within a minute.
    pub async fn grant_preview(self, session: SessionId, url: &str) -> Outcome<String> {
        let ask = AskPreview { url: url.to_owned() };
        let grant: PreviewGrant =
            self.write("POST", &format!("/sessions/{session}/preview-grants"), &ask).await?;
        Ok(grant.url)
    }

    /// Asks for more time. `seen` is the end that the learner saw, so that a repeated request adds nothing.
    pub async fn extend_session(self, id: SessionId, seen: DateTime<Utc>) -> Outcome<Session> {
        let extension = ExtendSession { expires_at: Some(seen) };
        self.write("POST", &format!("/sessions/{id}/extensions"), &extension).await
    }

    pub async fn end_session(self, id: SessionId) -> Outcome<()> {
        self.command("DELETE", &format!("/sessions/{id}")).await
    }

    /// Returns a page, and the answer in which it came.
    pub async fn show_page(self, id: SessionId, name: &str) -> Outcome<(RenderedPage, String)> {
        let answer =
            self.call(Call::new("GET", &format!("/sessions/{id}/pages/{}", encode_page(name)))).await?;
        Ok((answer.json()?, answer.text()))
    }

    pub async fn show_progress(self, id: SessionId) -> Outcome<SessionProgress> {
        self.read(&format!("/sessions/{id}/progress")).await
    }

    /// Sends progress events. With `leaving`, the call outlives the page.
    pub async fn send_progress(self, id: SessionId, events: &[ProgressEvent], leaving: bool) -> Outcome<()> {
        let path = format!("/sessions/{id}/progress-events");
        let mut call = Call::new("POST", &path).body(&events)?;
        call.keepalive = leaving;
        self.call(call).await.map(|_| ())
    }

    pub async fn run_check(self, id: SessionId, name: &str, run: &RunCheck) -> Outcome<CheckOutcome> {
        self.write("POST", &format!("/sessions/{id}/checks/{}", encode_page(name)), run).await
    }

    pub async fn show_platform(self) -> Outcome<Platform> {
        self.read("/platform").await
    }
}

/// Returns the client that the app provides.
#[must_use]
pub fn use_client() -> Client {
    expect_context::<Client>()
}
