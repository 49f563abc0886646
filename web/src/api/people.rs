//! Administration: the accounts of all people, and the audit log.

use lectern_api::audit::AuditPage;
use lectern_api::identity::{ChangeUser, NewUser, SignInLink, User};
use lectern_api::ids::UserId;

use super::fetch::Call;
use super::{Client, Outcome};

impl Client {
    /// All accounts.
    pub async fn list_users(self) -> Outcome<Vec<User>> {
        self.read("/users").await
    }

    /// Creates an account.
    pub async fn create_user(self, user: NewUser) -> Outcome<User> {
        self.write("POST", "/users", &user).await
    }

    /// Changes an account; it is signed out if its role changes or it is disabled.
    pub async fn change_user(self, user: UserId, change: ChangeUser) -> Outcome<User> {
        self.write("PATCH", &format!("/users/{user}"), &change).await
    }

    /// Deletes an account with what is kept about it.
    pub async fn delete_user(self, user: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/users/{user}")).await
    }

    /// Signs somebody out of all browsers.
    pub async fn end_logins_of(self, user: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/users/{user}/logins")).await
    }

    /// Everything that is kept about somebody, as JSON.
    pub async fn export_user(self, user: UserId) -> Outcome<String> {
        Ok(self.call(Call::new("GET", &format!("/users/{user}/export"))).await?.text())
    }

    /// Creates a link that signs its bearer in, once.
    pub async fn create_sign_in_link(self, user: UserId) -> Outcome<SignInLink> {
        self.call(Call::new("POST", &format!("/users/{user}/sign-in-links"))).await?.json()
    }

    /// A page of the audit log, the newest first; `before` names the last record of the page before.
    pub async fn list_audit(self, before: Option<i64>) -> Outcome<AuditPage> {
        match before {
            Some(id) => self.read(&format!("/audit?before={id}")).await,
            None => self.read("/audit").await,
        }
    }
}
