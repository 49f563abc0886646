//! Waiting for a workbench by the watch that all sessions share, and for single objects by one of their own.

use std::fmt::Debug;
use std::time::Duration;

use kube::runtime::wait::await_condition;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Cluster, ClusterError, Progress, SessionNames, WorkbenchState, WorkbenchStatus};

/// The pause before a watch that broke is begun again.
const WATCH_AGAIN: Duration = Duration::from_millis(500);

/// Waits until an object is as wanted, for `within` at most; whether it is. A watch that breaks, because the API server
/// went down, is begun again: that says nothing of the object.
pub(super) async fn becomes<K>(
    api: &Api<K>,
    name: &str,
    is_wanted: fn(Option<&K>) -> bool,
    within: Duration,
) -> bool
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let waiting = async {
        while let Err(error) = await_condition(api.clone(), name, is_wanted).await {
            tracing::debug!(error = %error, name, "a watch broke and is begun again");
            tokio::time::sleep(WATCH_AGAIN).await;
        }
    };
    tokio::time::timeout(within, waiting).await.is_ok()
}

impl Cluster {
    /// Waits until the agent of a workbench can be reached, and tells each new step.
    ///
    /// # Errors
    /// When the workbench does not start, with the reason in words for the learner; when it is deleted; and
    /// when it takes longer than `timeout`.
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
        let mut told = String::new();
        let mut tell = |step: &str| {
            if told != step {
                progress(step);
                step.clone_into(&mut told);
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
                None => tell("Starting the workbench"),
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
                        WorkbenchState::Starting { step, .. } => tell(step),
                        WorkbenchState::Waiting { .. } => tell("Waiting for room in the cluster"),
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
                // the board lives as long as this cluster
                Ok(Err(_)) | Err(_) => return Err(too_late(timeout, last.as_deref())),
            }
        }
    }

    /// The workbench as the shared watch last saw it; none where it is not there.
    #[must_use]
    pub fn find_workbench(&self, names: &SessionNames) -> Option<WorkbenchStatus> {
        self.find_workbench_named(&names.workbench)
    }

    /// The same, by the pod's name.
    #[must_use]
    pub fn find_workbench_named(&self, workbench: &str) -> Option<WorkbenchStatus> {
        let key = format!("{}/{workbench}", self.workbench_namespace());
        self.shared.watches.workbenches.find(&key).as_deref().cloned()
    }
}

fn too_late(timeout: Duration, last: Option<&WorkbenchStatus>) -> ClusterError {
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
        let error = too_late(Duration::from_secs(60), Some(&status));
        assert!(error.to_string().contains("1 Insufficient memory"), "{error}");
    }
}
