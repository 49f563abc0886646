//! How long to wait before trying again. Pure.

use std::time::Duration;

const FIRST_MS: u64 = 400;
const LONGEST_MS: u64 = 10_000;

/// Returns the wait before try number `attempt`, from 0: it doubles up to ten seconds. Half of it is random, so that a
/// whole class does not reconnect at the same moment. `random` lies between 0 and 1.
#[must_use]
pub fn wait(attempt: u32, random: f64) -> Duration {
    let whole = FIRST_MS.saturating_mul(1 << attempt.min(10)).min(LONGEST_MS);
    let half = whole / 2;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few thousand, times a number between 0 and 1"
    )]
    let share = (half as f64 * random.clamp(0.0, 1.0)) as u64;
    Duration::from_millis(half + share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_never_pass_ten_seconds() {
        assert_eq!(wait(0, 0.0), Duration::from_millis(200));
        assert_eq!(wait(0, 1.0), Duration::from_millis(400));
        assert!(wait(3, 0.0) > wait(2, 0.0));
        assert_eq!(wait(u32::MAX, 1.0), Duration::from_secs(10));
    }
}
