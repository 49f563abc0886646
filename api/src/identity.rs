//! People and how they sign in.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{LoginId, UserId};

/// What a person may do. Each role has the rights of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes labs.
    Learner,
    /// Has classes and sees their progress.
    Instructor,
    /// Sees errors in labs, and previews them.
    Author,
    /// Manages people and the platform.
    Admin,
}

/// `POST /api/v1/logins`: sign in, with a password or with a one-time link's token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum SignIn {
    /// With a user name and a password.
    Password {
        /// The user name, in any case.
        username: String,
        /// The password.
        password: String,
    },
    /// With the token of a one-time link; it is used up by this.
    Link {
        /// The token from the link's fragment.
        token: String,
    },
}

/// `POST /api/v1/registrations`: open an account as a learner of a class.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registration {
    /// The class's join code, as the instructor shows it.
    pub join_code: String,
    /// The wished user name: 2 to 40 of letters, digits, `.`, `-`, `_`, `@`.
    pub username: String,
    /// The name that others see; 1 to 80 characters.
    pub display_name: String,
    /// At least 10 characters.
    pub password: String,
}

/// `GET /api/v1/me`: who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The account.
    pub user: User,
    /// To be sent as the header `X-Csrf-Token` with every request that changes something.
    pub csrf_token: String,
    /// Whether the account has a password; one made by a link has none until it sets one.
    pub has_password: bool,
    /// Whether [`SetPassword::current`] is needed: the account has a password, and this login did not just come from
    /// a one-time link.
    #[serde(default)]
    pub needs_current_password: bool,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with; lower case.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// What the person may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is disabled: nobody can sign in to it. Absent: it is not.
    #[serde(default)]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person last used Lectern, to within some minutes.
    #[serde(default)]
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// `POST /api/v1/users` (admin): make an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewUser {
    /// As in [`Registration::username`].
    pub username: String,
    /// As in [`Registration::display_name`].
    pub display_name: String,
    /// What the person may do.
    pub role: Role,
    /// Absent: the person gets a one-time link instead.
    #[serde(default)]
    pub password: Option<String>,
}

/// `PATCH /api/v1/users/{id}` (admin): what is absent stays as it is. A new role, and disabling, end all logins of the
/// account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// As in [`Registration::display_name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What the person may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether signing in is closed to the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// `POST /api/v1/users/{id}/sign-in-links` (admin; an instructor for learners of their classes): a link that signs its
/// bearer in, once, and lets them set a new password. It ends the account's logins and withdraws its earlier links.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInLink {
    /// The whole address; the token stands in the fragment, which browsers do not send to servers.
    pub url: String,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// `PUT /api/v1/me/password`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SetPassword {
    /// The present password; not needed where [`Me::needs_current_password`] says so.
    #[serde(default)]
    pub current: Option<String>,
    /// The new one; at least 10 characters.
    pub new: String,
}

/// `GET /api/v1/logins`: one browser in which the caller is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginInfo {
    /// For `DELETE /api/v1/logins/{id}`; not the cookie's value.
    pub id: LoginId,
    /// When it signed in.
    pub created_at: DateTime<Utc>,
    /// When it last asked for something, to within some minutes.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// Browser and system in a few words, as the browser named itself: `Firefox on Linux`.
    pub device: String,
    /// The address that it signed in from.
    pub address: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `DELETE /api/v1/me`: delete one's own account and what is kept about it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct DeleteMe {
    /// The present password; not needed where there is none.
    #[serde(default)]
    pub password: Option<String>,
}

/// Shows a type without what it holds, so that no log can hold a password or a token either.
macro_rules! show_name_only {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}

show_name_only!(SignIn Registration NewUser SignInLink SetPassword DeleteMe);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown_for_debugging() {
        let secret = "correct horse".to_owned();
        let shown = [
            format!("{:?}", SignIn::Password { username: "ada".into(), password: secret.clone() }),
            format!("{:?}", SignIn::Link { token: secret.clone() }),
            format!("{:?}", SetPassword { current: Some(secret.clone()), new: secret.clone() }),
            format!("{:?}", DeleteMe { password: Some(secret.clone()) }),
            format!("{:?}", SignInLink { url: secret.clone(), expires_at: Utc::now() }),
            format!(
                "{:?}",
                Registration {
                    join_code: secret.clone(),
                    username: "ada".into(),
                    display_name: "Ada".into(),
                    password: secret.clone(),
                }
            ),
            format!(
                "{:?}",
                NewUser {
                    username: "ada".into(),
                    display_name: "Ada".into(),
                    role: Role::Learner,
                    password: Some(secret.clone()),
                }
            ),
        ];
        for text in shown {
            assert!(!text.contains(&secret), "{text}");
        }
    }
}
