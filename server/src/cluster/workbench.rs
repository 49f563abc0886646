//! The workbench pod's state, in words for learners.

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use lectern_api::ids::SessionId;

use super::manifests::{labels, workbench as manifest};
use super::{ClusterError, inventory};

/// A workbench pod as the watch last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkbenchStatus {
    pub session: SessionId,
    /// The pod's name.
    pub name: String,
    pub created_at: Option<DateTime<Utc>>,
    /// When its deletion was requested; `None` if it is not being deleted.
    pub deleting_since: Option<DateTime<Utc>>,
    pub state: WorkbenchState,
}

impl WorkbenchStatus {
    /// Returns whether the agent may be reachable: it is running, or the kubelet may just not have reported it yet.
    #[must_use]
    pub fn may_serve(&self) -> bool {
        self.deleting_since.is_none()
            && matches!(
                self.state,
                WorkbenchState::Ready { .. } | WorkbenchState::Starting { on_node: true, .. }
            )
    }
}

/// The state of a workbench pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkbenchState {
    Starting {
        /// The current step, for the learner.
        step: String,
        /// Whether the pod has been scheduled: from then on an exec may succeed before the kubelet reports the
        /// container.
        on_node: bool,
    },
    /// No node has room at the moment.
    Waiting {
        /// The scheduler's message.
        message: String,
    },
    /// The agent can be reached.
    Ready {
        /// How many times the container was restarted. A restart ends the learner's shells but keeps their files.
        restarts: i32,
    },
    /// The pod does not start. The kubelet may try again, but the learner should see the reason.
    Failing(WorkbenchFailure),
    /// The pod has ended and will not be restarted.
    Gone {
        /// How it ended.
        message: String,
    },
}

/// Why a workbench does not start; `message` is the kubelet's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkbenchFailure {
    ImagePull {
        image: String,
        message: String,
    },
    /// The container cannot be created.
    CannotStart {
        /// The kubelet's reason, such as `CreateContainerError`.
        reason: String,
        message: String,
    },
    /// The container exits again and again.
    CrashLoop {
        restarts: i32,
        /// How it exited last.
        message: String,
    },
}

impl From<WorkbenchFailure> for ClusterError {
    fn from(failure: WorkbenchFailure) -> Self {
        match failure {
            WorkbenchFailure::ImagePull { image, message } => Self::ImagePull { image, message },
            WorkbenchFailure::CannotStart { reason, message } => Self::CannotStart { reason, message },
            WorkbenchFailure::CrashLoop { restarts, message } => Self::CrashLoop { restarts, message },
        }
    }
}

/// Returns the status of a workbench pod; `None` if its labels name no session.
pub(super) fn status_of(pod: &Pod) -> Option<WorkbenchStatus> {
    let meta = &pod.metadata;
    Some(WorkbenchStatus {
        session: labels::session_of(meta)?,
        name: meta.name.clone()?,
        created_at: meta.creation_timestamp.as_ref().and_then(inventory::instant),
        deleting_since: meta.deletion_timestamp.as_ref().and_then(inventory::instant),
        state: state_of(pod),
    })
}

fn state_of(pod: &Pod) -> WorkbenchState {
    let Some(status) = &pod.status else {
        return starting("Starting the workbench", false);
    };
    if let Some(phase @ ("Failed" | "Succeeded")) = status.phase.as_deref() {
        let words =
            [&status.reason, &status.message].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
        let message = if words.is_empty() { format!("it ended ({})", phase.to_lowercase()) } else { words };
        return WorkbenchState::Gone { message };
    }
    // an init container may be what keeps the workbench from starting
    let before = status.init_container_statuses.iter().flatten().find(|container| !container.ready);
    if let Some(failing @ WorkbenchState::Failing(_)) = before.map(container_state) {
        return failing;
    }
    let container =
        status.container_statuses.iter().flatten().find(|container| container.name == manifest::CONTAINER);
    if let Some(container) = container {
        return container_state(container);
    }
    let scheduled = status.conditions.iter().flatten().find(|condition| condition.type_ == "PodScheduled");
    match scheduled {
        Some(condition) if condition.status == "False" => {
            WorkbenchState::Waiting { message: condition.message.clone().unwrap_or_default() }
        }
        _ => {
            let on_node = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            starting("Starting the workbench", on_node)
        }
    }
}

fn starting(step: &str, on_node: bool) -> WorkbenchState {
    WorkbenchState::Starting { step: step.to_owned(), on_node }
}

/// The kubelet's message for a pull that it has not tried because of its own rate limit.
const PULLS_HELD_BACK: &str = "pull QPS exceeded";

