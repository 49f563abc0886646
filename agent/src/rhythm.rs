//! When output leaves for a viewer: a little at once, a flood in larger pieces.
//!
//! A terminal's driver gives its output in pieces of a few kilobytes, and each piece that is sent on its own costs
//! every process on the way to the browser. Under a flood they would leave no time for what somebody types elsewhere.

use std::time::{Duration, Instant};

use lectern_api::terminal::MAX_PAYLOAD_BYTES;

/// Over how long output is counted.
const SPAN: Duration = Duration::from_millis(20);
/// From how many bytes in such a span on it is a flood.
const FLOOD: u64 = 32 * 1024;
/// How long a flood's pieces wait for more.
const GATHER: Duration = Duration::from_millis(4);
/// The pause between two pieces of a flood while somebody types in another terminal …
const BESIDE_TYPING: Duration = Duration::from_millis(8);
/// … and how large these are, in bytes: two megabytes in a second. Whoever floods works in bursts of such a piece, and
/// an echo may have to wait for one.
const PIECE_BESIDE_TYPING: usize = 16 * 1024;

/// What one viewer was sent lately.
pub struct Rhythm {
    span_began: Instant,
    before: u64,
    in_span: u64,
    last: Instant,
}

impl Rhythm {
    pub fn new(now: Instant) -> Self {
        Self { span_began: now, before: 0, in_span: 0, last: now }
    }

    /// Until when what is there shall wait; none: it leaves now.
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

    /// How much leaves at once at most, in bytes.
    pub fn piece(is_typed_elsewhere: bool) -> usize {
        if is_typed_elsewhere { PIECE_BESIDE_TYPING } else { MAX_PAYLOAD_BYTES }
    }

    /// Notes that so much was sent.
    pub fn note(&mut self, now: Instant, sent: u64) {
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
        let mut rhythm = Rhythm::new(now);
        for _ in 0..1000 {
            assert_eq!(rhythm.wait_until(now, 80, true), None);
            rhythm.note(now, 80);
            now += MS;
        }
    }

    #[test]
    fn a_flood_waits_for_a_full_piece_or_a_moment_and_ends_with_itself() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        rhythm.note(start, FLOOD);
        let soon = start + MS;
        assert_eq!(rhythm.wait_until(soon, 4096, false), Some(start + GATHER));
        assert_eq!(rhythm.wait_until(soon, MAX_PAYLOAD_BYTES as u64, false), None);
        assert_eq!(rhythm.wait_until(start + GATHER, 4096, false), None);
        assert_eq!(rhythm.wait_until(start + 2 * SPAN, 4096, false), None);
    }

    #[test]
    fn beside_somebody_who_types_a_flood_goes_slowly_on() {
        let start = Instant::now();
        let (mut rhythm, mut now, mut sent) = (Rhythm::new(start), start, 0);
        while now - start < Duration::from_secs(1) {
            match rhythm.wait_until(now, MAX_PAYLOAD_BYTES as u64, true) {
                Some(next) => now = next,
                None => {
                    let piece = Rhythm::piece(true);
                    rhythm.note(now, piece as u64);
                    sent += piece;
                }
            }
        }
        assert!((1_800_000..2_200_000).contains(&sent), "{sent}");
    }
}
