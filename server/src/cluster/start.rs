//! Getting from a created pod to an agent that answers, as fast as the cluster allows.
//!
//! A kubelet reports a running container up to a second late, but answers an exec at once. So an exec is tried before
//! the report arrives, a few at a time and less and less often, while the watch decides about failures. The API
//! server opens the stream before it asks the kubelet, so only an answer of the agent counts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::schedule::Schedule;
use super::{AgentStream, Cluster, ClusterError, Progress, SessionNames, WorkbenchState};

/// The pause between a pod's scheduling and the first attempt: no container starts faster.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The pauses between the attempts before the workbench is reported ready.
const EARLY_ATTEMPTS: Schedule =
    Schedule::growing(Duration::from_millis(80), 1.5, Duration::from_millis(800));
/// The pause between two attempts after the workbench was reported ready.
const READY_PAUSE: Duration = Duration::from_millis(80);
/// How many times a workbench that is reported ready is tried before its agent counts as failed.
const MAX_TRIES_WHEN_READY: usize = 3;
/// How many sessions may try ahead of the report at once. In a burst the rest wait for the watch, because a node that
/// is starting thirty pods answers execs slowly.
pub(super) const EARLY_TRIES: usize = 4;

impl Cluster {
    /// Waits for a workbench, opens a stream to its agent and passes it to `handshake`. This is faster than
    /// [`Cluster::wait_for_workbench`] followed by [`Cluster::open_agent`], and may run concurrently with
    /// [`Cluster::provision`].
    ///
    /// `handshake` may be called several times, with a new stream each; it must fail if the stream ends before the
    /// agent has answered.
    ///
    /// # Errors
    /// Returns the errors of [`Cluster::wait_for_workbench`] and [`Cluster::open_agent`], and that of `handshake` if
    /// the workbench is ready and its agent still does not answer.
    pub async fn start_agent<T, E, G>(
        &self,
        names: &SessionNames,
        timeout: Duration,
        progress: Progress<'_>,
        handshake: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + timeout;
        let reported = Mutex::new(String::new());
        let progress = |step: &str| {
            // the two waits below may report the same step
            let mut reported = reported.lock().unwrap_or_else(PoisonError::into_inner);
            if *reported != step {
                step.clone_into(&mut reported);
                progress(step);
            }
        };
        let scheduled =
            |state: &WorkbenchState| matches!(state, WorkbenchState::Starting { on_node: true, .. });
        self.wait_for_state(names, timeout, &progress, scheduled).await?;

        let remaining = deadline.saturating_duration_since(Instant::now());
        let (is_ready, ready) = watch::channel(false);
        let watching = async {
            self.wait_for_workbench(names, remaining, &progress).await?;
            is_ready.send_replace(true);
            // from now on the attempts decide
            std::future::pending().await
        };
        tokio::select! {
            biased;
            failed = watching => failed,
            answered = self.try_agent(names, ready, handshake) => answered,
        }
    }

    async fn try_agent<T, E, G>(
        &self,
        names: &SessionNames,
        mut ready: watch::Receiver<bool>,
        handshake: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let _permit = tokio::select! {
            permit = self.shared.early_tries.acquire() => permit.ok(),
            _ = ready.wait_for(|ready| *ready) => None,
        };
        let mut pauses = std::iter::once(FIRST_PAUSE).chain(EARLY_ATTEMPTS.pauses());
        let mut tries_when_ready = 0;
        loop {
            let pause = pauses.next().unwrap_or(FIRST_PAUSE);
            if !*ready.borrow() {
                let _ = tokio::time::timeout(pause, ready.wait_for(|ready| *ready)).await;
            } else if tries_when_ready > 0 {
                tokio::time::sleep(READY_PAUSE).await;
            }
            tries_when_ready += usize::from(*ready.borrow());
            let tried = match self.open_agent(names).await {
                Ok(stream) => handshake(stream).await.map_err(|error| ClusterError::Agent {
                    workbench: names.workbench.clone(),
                    source: Box::new(error),
                }),
                Err(error) => Err(error),
            };
            match tried {
                Err(error) if tries_when_ready < MAX_TRIES_WHEN_READY => {
                    tracing::debug!(error = %error, k8s.pod = names.workbench, "the agent does not answer yet");
                }
                decided => return decided,
            }
        }
    }
}
