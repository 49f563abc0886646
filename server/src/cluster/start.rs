//! The way from a written pod to an agent that answers, as short as the cluster allows.
//!
//! A kubelet reports a container that runs up to a second late, but answers an exec at once. So an exec is tried
//! while the report is still on its way, a few at a time and ever less often, and the watch stays the judge of
//! failures. The API server opens the stream before the kubelet was asked: only an answer of the agent counts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{AgentStream, Cluster, ClusterError, Progress, SessionNames, WorkbenchState};

/// The pause between a pod's placement and the first try: no container starts faster.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The pause between the first two tries.
const SHORTEST_PAUSE: Duration = Duration::from_millis(80);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// How often a workbench that is reported ready is tried before its agent is given up.
const TRIES_WHEN_READY: usize = 3;
/// How many sessions may try ahead of the report at once. In a burst the rest wait for the watch: a node that
/// starts thirty pods has no time for questions.
pub(super) const EARLY_TRIES: usize = 4;

impl Cluster {
    /// Waits for a workbench, opens the stream to its agent and lets `greet` speak on it, whichever way is the
    /// quickest: what [`Cluster::wait_for_workbench`] and [`Cluster::open_agent`] do one after the other. Call it
    /// beside [`Cluster::provision`]; it need not have ended.
    ///
    /// `greet` may be called several times, with a new stream each; it must fail when the stream ends before
    /// the agent answered.
    ///
    /// # Errors
    /// As [`Cluster::wait_for_workbench`] and [`Cluster::open_agent`], and with what `greet` said when the
    /// workbench is ready and its agent still does not answer.
    pub async fn start_agent<T, E, G>(
        &self,
        names: &SessionNames,
        timeout: Duration,
        progress: Progress<'_>,
        greet: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + timeout;
        let told = Mutex::new(String::new());
        let progress = |step: &str| {
            // the two waits below may name the same step
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if *told != step {
                step.clone_into(&mut told);
                progress(step);
            }
        };
        let placed = |state: &WorkbenchState| matches!(state, WorkbenchState::Starting { on_node: true, .. });
        self.wait_for_state(names, timeout, &progress, placed).await?;

        let left = deadline.saturating_duration_since(Instant::now());
        let (is_ready, ready) = watch::channel(false);
        let judge = async {
            self.wait_for_workbench(names, left, &progress).await?;
            is_ready.send_replace(true);
            // from now on the tries decide
            std::future::pending().await
        };
        tokio::select! {
            biased;
            failed = judge => failed,
            answered = self.try_agent(names, ready, greet) => answered,
        }
    }

    async fn try_agent<T, E, G>(
        &self,
        names: &SessionNames,
        mut ready: watch::Receiver<bool>,
        greet: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let _permit = tokio::select! {
            permit = self.shared.early_tries.acquire() => permit.ok(),
            _ = ready.wait_for(|ready| *ready) => None,
        };
        let mut pause = FIRST_PAUSE;
        let mut tries_when_ready = 0;
        loop {
            if !*ready.borrow() {
                let _ = tokio::time::timeout(pause, ready.wait_for(|ready| *ready)).await;
            } else if tries_when_ready > 0 {
                tokio::time::sleep(SHORTEST_PAUSE).await;
            }
            tries_when_ready += usize::from(*ready.borrow());
            let tried = match self.open_agent(names).await {
                Ok(stream) => greet(stream).await.map_err(|error| ClusterError::Agent {
                    workbench: names.workbench.clone(),
                    source: Box::new(error),
                }),
                Err(error) => Err(error),
            };
            match tried {
                Err(error) if tries_when_ready < TRIES_WHEN_READY => {
                    tracing::debug!(error = %error, k8s.pod = names.workbench, "the agent does not answer yet");
                }
                decided => return decided,
            }
            pause = if pause == FIRST_PAUSE { SHORTEST_PAUSE } else { (pause * 3 / 2).min(LONGEST_PAUSE) };
        }
    }
}
