//! When a failed operation is tried again: one type for all retries of this module.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};

/// The pauses between the attempts at an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule(ExponentialBuilder);

impl Schedule {
    /// Waits equally long between any two attempts.
    pub(super) const fn every(pause: Duration) -> Self {
        Self::growing(pause, 1.0, pause)
    }

    /// Waits `first` at first, then `factor` times longer each time, but never longer than `longest`.
    pub(super) const fn growing(first: Duration, factor: f32, longest: Duration) -> Self {
        Self(
            ExponentialBuilder::new()
                .with_min_delay(first)
                .with_factor(factor)
                .with_max_delay(longest)
                .without_max_times(),
        )
    }

    /// Gives up after `retries` retries.
    pub(super) const fn at_most(self, retries: usize) -> Self {
        Self(self.0.with_max_times(retries))
    }

    /// Returns the pauses, one after each failed attempt.
    pub(super) fn pauses(self) -> impl Iterator<Item = Duration> {
        self.0.build()
    }

    /// Runs `attempt` until it succeeds or fails with an error that `is_transient` rejects.
    pub(super) async fn retry<T, E, F>(
        self,
        attempt: impl FnMut() -> F,
        is_transient: impl FnMut(&E) -> bool,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        attempt.retry(self.0).when(is_transient).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_after_the_last_retry() {
        let growing: Vec<_> = Schedule::growing(millis(100), 2.0, millis(350))
            .at_most(4)
            .pauses()
            .map(|p| p.as_millis())
            .collect();
        assert_eq!(growing, [100, 200, 350, 350]);
        assert!(Schedule::every(millis(60)).pauses().take(1000).all(|pause| pause == millis(60)));
    }

    #[tokio::test]
    async fn an_operation_is_tried_again_until_it_succeeds_or_fails_for_good() {
        let every = Schedule::every(millis(1));
        let mut attempts = 0;
        let done = every.retry(
            || {
                attempts += 1;
                std::future::ready(if attempts == 3 { Ok(attempts) } else { Err("busy") })
            },
            |error| *error == "busy",
        );
        assert_eq!(done.await, Ok(3));
        let refused = every.retry(|| std::future::ready(Err::<(), _>("refused")), |error| *error == "busy");
        assert_eq!(refused.await, Err("refused"));
    }
}
