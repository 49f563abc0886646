//! When output is sent to a viewer: a little at once, a flood in larger pieces.
//!
//! The kernel delivers a terminal's output in pieces of a few kilobytes, and each frame costs time in every process on
//! the way to the browser. During a flood, small frames would leave no time for what somebody types elsewhere.

use std::time::{Duration, Instant};

use lectern_api::terminal::MAX_PAYLOAD_BYTES;

/// The period over which output is counted.
const SPAN: Duration = Duration::from_millis(20);
/// The number of bytes per period from which output counts as a flood.
const FLOOD: u64 = 32 * 1024;
/// How long a piece of a flood waits for more output.
const GATHER: Duration = Duration::from_millis(4);
/// The pause between two pieces of a flood while somebody types in another terminal.
const BESIDE_TYPING: Duration = Duration::from_millis(8);
/// The size of these pieces in bytes, which makes two megabytes per second. The flooding program works in bursts of such
/// a piece, and an echo may have to wait for one.
const PIECE_BESIDE_TYPING: usize = 16 * 1024;

/// Decides when the next output is sent to one viewer, from what was sent to it recently.
pub struct FlushSchedule {
    span_began: Instant,
    before: u64,
    in_span: u64,
    last: Instant,
}

impl FlushSchedule {
    pub fn new(now: Instant) -> Self {
        Self { span_began: now, before: 0, in_span: 0, last: now }
    }

    /// Returns how long `ready` bytes of output must wait for more, or `None` if they are to be sent now.
    pub fn wait_until(&self, now: Instant, ready: u64, is_typed_elsewhere: bool) -> Option<Instant> {
        let pause = if !self.is_flood(now) {
            return None;
        } else if is_typed_elsewhere {
            BESIDE_TYPING
        } else if ready >= MAX_PAYLOAD_BYTES as u64 {
            return None;
        } else {
            GATHER
        };
        Some(self.last + pause).filter(|next| *next > now)
    }

    /// Returns the largest piece to send, in bytes.
    pub fn max_piece(is_typed_elsewhere: bool) -> usize {
        if is_typed_elsewhere { PIECE_BESIDE_TYPING } else { MAX_PAYLOAD_BYTES }
    }

    /// Records that `sent` bytes were sent.
    pub fn record(&mut self, now: Instant, sent: u64) {
        let passed = now - self.span_began;
        if passed >= SPAN {
            self.before = if passed < 2 * SPAN { self.in_span } else { 0 };
            (self.span_began, self.in_span) = (now, 0);
        }
        self.in_span += sent;
        self.last = now;
    }

    fn is_flood(&self, now: Instant) -> bool {
        let passed = now - self.span_began;
        let recent = if passed < SPAN { self.before.max(self.in_span) } else { self.in_span };
        passed < 2 * SPAN && recent >= FLOOD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn keys_and_short_answers_never_wait() {
        let mut now = Instant::now();
        let mut schedule = FlushSchedule::new(now);
        for _ in 0..1000 {
            assert_eq!(schedule.wait_until(now, 80, true), None);
            schedule.record(now, 80);
            now += MS;
        }
    }

    #[test]
    fn a_flood_waits_for_a_full_piece_or_a_moment_and_ends_with_itself() {
        let start = Instant::now();
        let mut schedule = FlushSchedule::new(start);
        schedule.record(start, FLOOD);
        let soon = start + MS;
        assert_eq!(schedule.wait_until(soon, 4096, false), Some(start + GATHER));
        assert_eq!(schedule.wait_until(soon, MAX_PAYLOAD_BYTES as u64, false), None);
        assert_eq!(schedule.wait_until(start + GATHER, 4096, false), None);
        assert_eq!(schedule.wait_until(start + 2 * SPAN, 4096, false), None);
    }

    #[test]
    fn beside_somebody_who_types_a_flood_goes_slowly_on() {
        let start = Instant::now();
        let (mut schedule, mut now, mut sent) = (FlushSchedule::new(start), start, 0);
        while now - start < Duration::from_secs(1) {
            match schedule.wait_until(now, MAX_PAYLOAD_BYTES as u64, true) {
                Some(next) => now = next,
                None => {
                    let piece = FlushSchedule::max_piece(true);
                    schedule.record(now, piece as u64);
                    sent += piece;
                }
            }
        }
        assert!((1_800_000..2_200_000).contains(&sent), "{sent}");
    }
}