fn container_state(container: &ContainerStatus) -> WorkbenchState {
    let restarts = container.restart_count;
    if container.ready {
        return WorkbenchState::Ready { restarts };
    }
    let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref()) else {
        return starting("Starting the workbench", true);
    };
    let message = waiting.message.clone().unwrap_or_default();
    match waiting.reason.as_deref().unwrap_or_default() {
        // a whole class may start at the same time, and by default a kubelet starts at most five pulls a second
        "ImagePullBackOff" | "ErrImagePull" if message.contains(PULLS_HELD_BACK) => {
            starting("Waiting for its turn to pull the workbench image", true)
        }
        "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "SignatureValidationFailed" => {
            WorkbenchState::Failing(WorkbenchFailure::ImagePull { image: container.image.clone(), message })
        }
        // the first failure of a pull: the kubelet tries again at once, and the fault may be transient
        "ErrImagePull" | "RegistryUnavailable" => starting("Pulling the workbench image again", true),
        "CrashLoopBackOff" => WorkbenchState::Failing(WorkbenchFailure::CrashLoop {
            restarts,
            message: container.last_state.as_ref().map_or(message, last_end),
        }),
        reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            WorkbenchState::Failing(WorkbenchFailure::CannotStart { reason: reason.to_owned(), message })
        }
        "ContainerCreating" if container.image_id.is_empty() => {
            starting("Pulling the workbench image and starting it", true)
        }
        _ => starting("Starting the workbench", true),
    }
}

fn last_end(state: &ContainerState) -> String {
    let Some(end) = &state.terminated else {
        return "it ended".to_owned();
    };
    let reason = end.reason.as_deref().unwrap_or("it ended");
    let words = end.message.as_deref().map(|message| format!(": {}", message.trim())).unwrap_or_default();
    format!("{reason}, exit status {}{words}", end.exit_code)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "wb-x", "labels": {labels::SESSION: SessionId::new().to_string()}},
            "status": status,
        }))
        .unwrap()
    }

    fn waiting(reason: &str, message: &str) -> Pod {
        pod(json!({"phase": "Pending", "containerStatuses": [{
            "name": "workbench", "image": "nowhere/x:1", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": reason, "message": message}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }]}))
    }

    #[test]
    fn a_pull_that_is_given_up_fails_with_the_kubelets_words() {
        let state = status_of(&waiting("ImagePullBackOff", "not found")).unwrap().state;
        let expected =
            WorkbenchFailure::ImagePull { image: "nowhere/x:1".into(), message: "not found".into() };
        assert_eq!(state, WorkbenchState::Failing(expected));
    }

    #[test]
    fn what_fails_before_the_workbench_is_told_as_its_failure() {
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "no agent here"}});
        let of = |before: Value| {
            let pod =
                pod(json!({"phase": "Pending", "initContainerStatuses": [before], "containerStatuses": [{
                    "name": "workbench", "image": "x:1", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"waiting": {"reason": "PodInitializing"}},
                }]}));
            status_of(&pod).unwrap().state
        };
        let installer = |ready: bool, state: Value| json!({"name": "agent", "image": "y:1", "imageID": "", "ready": ready, "restartCount": 1, "state": state});
        let failing = WorkbenchFailure::ImagePull { image: "y:1".into(), message: "no agent here".into() };
        assert_eq!(of(installer(false, waiting("ImagePullBackOff"))), WorkbenchState::Failing(failing));
        assert!(matches!(of(installer(false, waiting("CrashLoopBackOff"))), WorkbenchState::Failing(_)));
        for going_on in [
            installer(false, json!({"running": {}})),
            installer(true, json!({"terminated": {"exitCode": 0}})),
        ] {
            assert!(matches!(of(going_on), WorkbenchState::Starting { .. }));
        }
    }

    #[test]
    fn the_first_failed_pull_is_only_a_step() {
        let state = status_of(&waiting("ErrImagePull", "connection reset")).unwrap().state;
        assert!(matches!(state, WorkbenchState::Starting { .. }), "{state:?}");
    }

    #[test]
    fn a_pull_that_waits_for_its_turn_among_many_is_only_a_step() {
        let message = "Back-off pulling image \"nowhere/x:1\": ErrImagePull: pull QPS exceeded";
        for reason in ["ImagePullBackOff", "ErrImagePull"] {
            let state = status_of(&waiting(reason, message)).unwrap().state;
            assert!(
                matches!(&state, WorkbenchState::Starting { step, .. } if step.contains("turn")),
                "{reason}: {state:?}"
            );
        }
    }

    #[test]
    fn a_crash_loop_says_how_it_ended_last() {
        let WorkbenchState::Failing(failure) =
            status_of(&waiting("CrashLoopBackOff", "back-off")).unwrap().state
        else {
            panic!("not failing");
        };
        let message = ClusterError::from(failure).learner_message();
        assert!(message.contains("3 times") && message.contains("OOMKilled, exit status 137"), "{message}");
    }

    #[test]
    fn a_full_cluster_is_waited_for() {
        let pod = pod(json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient memory.",
        }]}));
        let message = "0/1 nodes are available: 1 Insufficient memory.".to_owned();
        assert_eq!(status_of(&pod).unwrap().state, WorkbenchState::Waiting { message });
    }

    #[test]
    fn an_evicted_workbench_is_gone_and_says_why() {
        let state =
            status_of(&pod(json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"})));
        assert_eq!(state.unwrap().state, WorkbenchState::Gone { message: "Evicted: low on disk".to_owned() });
    }

    #[test]
    fn a_pod_without_a_session_is_none_of_ours() {
        assert!(status_of(&Pod::default()).is_none());
    }
}
