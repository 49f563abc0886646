//! Passwords: argon2id with the crate's defaults, off the threads that serve requests.
//!
//! Hashing takes one core and 19 MiB for tens of milliseconds. So at most as many hashes run at once as there are
//! cores, and the queue is short enough to be served within seconds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{IdentityError, InvalidField};

/// Limit on each queue: enough for a class of forty that signs in together.
const MAX_WAITING: usize = 64;
/// Timeout for waiting in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// A hash that matches no password and costs as much to compare with as any other.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Limits the hashing of the whole process.
static GATE: LazyLock<Gate> =
    LazyLock::new(|| Gate::new(std::thread::available_parallelism().map_or(2, usize::from)));

/// Whose password is hashed. Strangers and known people queue apart, so that strangers cannot hold up known people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Somebody who has not signed in.
    Stranger,
    /// Somebody who is signed in, or has signed in with this browser before.
    Known,
}

/// Limits how many hashes run at once and how many wait.
struct Gate {
    running: Arc<Semaphore>,
    strangers: AtomicUsize,
    known: AtomicUsize,
}

/// A place in a queue, released on drop.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    fn new(at_once: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            strangers: AtomicUsize::new(0),
            known: AtomicUsize::new(0),
        }
    }

    async fn enter(&self, standing: Standing) -> Result<OwnedSemaphorePermit, IdentityError> {
        let queue = match standing {
            Standing::Stranger => &self.strangers,
            Standing::Known => &self.known,
        };
        let waiting = queue.fetch_add(1, Ordering::Relaxed);
        let _place = Place(queue);
        if waiting >= MAX_WAITING {
            return Err(IdentityError::Busy);
        }
        let permit = tokio::time::timeout(QUEUE_TIMEOUT, self.running.clone().acquire_owned()).await;
        permit.map_err(|_| IdentityError::Busy)?.map_err(|_| IdentityError::Busy)
    }

    async fn run<T: Send + 'static>(
        &self,
        standing: Standing,
        work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        let permit = self.enter(standing).await?;
        let work = move || {
            // a running hash goes on after its caller is cancelled, and still counts
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| IdentityError::Hash(error.to_string()))?
    }
}

/// Checks that a new password has 10 to 200 characters.
pub(super) fn check(password: &str) -> Result<(), InvalidField> {
    match password.chars().count() {
        10..=200 => Ok(()),
        _ => Err(InvalidField {
            field: "password",
            message: "a password must have 10 to 200 characters".into(),
        }),
    }
}

pub(super) async fn hash(password: String, standing: Standing) -> Result<String, IdentityError> {
    GATE.run(standing, move || hash_now(&password)).await
}

/// Returns whether the password matches the hash. Without a hash this takes the same time and returns false.
pub(super) async fn verify(
    password: String,
    hash: Option<String>,
    standing: Standing,
) -> Result<bool, IdentityError> {
    GATE.run(standing, move || {
        let hash_text = hash.as_deref().unwrap_or(NOBODY);
        let parsed = PasswordHash::new(hash_text).map_err(|error| IdentityError::Hash(error.to_string()))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some())
    })
    .await
}

fn hash_now(password: &str) -> Result<String, IdentityError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| IdentityError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let hashed = hash("correct horse battery".into(), Standing::Known).await.unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        for (password, against, matches) in [
            ("correct horse battery", Some(hashed.clone()), true),
            ("wrong horse battery", Some(hashed), false),
            ("nobody's password", None, false),
        ] {
            assert_eq!(
                verify(password.into(), against, Standing::Stranger).await.unwrap(),
                matches,
                "{password}"
            );
        }
    }

    #[test]
    fn comparing_with_nobody_costs_what_comparing_with_somebody_does() {
        let somebody = hash_now("correct horse battery").unwrap();
        let (nobody, somebody) = (PasswordHash::new(NOBODY).unwrap(), PasswordHash::new(&somebody).unwrap());
        assert_eq!(nobody.params, somebody.params);
        assert_eq!((nobody.algorithm, nobody.version), (somebody.algorithm, somebody.version));
        let length = |hash: &PasswordHash| hash.hash.as_ref().unwrap().len();
        assert_eq!(length(&nobody), length(&somebody));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn as_many_hashes_run_as_the_gate_lets_through_and_a_long_queue_is_refused() {
        let gate = Arc::new(Gate::new(2));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tries: Vec<_> = (0..MAX_WAITING * 3)
            .map(|_| {
                let (gate, running, most) = (gate.clone(), running.clone(), most.clone());
                tokio::spawn(async move {
                    gate.run(Standing::Stranger, move || {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(20));
                        running.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .await
                })
            })
            .collect();
        // the strangers' full queue does not affect known people
        gate.run(Standing::Known, || Ok(())).await.unwrap();
        let ended = futures::future::join_all(tries).await;
        let refused = ended.iter().filter(|end| matches!(end, Ok(Err(IdentityError::Busy)))).count();
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert!(refused > 0 && refused < MAX_WAITING * 3, "{refused}");
    }
}
