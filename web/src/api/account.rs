//! The caller's own account: signing in and out, the password, the logins, what is kept.

use lectern_api::identity::{DeleteMe, LoginInfo, Registration, SetPassword, SignIn};
use lectern_api::ids::LoginId;
use leptos::prelude::Set as _;

use super::fetch::{self, Call};
use super::{Account, Client, Outcome, Parting};

impl Client {
    /// Finds out who is signed in.
    pub async fn load_account(self) {
        let account = match self.read("/me").await {
            Ok(me) => Account::SignedIn(me),
            Err(error) if error.is_signed_out() => Account::SignedOut,
            Err(error) => Account::Unreachable(error),
        };
        self.account.set(account);
    }

    /// Asks whether the login is still good; what is shown changes only if it is not.
    pub async fn check_login(self) {
        // an answer 401 does the rest, and any other failure says nothing about the login
        let _ = self.command("GET", "/me").await;
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
        self.parting.set(None);
        self.account.set(Account::SignedIn(me));
        Ok(())
    }

    /// Signs out of this browser.
    pub async fn sign_out(self) -> Outcome<()> {
        self.command("DELETE", "/logins/current").await?;
        self.part(Parting::SignedOut);
        Ok(())
    }

    /// Sets the password of whoever is signed in. The server may change the login with it.
    pub async fn set_password(self, with: &SetPassword) -> Outcome<()> {
        self.call(Call::new("PUT", "/me/password").body(with)?).await?;
        self.adopt().await
    }

    /// Where the caller is signed in, the newest use first.
    pub async fn list_logins(self) -> Outcome<Vec<LoginInfo>> {
        self.read("/logins").await
    }

    /// Ends one of the caller's logins, which is not this browser's.
    pub async fn end_login(self, id: LoginId) -> Outcome<()> {
        self.command("DELETE", &format!("/logins/{id}")).await
    }

    /// Signs the caller out of all browsers, this one too.
    pub async fn sign_out_everywhere(self) -> Outcome<()> {
        self.command("DELETE", "/logins").await?;
        self.part(Parting::SignedOutEverywhere);
        Ok(())
    }

    /// Everything that is kept about the caller, as JSON.
    pub async fn export_me(self) -> Outcome<String> {
        Ok(self.call(Call::new("GET", "/me/export")).await?.text())
    }

    /// Deletes the caller's account and what is kept about it.
    pub async fn delete_me(self, with: &DeleteMe) -> Outcome<()> {
        self.call(Call::new("DELETE", "/me").body(with)?).await?;
        self.part(Parting::Deleted);
        Ok(())
    }
}
