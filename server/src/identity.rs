//! Who the caller is: accounts, passwords, one-time links and the logins of browsers.

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
use crate::progress::classes::JoinRefused;
use crate::store::{self, StoreError};
pub use failures::{Attempt, Visitor};
pub use names::{InvalidField, check_display_name, normalise_username};
use passwords::Standing;
pub use sign_in::DEVICE_DAYS;
pub use tokens::Token;

/// How long a browser stays signed in.
const LOGIN_DAYS: i64 = 14;
/// How long a one-time link can be used.
const LINK_HOURS: i64 = 24;
/// Why something about a person could not be done.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A field of the request is no good.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// Wrong name, password or link; deliberately one answer for all.
    #[error("the name or password is wrong, or the link was used or is too old")]
    Refused,
    /// Too many wrong attempts.
    #[error("there were too many wrong attempts; try again in {}", in_words(*wait_secs))]
    TooManyFailures {
        /// How long until the next attempt counts, in seconds.
        wait_secs: u64,
    },
    /// More people sign in at this moment than passwords can be checked.
    #[error("too many people sign in at this moment; try again in a few seconds")]
    Busy,
    /// The user name is taken.
    #[error("the user name {0:?} is taken; choose another one")]
    UsernameTaken(String),
    /// A join code does not let the person in.
    #[error(transparent)]
    Join(#[from] JoinRefused),
    /// No administrator would be left who can sign in.
    #[error("this is the last administrator who can sign in; make another one first")]
    LastAdmin,
    /// The account is disabled.
    #[error("the account is disabled; enable it first")]
    Disabled,
    /// No such login, or somebody else's.
    #[error("there is no such login")]
    UnknownLogin,
    /// The person starts sessions as fast as they are ended.
    #[error("the account's sessions could not all be ended; try again in a minute")]
    StillBusy,
    /// No such account.
    #[error("there is no such account")]
    UnknownUser,
    /// Hashing a password failed.
    #[error("could not hash or read a password: {0}")]
    Hash(String),
    /// The database failed.
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
    /// The account.
    pub user: User,
    /// Whether it has a password.
    pub has_password: bool,
    /// The cookie's value.
    pub token: Token,
    /// What its owner calls it by.
    pub id: LoginId,
    /// Whether its owner may set a password without naming the old one, because they came by a link.
    pub resets: bool,
}

/// The service.
#[derive(Clone)]
pub struct Identity {
    pool: PgPool,
    clock: Clock,
    slow_names: failures::SlowNames,
}

impl Identity {
    /// The service on this database.
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
        // none for an account that is disabled, even if that happened just now
        let id = store::identity::insert_login(conn, &token.hash(), user.id, expires_at).await?;
        let id = LoginId(id.ok_or(IdentityError::Refused)?);
        Ok(Login { user, has_password, token, id, resets: false })
    }

    /// The login that this cookie names, while it lasts.
    ///
    /// # Errors
    /// The database's.
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
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, login: &Login) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::identity::delete_login(&mut conn, &login.token.hash()).await?)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`IdentityError::Field`], [`IdentityError::UsernameTaken`], or the database's.
    pub async fn add_user(&self, new: NewUser) -> Result<User, IdentityError> {
        let role = new.role;
        let (username, display_name, hash) = checked_account(new, Standing::Known).await?;
        let mut conn = self.pool.acquire().await?;
        insert(&mut conn, &username, &display_name, role, hash.as_deref()).await
    }

    /// All accounts.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_users(&self) -> Result<Vec<User>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::list_users(&mut conn).await?)
    }

    /// The account with this name.
    ///
    /// # Errors
    /// [`IdentityError::UnknownUser`], or the database's.
    pub async fn find_by_username(&self, username: &str) -> Result<User, IdentityError> {
        let username = normalise_username(username)?;
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::find_by_username(&mut conn, &username)
            .await?
            .ok_or(IdentityError::UnknownUser)?
            .into())
    }

    /// A one-time token for the first administrator, who is made where there is none; none once that account
    /// has a password and can sign in by itself.
    ///
    /// # Errors
    /// The database's.
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

    /// Sets the caller's password, signs their other browsers out and forgets which they have signed in with.
    ///
    /// # Errors
    /// [`IdentityError::Field`] where the present password is wrong or the new one is no good,
    /// [`IdentityError::TooManyFailures`], [`IdentityError::Busy`], …
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
        // of two requests of one login that came by a link, one is too late
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
    /// [`IdentityError::Field`] if the password is wrong, [`IdentityError::TooManyFailures`], [`IdentityError::Busy`], or the database's.
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
        let judged =
            passwords::verify(password.unwrap_or_default(), row.password_hash, Standing::Known).await;
        if matches!(judged, Ok(false)) {
            return Err(wrong_password(field).into());
        }
        self.take_back(attempt).await?;
        judged?;
        Ok(())
    }
}

fn wrong_password(field: &'static str) -> InvalidField {
    InvalidField { field, message: "this is not your present password".to_owned() }
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
