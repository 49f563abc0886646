//! Signing in, with a password or a link, and registering; and the browsers that are remembered for it.

use chrono::TimeDelta;
use lectern_api::identity::{NewUser, Registration, Role};
use sqlx::Acquire as _;

use super::failures::{Attempt, CODES_PER_ADDRESS, Visitor};
use super::passwords::{self, Standing};
use super::{Identity, IdentityError, Login, Token, checked_account, insert, normalise_username};
use crate::progress::classes::{JoinRefused, enrol_by_code, find_by_code, normalise_join_code};
use crate::store;

/// How long a browser is remembered after somebody signed in with it: as long as browsers keep a cookie.
pub const DEVICE_DAYS: i64 = 400;

impl Identity {
    /// Signs in with a password.
    ///
    /// # Errors
    /// [`IdentityError::Refused`], [`IdentityError::TooManyFailures`], [`IdentityError::Busy`], or the database's.
    pub async fn sign_in(
        &self,
        username: &str,
        password: String,
        from: &Visitor,
    ) -> Result<Login, IdentityError> {
        // a name that could not be one is answered as a wrong one, and needs no row of its own
        let username = normalise_username(username).map_err(|_| IdentityError::Refused)?;
        let mut conn = self.pool.acquire().await?;
        let is_known = match &from.device {
            Some(device) => store::devices::is_known(&mut conn, &device.hash(), &username).await?,
            None => false,
        };
        let attempt = Attempt::count_sign_in(&mut conn, &username, from, is_known).await?;
        let row = store::users::find_by_username(&mut conn, &username).await?;
        drop(conn);
        let hash = row.as_ref().and_then(|row| row.password_hash.clone());
        let standing = if is_known { Standing::Known } else { Standing::Stranger };
        let judged = async {
            self.slow_names.wait(&username, attempt.delay).await?;
            // verified even where there is no account, so that the time taken does not tell
            passwords::verify(password, hash, standing).await
        };
        let judged = judged.await;
        if matches!(judged, Ok(false)) {
            return Err(IdentityError::Refused);
        }
        let mut conn = self.pool.acquire().await?;
        match (judged, row) {
            (Ok(_), Some(row)) => {
                attempt.forgive(&mut conn).await?;
                self.open_login(&mut conn, row.into(), true).await
            }
            (Ok(_), None) => Err(IdentityError::Refused),
            (Err(error), _) => {
                attempt.take_back(&mut conn).await?;
                Err(error)
            }
        }
    }

    /// Signs in with a one-time link's token, which is used up. Nobody guesses one, so guesses are not counted.
    ///
    /// # Errors
    /// [`IdentityError::Refused`], or the database's.
    pub async fn sign_in_by_link(&self, token: &str, _from: &Visitor) -> Result<Login, IdentityError> {
        let token = Token::parse(token).ok_or(IdentityError::Refused)?;
        let mut conn = self.pool.acquire().await?;
        let row = store::identity::take_sign_in_link(&mut conn, &token.hash()).await?;
        let row = row.ok_or(IdentityError::Refused)?;
        let has_password = row.password_hash.is_some();
        self.open_login(&mut conn, row.into(), has_password).await
    }

    /// Opens a learner's account with a class's join code, and signs it in.
    ///
    /// # Errors
    /// [`IdentityError::Field`], [`IdentityError::Join`], [`IdentityError::UsernameTaken`],
    /// [`IdentityError::TooManyFailures`], [`IdentityError::Busy`], …
    pub async fn register(&self, wish: Registration, from: &Visitor) -> Result<Login, IdentityError> {
        let code = normalise_join_code(&wish.join_code);
        let mut conn = self.pool.acquire().await?;
        let key = format!("join:{}", from.address);
        let attempt = Attempt::count(&mut conn, key, CODES_PER_ADDRESS).await?;
        // refused before a password is hashed; it is looked at again when the account is made
        let found = find_by_code(&mut conn, &code, None, self.clock.now()).await?;
        // only a code that nobody has is a guess
        if !matches!(found, Err(JoinRefused::Unknown)) {
            attempt.take_back(&mut conn).await?;
        }
        found?;
        drop(conn);
        let new = NewUser {
            username: wish.username,
            display_name: wish.display_name,
            role: Role::Learner,
            password: Some(wish.password),
        };
        let (username, display_name, hash) = checked_account(new, Standing::Stranger).await?;
        let mut conn = self.pool.acquire().await?;
        let mut tx = conn.begin().await?;
        let user = insert(&mut tx, &username, &display_name, Role::Learner, hash.as_deref()).await?;
        enrol_by_code(&mut tx, &code, user.id, self.clock.now()).await??;
        let login = self.open_login(&mut tx, user, true).await?;
        tx.commit().await?;
        Ok(login)
    }

    /// Remembers the browser in which somebody has just signed in; the token for its cookie.
    ///
    /// # Errors
    /// The database's.
    pub async fn remember_device(&self, login: &Login, from: &Visitor) -> Result<Token, IdentityError> {
        let (user, expires_at) = (login.user.id, self.clock.now() + TimeDelta::days(DEVICE_DAYS));
        let mut conn = self.pool.acquire().await?;
        if let Some(device) = &from.device
            && store::devices::renew_device(&mut conn, &device.hash(), user, expires_at).await?
        {
            return Ok(device.clone());
        }
        // never one that the browser brought along: who planted it there would be known as well
        let token = Token::random();
        store::devices::insert_device(&mut conn, &token.hash(), user, expires_at).await?;
        Ok(token)
    }
}
