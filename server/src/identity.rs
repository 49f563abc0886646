//! Who the caller is: accounts, passwords, one-time links and the logins of browsers.

mod failures;
mod names;
mod passwords;
mod sign_in;
mod tokens;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::identity::{NewUser, Role, User};
use lectern_api::ids::UserId;
use sqlx::PgPool;

use crate::clock::Clock;
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
    /// No class has this join code.
    #[error("no class has this join code; ask your instructor for it")]
    UnknownJoinCode,
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
        store::identity::insert_login(conn, &token.hash(), user.id, expires_at).await?;
        Ok(Login { user, has_password, token })
    }

    /// The login that this cookie names, while it lasts.
    ///
    /// # Errors
    /// The database's.
    pub async fn find_login(&self, cookie: &str) -> Result<Option<Login>, IdentityError> {
        let Some(token) = Token::parse(cookie) else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let row = store::identity::find_login(&mut conn, &token.hash()).await?;
        Ok(row.map(|row| {
            let has_password = row.password_hash.is_some();
            Login { user: row.into(), has_password, token }
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
    pub async fn add_user(&self, actor: Option<UserId>, new: NewUser) -> Result<User, IdentityError> {
        let role = new.role;
        let (username, display_name, hash) = checked_account(new, Standing::Known).await?;
        let mut tx = self.pool.begin().await?;
        let user = insert(&mut tx, &username, &display_name, role, hash.as_deref()).await?;
        store::record_audit(&mut tx, actor, "add_user", &user.id.to_string()).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// All accounts.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_users(&self) -> Result<Vec<User>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::list_users(&mut conn).await?)
    }

    /// Makes a one-time link's token for an account, and says when it stops working.
    ///
    /// # Errors
    /// [`IdentityError::UnknownUser`], or the database's.
    pub async fn make_link(
        &self,
        actor: Option<UserId>,
        user: UserId,
    ) -> Result<(Token, DateTime<Utc>), IdentityError> {
        let mut tx = self.pool.begin().await?;
        if store::users::find_user(&mut tx, user).await?.is_none() {
            return Err(IdentityError::UnknownUser);
        }
        let token = Token::random();
        let expires_at = self.clock.now() + TimeDelta::hours(LINK_HOURS);
        store::identity::insert_sign_in_link(&mut tx, &token.hash(), user, expires_at).await?;
        store::record_audit(&mut tx, actor, "make_sign_in_link", &user.to_string()).await?;
        tx.commit().await?;
        Ok((token, expires_at))
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
                self.add_user(None, new).await?.id
            }
        };
        Ok(Some(self.make_link(None, id).await?.0))
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
        let mut conn = self.pool.acquire().await?;
        let row = store::users::find_user(&mut conn, user).await?.ok_or(IdentityError::UnknownUser)?;
        if row.password_hash.is_some() {
            let attempt = Attempt::count(&mut conn, format!("password:{user}"), failures::PER_PERSON).await?;
            drop(conn);
            let judged =
                passwords::verify(current.unwrap_or_default(), row.password_hash, Standing::Known).await;
            if matches!(judged, Ok(false)) {
                let message = "this is not your present password".to_owned();
                return Err(InvalidField { field: "current", message }.into());
            }
            self.take_back(attempt).await?;
            judged?;
        } else {
            drop(conn);
        }
        let hash = passwords::hash(new, Standing::Known).await?;
        let mut tx = self.pool.begin().await?;
        store::users::update_password(&mut tx, user, &hash).await?;
        store::identity::delete_other_logins(&mut tx, user, &login.token.hash()).await?;
        store::devices::delete_devices_of(&mut tx, user).await?;
        store::record_audit(&mut tx, Some(user), "set_password", &user.to_string()).await?;
        Ok(tx.commit().await?)
    }
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
