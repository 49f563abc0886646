//! How fast a shell's output is read: as fast as its quickest viewer takes it, as long as there is one that keeps up.
//!
//! So a viewer sees all of a long listing, and an interrupt is not followed by seconds of old output. Viewers that
//! do not keep up hold up nobody: the shell goes on without them, and they find in the ring what it still holds.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::terminal::Terminal;

/// How far output may run ahead of what the quickest viewer was sent, in bytes.
const LEAD: u64 = 64 * 1024;
/// A viewer keeps up that takes this many bytes …
const LEAST: u64 = 64 * 1024;
/// … in this time.
const WITHIN: Duration = Duration::from_millis(500);
/// How soon it is looked whether something else changed than a viewer's place.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The pace of one shell's output.
pub struct Pace<'a> {
    terminal: &'a Terminal,
    quickest: watch::Receiver<Option<u64>>,
    /// Nobody keeps up: the shell is not held until one has caught up.
    is_given_up: bool,
}

impl<'a> Pace<'a> {
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, quickest: terminal.quickest(), is_given_up: false }
    }

    /// Waits while the output is too far ahead of a viewer that keeps up.
    pub async fn keep(&mut self) {
        let mut mark: Option<(u64, Instant)> = None;
        loop {
            let cursor = *self.quickest.borrow_and_update();
            let Some(cursor) = cursor.filter(|cursor| self.terminal.range().1.saturating_sub(*cursor) > LEAD)
            else {
                self.is_given_up = false;
                return;
            };
            // what is typed may be what a viewer waits to say that it keeps up
            if self.is_given_up || self.terminal.has_input() || self.terminal.is_ending() {
                return;
            }
            let (from, since) = *mark.get_or_insert((cursor, Instant::now()));
            if cursor.saturating_sub(from) >= LEAST {
                mark = None;
            } else if since.elapsed() >= WITHIN {
                self.is_given_up = true;
                return;
            }
            // late or not, it is looked at again
            let _ = tokio::time::timeout(LOOK_AGAIN, self.quickest.changed()).await;
        }
    }
}
