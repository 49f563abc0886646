//! People and how they sign in.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{JoinCode, LoginId, UserId};

/// The rights of a person. Each role includes the rights of those before it.
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

impl Role {
    /// All roles, the one with the fewest rights first.
    pub const ALL: [Self; 4] = [Self::Learner, Self::Instructor, Self::Author, Self::Admin];

    /// Returns the word for the role that JSON, the database and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Instructor => "instructor",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a word that names no [`Role`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}; use learner, instructor, author or admin")]
pub struct UnknownRole(
    /// The word that was given.
    pub String,
);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| UnknownRole(text.to_owned()))
    }
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
    pub join_code: JoinCode,
    /// The requested user name: 2 to 40 of letters, digits, `.`, `-`, `_`, `@`.
    pub username: String,
    /// The name shown to others; 1 to 80 characters.
    pub display_name: String,
    /// At least 10 characters.
    pub password: String,
}

/// `GET /api/v1/me`: who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The account.
    pub user: User,
    /// The value for the header `X-Csrf-Token` of every request that changes something.
    pub csrf_token: String,
    /// Whether the account has a password. One that signs in by link has none until it sets one.
    pub has_password: bool,
    /// Whether [`SetPassword::current`] is needed: the account has a password, and this login did not just come from
    /// a one-time link.
    #[serde(default)]
    pub needs_current_password: bool,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The name to sign in with, in lower case.
    pub username: String,
    /// The name shown to others.
    pub display_name: String,
    /// The person's rights.
    pub role: Role,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// When the account was disabled, so that nobody can sign in to it; `None` if it is enabled.
    #[serde(default)]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person last used Lectern, to within a few minutes.
    #[serde(default)]
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// `POST /api/v1/users` (admin): create an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewUser {
    /// As in [`Registration::username`].
    pub username: String,
    /// As in [`Registration::display_name`].
    pub display_name: String,
    /// The person's rights.
    pub role: Role,
    /// The password; `None` if the person gets a one-time link instead.
    #[serde(default)]
    pub password: Option<String>,
}

/// `PATCH /api/v1/users/{id}` (admin): fields that are absent stay as they are. Changing the role, and disabling, end
/// all logins of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// As in [`Registration::display_name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The person's new rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether the account is disabled, so that nobody can sign in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// `POST /api/v1/users/{id}/sign-in-links` (admin; an instructor for learners of their classes): a link that signs
/// its bearer in once and lets them set a new password. Creating it ends the account's logins and revokes its earlier
/// links.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInLink {
    /// The full address. The token is in the fragment, which browsers do not send to servers.
    pub url: String,
    /// When the link stops working.
    pub expires_at: DateTime<Utc>,
}

/// `PUT /api/v1/me/password`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SetPassword {
    /// The current password; not needed unless [`Me::needs_current_password`] is set.
    #[serde(default)]
    pub current: Option<String>,
    /// The new password; at least 10 characters.
    pub new: String,
}

/// `GET /api/v1/logins`: one browser in which the caller is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginInfo {
    /// The id for `DELETE /api/v1/logins/{id}`; not the cookie's value.
    pub id: LoginId,
    /// When the browser signed in.
    pub created_at: DateTime<Utc>,
    /// When the browser last sent a request, to within a few minutes.
    pub last_seen_at: DateTime<Utc>,
    /// When the login ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// Browser and operating system in a few words, such as `Firefox on Linux`, from the browser's own description.
    pub device: String,
    /// The address that the browser signed in from.
    pub address: String,
    /// Whether this login sent the request.
    pub current: bool,
}

/// `DELETE /api/v1/me`: delete one's own account and the data kept about it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct DeleteMe {
    /// The current password; not needed if the account has none.
    #[serde(default)]
    pub password: Option<String>,
}

/// Implements `Debug` without the fields, so that no log can contain a password or a token.
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
    fn a_role_has_the_same_word_in_json_and_on_the_command_line() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().unwrap_err().to_string().contains("learner, instructor"));
    }

    #[test]
    fn nothing_secret_is_shown_for_debugging() {
        let secret = "correct horse".to_owned();
        let shown = [
            format!("{:?}", SignIn::Password { username: "ada".into(), password: secret.clone() }),
            format!("{:?}", SignIn::Link { token: secret.clone() }),
            format!("{:?}", SetPassword { current: Some(secret.clone()), new: secret.clone() }),
            format!("{:?}", DeleteMe { password: Some(secret.clone()) }),
            format!("{:?}", SignInLink { url: secret.clone(), expires_at: DateTime::UNIX_EPOCH }),
            format!(
                "{:?}",
                Registration {
                    join_code: secret.as_str().into(),
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
