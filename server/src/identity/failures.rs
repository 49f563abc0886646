//! Limits on guessing, made so that they are no weapon against those who do not guess.
//!
//! - A user name from one address: ten wrong passwords close that pair for a while, and nothing else.
//! - A user name from anywhere: after ten wrong passwords each further answer takes longer, up to some seconds. So
//!   guessing from many addresses is slow, and nobody can close somebody else's name.
//! - A browser in which the person has signed in before is counted by itself: what others do does not concern it.
//! - Join codes: a hundred wrong ones from an address, from which a whole class may register; twenty from a person.
//! - One-time links hold 256 random bits; nobody guesses them, so nobody's guesses are counted.
//!
//! Every attempt is counted before it is judged.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lectern_api::ids::UserId;
use sqlx::PgConnection;

use super::{Identity, IdentityError, Token};
use crate::report::chain;
use crate::store;

/// Wrong passwords for one name from one address.
pub(super) const PER_PAIR: i32 = 10;
/// Wrong passwords for one name from a browser in which that person has signed in before.
pub(super) const PER_DEVICE: i32 = 20;
/// Wrong present passwords of somebody who is signed in.
pub(super) const PER_PERSON: i32 = 10;
/// Wrong join codes from one address.
pub(super) const CODES_PER_ADDRESS: i32 = 100;
/// Wrong join codes of somebody who is signed in.
const CODES_PER_PERSON: i32 = 20;
/// Wrong passwords for one name before its answers take longer.
const BEFORE_SLOW: i32 = 10;
/// How much longer each further answer takes.
const SLOWER_BY: Duration = Duration::from_millis(200);
/// How long an answer takes at most.
const SLOWEST: Duration = Duration::from_secs(5);
/// How many attempts at one name wait at the same time.
const MOST_WAITING: usize = 32;
/// How often what has run out is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Where a request comes from, as far as limits are concerned.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The address, or for IPv6 the network, which has one owner.
    pub address: String,
    /// What its cookie names, if it says that somebody signed in here before.
    pub device: Option<Token>,
}

/// An attempt that was counted.
#[derive(Debug, Default)]
#[must_use = "an attempt that succeeds is taken back"]
pub struct Attempt {
    pub(super) keys: Vec<String>,
    /// How long its answer has to wait.
    pub(super) delay: Duration,
}

impl Attempt {
    /// Counts an attempt before it is judged.
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
        // a pair that is closed does not slow its name any further
        let mut attempt = Self::count(conn, format!("pair:{username} {}", from.address), PER_PAIR).await?;
        let name = format!("name:{username}");
        attempt.delay = delay(store::attempts::count(conn, &name).await?.count);
        attempt.keys.push(name);
        Ok(attempt)
    }

    /// Takes it back: it was right, or never judged.
    pub(super) async fn take_back(self, conn: &mut PgConnection) -> Result<(), IdentityError> {
        Ok(store::attempts::take_back(conn, &self.keys).await?)
    }

    /// After a right password: the wrong ones before it from the same place are forgotten, others' are not.
    pub(super) async fn forgive(self, conn: &mut PgConnection) -> Result<(), IdentityError> {
        let Some((own, others)) = self.keys.split_first() else { return Ok(()) };
        store::attempts::forget(conn, own).await?;
        if !others.is_empty() {
            store::attempts::take_back(conn, others).await?;
        }
        Ok(())
    }
}

fn delay(attempts: i32) -> Duration {
    let beyond = u32::try_from(attempts.saturating_sub(BEFORE_SLOW)).unwrap_or(0);
    SLOWER_BY.saturating_mul(beyond).min(SLOWEST)
}

/// The attempts that wait because others guessed at the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowNames {
    waiting: Arc<Mutex<HashMap<String, usize>>>,
}

/// One waiting attempt.
struct Waiting<'a> {
    all: &'a SlowNames,
    name: &'a str,
}

impl SlowNames {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, without holding a connection or a place among the hashes.
    pub(super) async fn wait(&self, name: &str, delay: Duration) -> Result<(), IdentityError> {
        if delay.is_zero() {
            return Ok(());
        }
        let _waiting = {
            let mut all = self.lock();
            let waiting = all.entry(name.to_owned()).or_default();
            if *waiting >= MOST_WAITING {
                return Err(IdentityError::TooManyFailures { wait_secs: SLOWEST.as_secs() });
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
    /// Counts a signed-in person's try of a join code; to be taken back if the code is right.
    ///
    /// # Errors
    /// [`IdentityError::TooManyFailures`], or the database's.
    pub async fn count_code(&self, user: UserId) -> Result<Attempt, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Attempt::count(&mut conn, format!("code:{user}"), CODES_PER_PERSON).await
    }

    /// Takes an attempt back that was right.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_back(&self, attempt: Attempt) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        attempt.take_back(&mut conn).await
    }

    /// Removes logins, links, remembered browsers and counted attempts that have run out.
    ///
    /// # Errors
    /// The database's.
    pub async fn sweep(&self) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::identity::delete_expired(&mut conn).await?)
    }

    /// Removes what has run out, for ever.
    pub async fn keep_sweeping(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = chain(&error), "what has run out could not be removed");
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
        assert_eq!(delay(BEFORE_SLOW), Duration::ZERO);
        assert_eq!(delay(BEFORE_SLOW + 1), SLOWER_BY);
        assert!(delay(BEFORE_SLOW + 5) > delay(BEFORE_SLOW + 4));
        assert_eq!(delay(i32::MAX), SLOWEST);
    }

    #[tokio::test]
    async fn few_attempts_wait_for_one_name_and_other_names_are_not_concerned() {
        let names = SlowNames::default();
        let waits = (0..MOST_WAITING + 8).map(|_| names.wait("ada", SLOWER_BY));
        let ended = futures::future::join_all(waits).await;
        assert_eq!(ended.iter().filter(|end| end.is_err()).count(), 8);
        names.wait("grace", SLOWER_BY).await.unwrap();
        assert!(names.lock().is_empty());
    }
}
