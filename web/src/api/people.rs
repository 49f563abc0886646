//! Administration: accounts, and the audit log.

use lectern_api::audit::AuditPage;
use lectern_api::identity::{ChangeUser, NewUser, SignInLink, User};
use lectern_api::ids::UserId;

use super::fetch::Call;
use super::{Client, Outcome};

impl Client {
    pub async fn list_users(self) -> Outcome<Vec<User>> {
        self.read("/users").await
    }

    pub async fn create_user(self, user: NewUser) -> Outcome<User> {
        self.write("POST", "/users", &user).await
    }

    /// Changes an account. A new role, and disabling, sign it out.
    pub async fn change_user(self, user: UserId, change: ChangeUser) -> Outcome<User> {
        self.write("PATCH", &format!("/users/{user}"), &change).await
    }

    /// Deletes an account with all data about it.
    pub async fn delete_user(self, user: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/users/{user}")).await
    }

    /// Signs a user out of all browsers.
    pub async fn end_logins_of(self, user: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/users/{user}/logins")).await
    }

    /// Returns all data about a user, as JSON.
    pub async fn export_user(self, user: UserId) -> Outcome<String> {
        Ok(self.call(Call::new("GET", &format!("/users/{user}/export"))).await?.text())
    }

    /// Creates a link that signs a user in, once.
    pub async fn create_sign_in_link(self, user: UserId) -> Outcome<SignInLink> {
        self.call(Call::new("POST", &format!("/users/{user}/sign-in-links"))).await?.json()
    }

    /// Returns a page of the audit log, the newest record first. `before` is the last record of the previous page.
    pub async fn list_audit(self, before: Option<i64>) -> Outcome<AuditPage> {
        match before {
            Some(id) => self.read(&format!("/audit?before={id}")).await,
            None => self.read("/audit").await,
        }
    }
}
