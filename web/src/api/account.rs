//! The caller's own account: signing in and out, password, logins, data.

use lectern_api::identity::{DeleteMe, LoginInfo, Registration, SetPassword, SignIn};
use lectern_api::ids::LoginId;
use leptos::prelude::Set as _;

use super::fetch::{self, Call};
use super::{Account, Client, Outcome, SignOutReason};

impl Client {
    /// Finds out who is signed in.
    pub async fn load_account(self) {
        // a visitor is no error, which the browser would report in red
        let answer = match self.call(Call::new("GET", "/me?optional=true")).await {
            Ok(answer) if answer.is_empty() => Ok(None),
            Ok(answer) => answer.json().map(Some),
            Err(error) => Err(error),
        };
        let account = match answer {
            Ok(Some(me)) => Account::SignedIn(me),
            Ok(None) => Account::SignedOut,
            Err(error) if error.is_signed_out() => Account::SignedOut,
            Err(error) => Account::Unreachable(error),
        };
        self.account.set(account);
    }

    /// Checks that the login is still valid; nothing changes if it is.
    pub async fn check_login(self) {
        // `call` handles `not_signed_in`; any other failure says nothing about the login
        let _ = self.command("GET", "/me").await;
    }

    pub async fn sign_in(self, with: &SignIn) -> Outcome<()> {
        // no CSRF token is known yet, and a refusal must not sign anybody out
        fetch::send(Call::new("POST", "/logins").body(with)?, None).await?;
        self.load_new_login().await
    }

    /// Creates an account with a join code, and signs in.
    pub async fn register(self, with: &Registration) -> Outcome<()> {
        fetch::send(Call::new("POST", "/registrations").body(with)?, None).await?;
        self.load_new_login().await
    }

    async fn load_new_login(self) -> Outcome<()> {
        let me = self.read("/me").await?;
        self.sign_out_reason.set(None);
        self.account.set(Account::SignedIn(me));
        Ok(())
    }

    pub async fn sign_out(self) -> Outcome<()> {
        self.command("DELETE", "/logins/current").await?;
        self.forget_account(SignOutReason::SignedOut);
        Ok(())
    }

    /// Sets the caller's password. The server may replace the login with it.
    pub async fn set_password(self, with: &SetPassword) -> Outcome<()> {
        self.call(Call::new("PUT", "/me/password").body(with)?).await?;
        self.load_new_login().await
    }

    /// Returns the caller's logins, the most recently used first.
    pub async fn list_logins(self) -> Outcome<Vec<LoginInfo>> {
        self.read("/logins").await
    }

    /// Ends one of the caller's logins in another browser.
    pub async fn end_login(self, id: LoginId) -> Outcome<()> {
        self.command("DELETE", &format!("/logins/{id}")).await
    }

    /// Signs the caller out of all browsers, including this one.
    pub async fn sign_out_everywhere(self) -> Outcome<()> {
        self.command("DELETE", "/logins").await?;
        self.forget_account(SignOutReason::SignedOutEverywhere);
        Ok(())
    }

    /// Returns all data about the caller, as JSON.
    pub async fn export_me(self) -> Outcome<String> {
        Ok(self.call(Call::new("GET", "/me/export")).await?.text())
    }

    /// Deletes the caller's account with all data about it.
    pub async fn delete_me(self, with: &DeleteMe) -> Outcome<()> {
        self.call(Call::new("DELETE", "/me").body(with)?).await?;
        self.forget_account(SignOutReason::Deleted);
        Ok(())
    }
}
