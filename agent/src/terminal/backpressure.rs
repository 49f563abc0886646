//! Backpressure on a shell: its output is read as fast as the fastest viewer takes it, as long as one keeps up.
//!
//! A viewer therefore sees all of a long listing, and an interrupt is not followed by seconds of old output. Viewers that
//! do not keep up hold up nobody: the shell continues without them, and they get what the ring still holds.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::state::Terminal;

/// How far the output may run ahead of the fastest viewer, in bytes.
const LEAD: u64 = 64 * 1024;
/// The number of bytes that a viewer must take within [`PERIOD`] to count as keeping up.
const LEAST_PER_PERIOD: u64 = 64 * 1024;
/// See [`LEAST_PER_PERIOD`].
const PERIOD: Duration = Duration::from_millis(500);
/// How often to check whether something other than a viewer's position has changed.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The backpressure on one shell.
pub struct Backpressure<'a> {
    terminal: &'a Terminal,
    fastest: watch::Receiver<Option<u64>>,
    /// Whether no viewer kept up. The shell then runs freely until one has caught up.
    is_released: bool,
}

impl<'a> Backpressure<'a> {
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, fastest: terminal.fastest(), is_released: false }
    }

    /// Waits while the output is too far ahead of a viewer that keeps up.
    pub async fn wait(&mut self) {
        let mut mark: Option<(u64, Instant)> = None;
        loop {
            let cursor = *self.fastest.borrow_and_update();
            let Some(cursor) = cursor.filter(|cursor| self.terminal.range().1.saturating_sub(*cursor) > LEAD)
            else {
                self.is_released = false;
                return;
            };
            // the viewer's acknowledgement may be waiting behind what it typed
            if self.is_released || self.terminal.has_input() || self.terminal.is_ending() {
                return;
            }
            let (from, since) = *mark.get_or_insert((cursor, Instant::now()));
            if cursor.saturating_sub(from) >= LEAST_PER_PERIOD {
                mark = None;
            } else if since.elapsed() >= PERIOD {
                self.is_released = true;
                return;
            }
            // checked again in either case
            let _ = tokio::time::timeout(CHECK_INTERVAL, self.fastest.changed()).await;
        }
    }
}
