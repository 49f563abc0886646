//! Signing in with a password or a link, registering, and remembering the browsers that people sign in with.

use chrono::TimeDelta;
use lectern_api::identity::{NewUser, Registration, Role};
use sqlx::Acquire as _;

use super::failures::{Attempt, CODES_PER_ADDRESS, Visitor};
use super::passwords::{self, Standing};
use super::{Identity, IdentityError, Login, Token, checked_account, insert, normalise_username};
use crate::enrolment::{JoinRefused, enrol_by_code, find_by_code};
use crate::store;

/// For how many days a browser is remembered after somebody signed in with it: as long as browsers keep a cookie.
pub const DEVICE_DAYS: i64 = 400;

impl Identity {
    /// Signs in with a password.
    pub async fn sign_in(
        &self,
        username: &str,
        password: String,
        from: &Visitor,
    ) -> Result<Login, IdentityError> {
        // an impossible name gets the same answer as a wrong one, and needs no counter of its own
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
        let verified = async {
            self.slow_names.wait(&username, attempt.delay).await?;
            // verified even if there is no account, so that the time taken does not reveal which names exist
            passwords::verify(password, hash, standing).await
        };
        let verified = verified.await;
        if matches!(verified, Ok(false)) {
            return Err(IdentityError::Refused);
        }
        let mut conn = self.pool.acquire().await?;
        match (verified, row) {
            (Ok(_), Some(row)) => {
                attempt.reset(&mut conn).await?;
                self.open_login(&mut conn, row.into(), true).await
            }
            (Ok(_), None) => Err(IdentityError::Refused),
            (Err(error), _) => {
                attempt.uncount(&mut conn).await?;
                Err(error)
            }
        }
    }

    /// Signs in with the token of a one-time link, which then stops working. Tokens are too long to guess, so wrong
    /// ones are not counted.
    pub async fn sign_in_by_link(&self, token: &str) -> Result<Login, IdentityError> {
        let token = Token::parse(token).ok_or(IdentityError::Refused)?;
        let mut conn = self.pool.acquire().await?;
        let row = store::identity::take_sign_in_link(&mut conn, &token.hash()).await?;
        let row = row.ok_or(IdentityError::Refused)?;
        let has_password = row.password_hash.is_some();
        self.open_login(&mut conn, row.into(), has_password).await
    }

    /// Creates a learner's account with a class's join code, and signs it in.
    pub async fn register(&self, request: Registration, from: &Visitor) -> Result<Login, IdentityError> {
        let code = request.join_code;
        let mut conn = self.pool.acquire().await?;
        let key = format!("join:{}", from.address);
        let attempt = Attempt::count(&mut conn, key, CODES_PER_ADDRESS).await?;
        // a bad code is refused before a password is hashed; it is checked again when the account is created
        let found = find_by_code(&mut conn, &code, None, self.clock.now()).await?;
        // only a code that no class has counts as a guess
        if !matches!(found, Err(JoinRefused::Unknown)) {
            attempt.uncount(&mut conn).await?;
        }
        found?;
        drop(conn);
        let new = NewUser {
            username: request.username,
            display_name: request.display_name,
            role: Role::Learner,
            password: Some(request.password),
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

    /// Remembers the browser in which somebody has just signed in. Returns the token for its cookie.
    pub async fn remember_device(&self, login: &Login, from: &Visitor) -> Result<Token, IdentityError> {
        let (user, expires_at) = (login.user.id, self.clock.now() + TimeDelta::days(DEVICE_DAYS));
        let mut conn = self.pool.acquire().await?;
        if let Some(device) = &from.device
            && store::devices::renew_device(&mut conn, &device.hash(), user, expires_at).await?
        {
            return Ok(device.clone());
        }
        // never a token that the browser sent: whoever planted it there would be remembered as well
        let token = Token::random();
        store::devices::insert_device(&mut conn, &token.hash(), user, expires_at).await?;
        Ok(token)
    }
}
