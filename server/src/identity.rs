//! Accounts, passwords, one-time links and the logins of browsers.

mod accounts;
mod failures;
mod logins;
mod names;
mod passwords;
pub mod retention;
mod sign_in;
mod tokens;

use chrono::TimeDelta;
use lectern_api::identity::{NewUser, Role, User};
use lectern_api::ids::{LoginId, UserId};
use sqlx::PgPool;

use crate::clock::Clock;
use crate::enrolment::JoinRefused;
use crate::store::{self, StoreError};
pub use failures::{Attempt, Visitor};
pub use names::{InvalidField, check_display_name, normalise_username};
use passwords::Standing;
pub use sign_in::DEVICE_DAYS;
pub use tokens::Token;

/// How long a browser stays signed in.
const LOGIN_DAYS: i64 = 14;
/// For how long a one-time link works.
const LINK_HOURS: i64 = 24;

/// Any failure of this module.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// Wrong name, password or link; deliberately one answer for all.
    #[error("the name or password is wrong, or the link was already used or has expired")]
    Refused,
    #[error("there were too many wrong attempts; try again in {}", in_words(*wait_secs))]
    TooManyFailures {
        /// Seconds until another attempt is accepted.
        wait_secs: u64,
    },
    /// Passwords come in faster than they can be checked.
    #[error("too many people are signing in right now; try again in a few seconds")]
    Busy,
    #[error("the user name {0:?} is taken; choose another one")]
    UsernameTaken(String),
    #[error(transparent)]
    Join(#[from] JoinRefused),
    #[error("this is the last administrator who can sign in; make somebody else an administrator first")]
    LastAdmin,
    #[error("the account is disabled; enable it first")]
    Disabled,
    /// Absent, or somebody else's.
    #[error("there is no such login")]
    UnknownLogin,
    /// The person starts sessions as fast as they are ended.
    #[error("the account's sessions could not all be ended; try again in a minute")]
    StillBusy,
    #[error("there is no such account")]
    UnknownUser,
    #[error("could not hash or read a password: {0}")]
    Hash(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn in_words(secs: u64) -> String {
    match secs {
        0..=1 => "a second".to_owned(),
        2..=99 => format!("{secs} seconds"),
        _ => format!("{} minutes", secs.div_ceil(60)),
    }
}

impl From<sqlx::Error> for IdentityError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: User,
    pub has_password: bool,
    /// The cookie's value.
    pub token: Token,
    /// The public id, by which its owner can end the login.
    pub id: LoginId,
    /// Whether its owner may set a password without the old one, because they signed in by a link.
    pub resets: bool,
}

/// Manages accounts and logins.
#[derive(Clone)]
pub struct Identity {
    pool: PgPool,
    clock: Clock,
    slow_names: failures::SlowNames,
}

impl Identity {
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self { pool, clock, slow_names: failures::SlowNames::default() }
    }

    async fn open_login(
        &self,
        conn: &mut sqlx::PgConnection,
        user: User,
        has_password: bool,
    ) -> Result<Login, IdentityError> {
        let token = Token::random();
        let expires_at = self.clock.now() + TimeDelta::days(LOGIN_DAYS);
        // nothing is inserted for a disabled account, even one that was disabled a moment ago
        let id = store::identity::insert_login(conn, &token.hash(), user.id, expires_at).await?;
        let id = LoginId(id.ok_or(IdentityError::Refused)?);
        Ok(Login { user, has_password, token, id, resets: false })
    }

    /// Returns the login for a cookie; `None` if it has ended.
    pub async fn find_login(&self, cookie: &str) -> Result<Option<Login>, IdentityError> {
        let Some(token) = Token::parse(cookie) else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let Some(row) = store::logins::find_login(&mut conn, &token.hash()).await? else { return Ok(None) };
        if row.is_stale {
            store::logins::note_use(&mut conn, row.login_id).await?;
        }
        Ok(Some(Login {
            has_password: row.user.password_hash.is_some(),
            user: row.user.into(),
            token,
            id: LoginId(row.login_id),
            resets: row.resets,
        }))
    }

    /// Signs a browser out.
    pub async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::identity::delete_login(&mut conn, &login.token.hash()).await?)
    }

    /// Creates an account.
    pub async fn add_user(&self, new: NewUser) -> Result<User, IdentityError> {
        let role = new.role;
        let (username, display_name, hash) = checked_account(new, Standing::Known).await?;
        let mut conn = self.pool.acquire().await?;
        insert(&mut conn, &username, &display_name, role, hash.as_deref()).await
    }

    /// Returns all accounts.
    pub async fn list_users(&self) -> Result<Vec<User>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::list_users(&mut conn).await?)
    }

    /// Returns the account with this name.
    pub async fn find_by_username(&self, username: &str) -> Result<User, IdentityError> {
        let username = normalise_username(username)?;
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::find_by_username(&mut conn, &username)
            .await?
            .ok_or(IdentityError::UnknownUser)?
            .into())
    }

    /// Returns a one-time token for the first administrator, creating the account if there is none. Returns `None` once
    /// that account has a password to sign in with.
    pub async fn first_admin_link(&self) -> Result<Option<Token>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        let admin = store::users::find_first_admin(&mut conn).await?;
        drop(conn);
        let id = match admin {
            Some(row) if row.password_hash.is_some() => return Ok(None),
            Some(row) => UserId(row.id),
            None => {
                let new = NewUser {
                    username: "admin".into(),
                    display_name: "Administrator".into(),
                    role: Role::Admin,
                    password: None,
                };
                self.add_user(new).await?.id
            }
        };
        Ok(Some(self.make_link(id).await?.0))
    }

    /// Sets the caller's password, signs out their other browsers and forgets the browsers remembered for them.
    ///
    /// # Errors
    /// Returns [`IdentityError::Field`] if the current password is wrong or the new one is not acceptable.
    pub async fn set_password(
        &self,
        login: &Login,
        current: Option<String>,
        new: String,
    ) -> Result<(), IdentityError> {
        passwords::check(&new)?;
        let user = login.user.id;
        if !login.resets {
            self.confirm_password(login, current, "current").await?;
        }
        let hash = passwords::hash(new, Standing::Known).await?;
        let mut tx = self.pool.begin().await?;
        // of two concurrent requests from a login by link, only the first may reset the password
        if login.resets && !store::logins::take_reset(&mut tx, &login.token.hash()).await? {
            return Err(wrong_password("current").into());
        }
        store::users::update_password(&mut tx, user, &hash).await?;
        store::identity::delete_other_logins(&mut tx, user, &login.token.hash()).await?;
        store::logins::delete_links_of(&mut tx, user).await?;
        store::devices::delete_devices_of(&mut tx, user).await?;
        Ok(tx.commit().await?)
    }

    /// Checks that the caller knows the account's password, if it has one.
    ///
    /// # Errors
    /// Returns [`IdentityError::Field`] for `field` if the password is wrong.
    pub async fn confirm_password(
        &self,
        login: &Login,
        password: Option<String>,
        field: &'static str,
    ) -> Result<(), IdentityError> {
        let user = login.user.id;
        let mut conn = self.pool.acquire().await?;
        let row = store::users::find_user(&mut conn, user).await?.ok_or(IdentityError::UnknownUser)?;
        if row.password_hash.is_none() {
            return Ok(());
        }
        let attempt = Attempt::count(&mut conn, format!("password:{user}"), failures::PER_PERSON).await?;
        drop(conn);
        let verified =
            passwords::verify(password.unwrap_or_default(), row.password_hash, Standing::Known).await;
        if matches!(verified, Ok(false)) {
            return Err(wrong_password(field).into());
        }
        self.uncount(attempt).await?;
        verified?;
        Ok(())
    }
}

fn wrong_password(field: &'static str) -> InvalidField {
    InvalidField { field, message: "this is not your current password".to_owned() }
}

async fn checked_account(
    new: NewUser,
    standing: Standing,
) -> Result<(String, String, Option<String>), IdentityError> {
    let username = normalise_username(&new.username)?;
    let display_name = check_display_name(&new.display_name)?;
    let hash = match new.password {
        Some(password) => {
            passwords::check(&password)?;
            Some(passwords::hash(password, standing).await?)
        }
        None => None,
    };
    Ok((username, display_name, hash))
}

async fn insert(
    conn: &mut sqlx::PgConnection,
    username: &str,
    display_name: &str,
    role: Role,
    hash: Option<&str>,
) -> Result<User, IdentityError> {
    store::users::insert_user(conn, username, display_name, role, hash).await.map_err(|error| {
        match error.violated_constraint() {
            Some("users_username_key") => IdentityError::UsernameTaken(username.to_owned()),
            _ => IdentityError::Store(error),
        }
    })
}
