//! Which terminal somebody types in: meanwhile, the other terminals of the workbench keep less output in flight. All of
//! them share one connection to the server, and an echo waits behind the output that is already on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long after a key somebody still counts as typing.
const PAUSE: Duration = Duration::from_secs(2);

/// When and where the last key was pressed, among all terminals of a workbench.
#[derive(Default)]
pub struct TypingActivity {
    next: AtomicU64,
    last: Mutex<Option<(u64, Instant)>>,
}

impl TypingActivity {
    /// Returns a number for a new terminal.
    pub fn register(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Records that something was typed in this terminal.
    pub fn record(&self, terminal: u64) {
        // a plain assignment, so a panic leaves nothing half done
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal, Instant::now()));
    }

    /// Returns whether somebody types in a terminal other than this one.
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
        let typing = TypingActivity::default();
        let (ours, theirs) = (typing.register(), typing.register());
        assert!(!typing.is_elsewhere(ours));
        typing.record(ours);
        assert!(typing.is_elsewhere(theirs));
        assert!(!typing.is_elsewhere(ours));
    }
}
