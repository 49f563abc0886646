//! Waiting for a workbench by the shared watch, and for single objects by a watch of their own.

use std::fmt::Debug;
use std::time::Duration;

use kube::runtime::wait::await_condition;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::schedule::Schedule;
use super::{Cluster, ClusterError, Progress, SessionNames, WorkbenchState, WorkbenchStatus};

/// The pauses before a watch that failed is restarted.
const RESTARTS: Schedule = Schedule::every(Duration::from_millis(500));

/// Waits until an object satisfies `condition`. Returns whether it does so within `timeout`. A watch that fails because
/// the API server is down is restarted: that says nothing about the object.
pub(super) async fn wait_until<K>(
    api: &Api<K>,
    name: &str,
    condition: fn(Option<&K>) -> bool,
    timeout: Duration,
) -> bool
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let waiting = RESTARTS.retry(
        || await_condition(api.clone(), name, condition),
        |error| {
            tracing::debug!(error = %error, name, "a watch failed and is restarted");
            true
        },
    );
    tokio::time::timeout(timeout, waiting).await.is_ok()
}

impl Cluster {
    /// Waits until the agent of a workbench can be reached, and reports each new step to `progress`.
    ///
    /// # Errors
    /// Returns an error with a reason for the learner if the workbench does not start, is deleted, or takes longer than
    /// `timeout`.
    pub async fn wait_for_workbench(
        &self,
        names: &SessionNames,
        timeout: Duration,
        progress: Progress<'_>,
    ) -> Result<(), ClusterError> {
        self.wait_for_state(names, timeout, progress, |state| matches!(state, WorkbenchState::Ready { .. }))
            .await
    }

    pub(super) async fn wait_for_state(
        &self,
        names: &SessionNames,
        timeout: Duration,
        progress: Progress<'_>,
        wanted: fn(&WorkbenchState) -> bool,
    ) -> Result<(), ClusterError> {
        let deadline = Instant::now() + timeout;
        let key = format!("{}/{}", self.workbench_namespace(), names.workbench);
        let mut follower = self.shared.watches.workbenches.follow(&key);
        let mut reported = String::new();
        let mut report = |step: &str| {
            if reported != step {
                progress(step);
                step.clone_into(&mut reported);
            }
        };
        let mut last = None;
        loop {
            let seen = follower.borrow_and_update().clone();
            match seen {
                None if last.is_some() => {
                    let message = "it was deleted".to_owned();
                    return Err(ClusterError::WorkbenchGone { workbench: names.workbench.clone(), message });
                }
                None => report("Starting the workbench"),
                Some(status) => {
                    if status.deleting_since.is_some() {
                        let message = "it is being deleted".to_owned();
                        return Err(ClusterError::WorkbenchGone {
                            workbench: names.workbench.clone(),
                            message,
                        });
                    }
                    if wanted(&status.state) {
                        return Ok(());
                    }
                    match &status.state {
                        WorkbenchState::Ready { .. } => return Ok(()),
                        WorkbenchState::Starting { step, .. } => report(step),
                        WorkbenchState::Waiting { .. } => report("Waiting for room in the cluster"),
                        WorkbenchState::Failing(failure) => return Err(failure.clone().into()),
                        WorkbenchState::Gone { message } => {
                            let (workbench, message) = (names.workbench.clone(), message.clone());
                            return Err(ClusterError::WorkbenchGone { workbench, message });
                        }
                    }
                    last = Some(status);
                }
            }
            match tokio::time::timeout_at(deadline, follower.changed()).await {
                Ok(Ok(())) => {}
                // the sender lives as long as this cluster, so an error cannot happen
                Ok(Err(_)) | Err(_) => return Err(timed_out(timeout, last.as_deref())),
            }
        }
    }

    /// Returns the workbench as the shared watch last saw it; `None` if there is none.
    #[must_use]
    pub fn find_workbench(&self, names: &SessionNames) -> Option<WorkbenchStatus> {
        self.find_workbench_named(&names.workbench)
    }

    /// Returns a workbench by its pod's name, as the shared watch last saw it; `None` if there is none.
    #[must_use]
    pub fn find_workbench_named(&self, workbench: &str) -> Option<WorkbenchStatus> {
        let key = format!("{}/{workbench}", self.workbench_namespace());
        self.shared.watches.workbenches.find(&key).as_deref().cloned()
    }
}

fn timed_out(timeout: Duration, last: Option<&WorkbenchStatus>) -> ClusterError {
    let last_step = match last.map(|status| &status.state) {
        Some(WorkbenchState::Waiting { message }) => {
            return ClusterError::Unschedulable { message: message.clone() };
        }
        Some(WorkbenchState::Starting { step, .. }) => step.clone(),
        _ => "nothing".to_owned(),
    };
    ClusterError::NotReadyInTime { waited_secs: timeout.as_secs(), last_step }
}

#[cfg(test)]
mod tests {
    use lectern_api::ids::SessionId;

    use super::*;

    #[test]
    fn a_cluster_that_stayed_full_is_named_in_the_end() {
        let message = "0/1 nodes are available: 1 Insufficient memory.".to_owned();
        let status = WorkbenchStatus {
            session: SessionId::new(),
            name: "wb-x".to_owned(),
            created_at: None,
            deleting_since: None,
            state: WorkbenchState::Waiting { message },
        };
        let error = timed_out(Duration::from_secs(60), Some(&status));
        assert!(error.to_string().contains("1 Insufficient memory"), "{error}");
    }
}
