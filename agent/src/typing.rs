//! In which terminal something was typed last: while somebody types, the other terminals of the workbench keep less
//! output under way. All of them share one way to the server, and an echo waits behind what is already on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long after a key somebody counts as typing.
const PAUSE: Duration = Duration::from_secs(2);

/// The last key, of all terminals of a workbench.
#[derive(Default)]
pub struct Typing {
    next: AtomicU64,
    last: Mutex<Option<(u64, Instant)>>,
}

impl Typing {
    /// A number for one more terminal.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that something was typed in this terminal now.
    pub fn note(&self, terminal: u64) {
        // written whole or not at all
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal, Instant::now()));
    }

    /// Whether somebody types, and in another terminal than this one.
    pub fn is_elsewhere(&self, terminal: u64) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|(typed, at)| typed != terminal && at.elapsed() < PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_types_makes_room_for_themselves_and_not_against_themselves() {
        let typing = Typing::default();
        let (ours, theirs) = (typing.number(), typing.number());
        assert!(!typing.is_elsewhere(ours));
        typing.note(ours);
        assert!(typing.is_elsewhere(theirs));
        assert!(!typing.is_elsewhere(ours));
    }
}
