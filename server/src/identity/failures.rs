//! Limits on guessing, designed so that nobody can use them to lock somebody else out.
//!
//! - One user name from one address: ten wrong passwords block that pair for a while, and nothing else.
//! - One user name from anywhere: after ten wrong passwords each further answer takes longer, up to a few seconds. So
//!   guessing from many addresses is slow, and nobody can block somebody else's name.
//! - A browser in which the person has signed in before has a counter of its own, which others cannot affect.
//! - Join codes: a hundred wrong ones per address, from which a whole class may register; twenty per signed-in person.
//! - One-time links hold 256 random bits and cannot be guessed, so wrong ones are not counted.
//!
//! Every attempt is counted before it is checked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lectern_api::ids::UserId;
use sqlx::PgConnection;

use super::{Identity, IdentityError, Token};
use crate::report::chain;
use crate::store;

/// Limit on wrong passwords for one name from one address.
pub(super) const PER_PAIR: i32 = 10;
/// Limit on wrong passwords for one name from a browser in which that person has signed in before.
pub(super) const PER_DEVICE: i32 = 20;
/// Limit on wrong passwords of somebody who is signed in and must confirm theirs.
pub(super) const PER_PERSON: i32 = 10;
/// Limit on wrong join codes from one address.
pub(super) const CODES_PER_ADDRESS: i32 = 100;
/// Limit on wrong join codes of somebody who is signed in.
const CODES_PER_PERSON: i32 = 20;
/// How many wrong passwords for one name are answered without delay.
const UNDELAYED: i32 = 10;
/// By how much the delay grows with each further wrong password.
const DELAY_STEP: Duration = Duration::from_millis(200);
/// The longest delay of an answer.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Limit on the delayed attempts at one name at the same time.
const MAX_WAITING: usize = 32;
/// How often expired rows are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Where a request comes from, as far as limits are concerned.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The address, or for IPv6 the /64 network, which has one owner.
    pub address: String,
    /// The token from the cookie of a browser in which somebody has signed in before.
    pub device: Option<Token>,
}

/// An attempt that has been counted.
#[derive(Debug, Default)]
#[must_use = "an attempt that succeeds must be uncounted"]
pub struct Attempt {
    pub(super) keys: Vec<String>,
    /// How long the answer must be delayed.
    pub(super) delay: Duration,
}

impl Attempt {
    /// Counts an attempt, before it is checked.
    pub(super) async fn count(
        conn: &mut PgConnection,
        key: String,
        most: i32,
    ) -> Result<Self, IdentityError> {
        let attempts = store::attempts::count(conn, &key).await?;
        if attempts.count > most {
            let wait_secs = u64::try_from(attempts.secs_left).unwrap_or(1).max(1);
            return Err(IdentityError::TooManyFailures { wait_secs });
        }
        Ok(Self { keys: vec![key], delay: Duration::ZERO })
    }

    /// Counts an attempt to sign in.
    pub(super) async fn count_sign_in(
        conn: &mut PgConnection,
        username: &str,
        from: &Visitor,
        is_known: bool,
    ) -> Result<Self, IdentityError> {
        if is_known && let Some(device) = &from.device {
            let key = format!("device:{}", hex::encode(device.hash()));
            return Self::count(conn, key, PER_DEVICE).await;
        }
        // attempts from a blocked pair do not delay the name any further
        let mut attempt = Self::count(conn, format!("pair:{username} {}", from.address), PER_PAIR).await?;
        let name = format!("name:{username}");
        attempt.delay = delay(store::attempts::count(conn, &name).await?.count);
        attempt.keys.push(name);
        Ok(attempt)
    }

    /// Subtracts this attempt from the counters, because it was right or was never checked.
    pub(super) async fn uncount(self, conn: &mut PgConnection) -> Result<(), IdentityError> {
        Ok(store::attempts::take_back(conn, &self.keys).await?)
    }

    /// After a right password, resets the counter of wrong ones from the same place; attempts from elsewhere still
    /// count.
    pub(super) async fn reset(self, conn: &mut PgConnection) -> Result<(), IdentityError> {
        let Some((own, others)) = self.keys.split_first() else { return Ok(()) };
        store::attempts::forget(conn, own).await?;
        if !others.is_empty() {
            store::attempts::take_back(conn, others).await?;
        }
        Ok(())
    }
}

fn delay(attempts: i32) -> Duration {
    let delayed = u32::try_from(attempts.saturating_sub(UNDELAYED)).unwrap_or(0);
    DELAY_STEP.saturating_mul(delayed).min(MAX_DELAY)
}

/// The attempts that are being delayed, counted by name.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowNames {
    waiting: Arc<Mutex<HashMap<String, usize>>>,
}

/// One attempt that is being delayed.
struct Waiting<'a> {
    all: &'a SlowNames,
    name: &'a str,
}

impl SlowNames {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delays an attempt, without holding a database connection or a place in the queue for hashing.
    pub(super) async fn wait(&self, name: &str, delay: Duration) -> Result<(), IdentityError> {
        if delay.is_zero() {
            return Ok(());
        }
        let _waiting = {
            let mut all = self.lock();
            let waiting = all.entry(name.to_owned()).or_default();
            if *waiting >= MAX_WAITING {
                return Err(IdentityError::TooManyFailures { wait_secs: MAX_DELAY.as_secs() });
            }
            *waiting += 1;
            Waiting { all: self, name }
        };
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.all.lock().entry(self.name.to_owned()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

impl Identity {
    /// Counts a signed-in person's attempt at a join code, to be uncounted if the code is right.
    pub async fn count_code(&self, user: UserId) -> Result<Attempt, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Attempt::count(&mut conn, format!("code:{user}"), CODES_PER_PERSON).await
    }

    /// Subtracts an attempt that was right from the counters.
    pub async fn uncount(&self, attempt: Attempt) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        attempt.uncount(&mut conn).await
    }

    /// Removes expired logins, links, remembered browsers and counted attempts.
    pub async fn sweep(&self) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::identity::delete_expired(&mut conn).await?)
    }

    /// Removes expired rows at regular intervals, for ever.
    pub async fn keep_sweeping(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = chain(&error), "failed to remove expired logins and attempts");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_longer_with_each_wrong_password_but_never_long() {
        assert_eq!(delay(1), Duration::ZERO);
        assert_eq!(delay(UNDELAYED), Duration::ZERO);
        assert_eq!(delay(UNDELAYED + 1), DELAY_STEP);
        assert!(delay(UNDELAYED + 5) > delay(UNDELAYED + 4));
        assert_eq!(delay(i32::MAX), MAX_DELAY);
    }

    #[tokio::test]
    async fn few_attempts_wait_for_one_name_and_other_names_are_not_affected() {
        let names = SlowNames::default();
        let waits = (0..MAX_WAITING + 8).map(|_| names.wait("ada", DELAY_STEP));
        let ended = futures::future::join_all(waits).await;
        assert_eq!(ended.iter().filter(|end| end.is_err()).count(), 8);
        names.wait("grace", DELAY_STEP).await.unwrap();
        assert!(names.lock().is_empty());
    }
}
