//! Whose turn it is to start a session, on this server.
//!
//! Starts of one person follow one another, and so do all that take up new room where the operator bounds it. Who
//! waits here holds no connection to the database: else one person's requests would take all of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lectern_api::ids::UserId;
use tokio::sync::OwnedMutexGuard;

use super::SessionError;

/// How many starts of one person wait at the same time.
const MOST_WAITING: usize = 16;

/// The turns of all persons, and the one turn at new room.
#[derive(Default)]
pub(super) struct Turns {
    persons: Mutex<HashMap<UserId, Queue>>,
    room: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Queue {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// How many wait or have their turn.
    length: usize,
}

/// A place in a person's queue; given up when it is dropped.
struct Place<'a> {
    turns: &'a Turns,
    person: UserId,
}

/// A person's turn, until it is dropped.
pub(super) struct Turn<'a> {
    // in this order: the next in the queue is woken before the place is given up
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Queue>> {
        self.persons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a person's turn.
    ///
    /// # Errors
    /// [`SessionError::TooManyAtOnce`] where too many wait already.
    pub(super) async fn of_person(&self, person: UserId) -> Result<Turn<'_>, SessionError> {
        let (turn, place) = {
            let mut persons = self.lock();
            let queue = persons.entry(person).or_default();
            if queue.length > MOST_WAITING {
                return Err(SessionError::TooManyAtOnce);
            }
            queue.length += 1;
            (queue.turn.clone(), Place { turns: self, person })
        };
        Ok(Turn { _turn: turn.lock_owned().await, _place: place })
    }

    /// Waits for the turn at new room.
    pub(super) async fn at_room(&self) -> OwnedMutexGuard<()> {
        self.room.clone().lock_owned().await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.turns.lock().entry(self.person) {
            entry.get_mut().length -= 1;
            if entry.get().length == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_persons_starts_follow_one_another_and_few_wait() {
        let turns = Turns::default();
        let (ada, eve) = (UserId::new(), UserId::new());
        let first = turns.of_person(ada).await.ok().unwrap();
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(turns.of_person(ada))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert!(matches!(turns.of_person(ada).await, Err(SessionError::TooManyAtOnce)));
        assert!(turns.of_person(eve).await.is_ok());
        drop(first);
        assert!(waiting[0].as_mut().await.is_ok());
        drop(waiting);
        assert!(turns.lock().is_empty());
    }
}
