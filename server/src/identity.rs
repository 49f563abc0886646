//! Who the caller is: accounts, passwords, one-time links and the logins of browsers.

mod names;
mod passwords;
mod tokens;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::identity::{NewUser, Registration, Role, User};
use lectern_api::ids::UserId;
use sqlx::{Acquire, PgPool};

use crate::clock::Clock;
use crate::progress::classes::normalise_join_code;
use crate::store::{self, StoreError};
pub use names::{InvalidField, check_display_name, normalise_username};
pub use tokens::Token;

/// How long a browser stays signed in.
const LOGIN_DAYS: i64 = 14;
/// How long a one-time link can be used.
const LINK_HOURS: i64 = 24;
/// After so many failures under one name, sign-in is refused until the window ends.
const FAILURES_PER_NAME: i32 = 10;
/// The same for one address, from which a whole class may sign in.
const FAILURES_PER_ADDRESS: i32 = 100;

/// Why something about a person could not be done.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A field of the request is no good.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// Wrong name, password or link; deliberately one answer for all.
    #[error("the name or password is wrong, or the link was used or is too old")]
    Refused,
    /// Too many failures.
    #[error("too many failed sign-ins; try again at {until}")]
    TooManyFailures {
        /// When the next try counts.
        until: DateTime<Utc>,
    },
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
}

impl Identity {
    /// The service on this database.
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self { pool, clock }
    }

    /// Signs in with a password. `address` is the caller's, for the limit on failures.
    ///
    /// # Errors
    /// [`IdentityError::Refused`], [`IdentityError::TooManyFailures`], or the database's.
    pub async fn sign_in(
        &self,
        username: &str,
        password: String,
        address: &str,
    ) -> Result<Login, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        // a name that could not be one is answered as a wrong one, and needs no row of its own
        let username = normalise_username(username).map_err(|_| IdentityError::Refused)?;
        let keys = [format!("name:{username}"), format!("address:{address}")];
        self.check_failures(&mut conn, &keys).await?;
        let row = store::users::find_by_username(&mut conn, &username).await?;
        let hash = row.as_ref().and_then(|r| r.password_hash.clone());
        drop(conn);
        // verified even where there is no account, so that the time taken does not tell
        let matches = passwords::verify(password, hash).await?;
        let mut conn = self.pool.acquire().await?;
        match row {
            Some(row) if matches => self.open_login(&mut conn, row.into(), true).await,
            _ => {
                store::identity::record_failure(&mut conn, &keys).await?;
                Err(IdentityError::Refused)
            }
        }
    }

    async fn check_failures(
        &self,
        conn: &mut sqlx::PgConnection,
        keys: &[String; 2],
    ) -> Result<(), IdentityError> {
        for (key, limit) in keys.iter().zip([FAILURES_PER_NAME, FAILURES_PER_ADDRESS]) {
            if let Some((failures, until)) =
                store::identity::count_failures(conn, std::slice::from_ref(key)).await?
                && failures >= limit
            {
                return Err(IdentityError::TooManyFailures { until });
            }
        }
        Ok(())
    }

    /// Signs in with a one-time link's token, which is used up.
    ///
    /// # Errors
    /// [`IdentityError::Refused`], [`IdentityError::TooManyFailures`], or the database's.
    pub async fn sign_in_by_link(&self, token: &str, address: &str) -> Result<Login, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        let keys = [format!("link:{address}"), format!("address:{address}")];
        self.check_failures(&mut conn, &keys).await?;
        let row = match Token::parse(token) {
            Some(token) => store::identity::take_sign_in_link(&mut conn, &token.hash()).await?,
            None => None,
        };
        let Some(row) = row else {
            store::identity::record_failure(&mut conn, &keys).await?;
            return Err(IdentityError::Refused);
        };
        let has_password = row.password_hash.is_some();
        self.open_login(&mut conn, row.into(), has_password).await
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

    /// Opens a learner's account with a class's join code, and signs it in.
    ///
    /// # Errors
    /// [`IdentityError::Field`], [`IdentityError::UnknownJoinCode`], [`IdentityError::UsernameTaken`], …
    pub async fn register(&self, wish: Registration, address: &str) -> Result<Login, IdentityError> {
        let code = normalise_join_code(&wish.join_code);
        let mut conn = self.pool.acquire().await?;
        let keys = [format!("join:{address}"), format!("address:{address}")];
        self.check_failures(&mut conn, &keys).await?;
        if !store::classes::code_exists(&mut conn, &code).await? {
            store::identity::record_failure(&mut conn, &keys).await?;
            return Err(IdentityError::UnknownJoinCode);
        }
        let new = NewUser {
            username: wish.username,
            display_name: wish.display_name,
            role: Role::Learner,
            password: Some(wish.password),
        };
        let (username, display_name, hash) = checked_account(new).await?;
        let mut tx = conn.begin().await?;
        let user = insert(&mut tx, &username, &display_name, Role::Learner, hash.as_deref()).await?;
        store::classes::enrol_by_code(&mut tx, user.id, &code)
            .await?
            .ok_or(IdentityError::UnknownJoinCode)?;
        let login = self.open_login(&mut tx, user, true).await?;
        tx.commit().await?;
        Ok(login)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`IdentityError::Field`], [`IdentityError::UsernameTaken`], or the database's.
    pub async fn add_user(&self, actor: Option<UserId>, new: NewUser) -> Result<User, IdentityError> {
        let role = new.role;
        let (username, display_name, hash) = checked_account(new).await?;
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

    /// Sets the caller's password and signs their other browsers out.
    ///
    /// # Errors
    /// [`IdentityError::Refused`] where the present password is wrong, [`IdentityError::Field`], …
    pub async fn set_password(
        &self,
        login: &Login,
        current: Option<String>,
        new: String,
    ) -> Result<(), IdentityError> {
        passwords::check(&new)?;
        let mut conn = self.pool.acquire().await?;
        let row =
            store::users::find_user(&mut conn, login.user.id).await?.ok_or(IdentityError::UnknownUser)?;
        drop(conn);
        if row.password_hash.is_some()
            && !passwords::verify(current.unwrap_or_default(), row.password_hash).await?
        {
            return Err(IdentityError::Refused);
        }
        let hash = passwords::hash(new).await?;
        let mut tx = self.pool.begin().await?;
        store::users::update_password(&mut tx, login.user.id, &hash).await?;
        store::identity::delete_other_logins(&mut tx, login.user.id, &login.token.hash()).await?;
        store::record_audit(&mut tx, Some(login.user.id), "set_password", &login.user.id.to_string()).await?;
        Ok(tx.commit().await?)
    }
}

async fn checked_account(new: NewUser) -> Result<(String, String, Option<String>), IdentityError> {
    let username = normalise_username(&new.username)?;
    let display_name = check_display_name(&new.display_name)?;
    let hash = match new.password {
        Some(password) => {
            passwords::check(&password)?;
            Some(passwords::hash(password).await?)
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
