//! The background jobs of a server: one table, from which they are started, watched and stopped.
//!
//! To add one, add a row to [`JOBS`]; docs/adding-a-job.md leads through it. A job runs for as long as its server does. One
//! that ends or panics ends the server with its name, so that a supervisor restarts it: half a server helps nobody. Each
//! job reports its successes on the [`JobBoard`](crate::job_board::JobBoard), which `/readyz` shows.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::{JoinError, JoinHandle};

use crate::http::services::Services;
use crate::job_board::Beat;
use crate::report::chain;
use crate::store::announcements;

/// How often learners' activity is written: much more often than any session may be left alone.
const WRITE_ACTIVITY_EVERY: Duration = Duration::from_secs(20);
/// How often what is too old is removed, and for the first time after a start.
const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);
const RETENTION_FIRST: Duration = Duration::from_secs(60);

/// On which servers a job does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// On every server.
    Each,
    /// It runs on every server, and works on the one that Postgres elected.
    Elected,
}

/// A background job.
pub struct Job {
    /// Its name in `/readyz`, in logs and in the error that ends the server.
    pub name: &'static str,
    pub runs_on: RunsOn,
    run: fn(Arc<Services>, Beat) -> BoxFuture<'static, ()>,
}

/// All of them, in the order in which they start. They stop in the opposite one.
pub const JOBS: [Job; 8] = [
    Job {
        name: "announcements",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            let (pool, changes) = (services.pool.clone(), services.changes.clone());
            Box::pin(announcements::forward(pool, changes, move || beat.success()))
        },
    },
    Job {
        name: "catalogue",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            beat.success();
            Box::pin(services.catalog.clone().watch())
        },
    },
    Job {
        name: "reconciler",
        runs_on: RunsOn::Elected,
        run: |services, beat| {
            let changes = services.changes.subscribe();
            Box::pin(services.reconciler.clone().run(changes, move || beat.success()))
        },
    },
    Job {
        name: "activity",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            Box::pin(periodically(WRITE_ACTIVITY_EVERY, WRITE_ACTIVITY_EVERY, beat, async move || {
                services.workbenches.write_activity().await
            }))
        },
    },
    Job {
        name: "logins",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            beat.success();
            Box::pin(async move {
                services.identity.keep_sweeping().await;
            })
        },
    },
    Job {
        name: "limits",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            beat.success();
            Box::pin(async move {
                services.edge.limits.keep_sweeping().await;
            })
        },
    },
    Job {
        name: "previews",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            beat.success();
            Box::pin(async move {
                services.previews.keep_sweeping().await;
            })
        },
    },
    Job {
        name: "retention",
        runs_on: RunsOn::Each,
        run: |services, beat| {
            Box::pin(periodically(RETENTION_FIRST, RETENTION_EVERY, beat, async move || {
                let retention = services.config.portal.retention;
                services.identity.apply_retention(retention, &services.audit).await.map(drop)
            }))
        },
    },
];

/// Does something again and again. A failure is logged and tried again at the next turn.
async fn periodically<E: std::error::Error + 'static>(
    first: Duration,
    every: Duration,
    beat: Beat,
    work: impl AsyncFn() -> Result<(), E>,
) {
    let mut turns = tokio::time::interval_at(tokio::time::Instant::now() + first, every);
    loop {
        turns.tick().await;
        match work().await {
            Ok(()) => beat.success(),
            Err(error) => tracing::warn!(
                job = beat.job,
                error = chain(&error),
                "a background job failed; it is tried again at its next turn"
            ),
        }
    }
}

/// A background job ended, which none may.
#[derive(Debug, thiserror::Error)]
#[error("the background job {job} ended, and the server with it")]
pub struct JobEnded {
    job: &'static str,
    /// `None` if it returned.
    #[source]
    panic: Option<JoinError>,
}

/// The jobs that run.
pub struct Background(Vec<(&'static str, JoinHandle<()>)>);

impl Background {
    /// Starts the jobs that `runs` says yes to.
    #[must_use]
    pub fn start(services: &Arc<Services>, runs: fn(&Job) -> bool) -> Self {
        let start =
            |job: &Job| (job.name, tokio::spawn((job.run)(services.clone(), services.jobs.add(job.name))));
        Self(JOBS.iter().filter(|job| runs(job)).map(start).collect())
    }

    /// Resolves when a job ended.
    pub async fn failed(&mut self) -> JobEnded {
        let waiting = self.0.iter_mut().map(|(_, task)| task);
        let (ended, number, _) = futures::future::select_all(waiting).await;
        let (job, _) = self.0.remove(number);
        JobEnded { job, panic: ended.err() }
    }

    /// Stops the jobs, each after those that started later.
    pub async fn stop(mut self) {
        while let Some((_, task)) = self.0.pop() {
            task.abort();
            // it was cancelled, or ends at the same moment
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::job_board::JobBoard;

    fn running(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Background {
        Background(vec![("steady", tokio::spawn(std::future::pending())), (name, tokio::spawn(work))])
    }

    #[tokio::test]
    async fn a_job_that_panics_or_returns_is_named() {
        let mut panicked = running("reconciler", async { panic!("a fault of the test's") });
        let error = panicked.failed().await;
        assert_eq!(error.to_string(), "the background job reconciler ended, and the server with it");
        assert!(error.panic.is_some_and(|panic| panic.is_panic()));
        let mut returned = running("limits", async {});
        assert!(returned.failed().await.panic.is_none());
        returned.stop().await;
        panicked.stop().await;
    }

    #[tokio::test]
    async fn a_job_is_stopped_after_those_that_started_later() {
        struct Last(&'static str, Arc<Mutex<Vec<&'static str>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.1.lock().unwrap().push(self.0);
            }
        }
        let stopped = Arc::new(Mutex::new(vec![]));
        let task = |name| {
            let last = Last(name, stopped.clone());
            let work = async move {
                let _last = last;
                std::future::pending::<()>().await;
            };
            (name, tokio::spawn(work))
        };
        let background = Background(vec![task("first"), task("second")]);
        tokio::task::yield_now().await;
        background.stop().await;
        assert_eq!(*stopped.lock().unwrap(), ["second", "first"]);
    }

    #[tokio::test]
    async fn the_board_shows_successes_and_a_failure_is_none() {
        let board = JobBoard::default();
        let beat = board.add("activity");
        let (began, mut turns) = tokio::sync::mpsc::unbounded_channel();
        let (outcomes, outcome) = tokio::sync::mpsc::unbounded_channel();
        let outcome = tokio::sync::Mutex::new(outcome);
        let moment = Duration::from_millis(1);
        let job = tokio::spawn(periodically(moment, moment, beat, async move || {
            began.send(()).unwrap();
            outcome.lock().await.recv().await.unwrap()
        }));
        turns.recv().await.unwrap();
        for turn in 1..=2 {
            outcomes.send(Err(std::fmt::Error)).unwrap();
            // the next turn begins when this one has been dealt with
            turns.recv().await.unwrap();
            assert!(board.report().contains("job activity: not yet"), "turn {turn} failed");
        }
        outcomes.send(Ok(())).unwrap();
        turns.recv().await.unwrap();
        assert!(board.report().contains("job activity: 0 s ago"), "{}", board.report());
        job.abort();
    }
}
