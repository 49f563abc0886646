//! The container of checks, which is added to a workbench's pod for its first check, so that it does not slow down the
//! start of a session.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use super::manifests::{checks, workbench};
use super::schedule::Schedule;
use super::{AgentStream, Cluster, ClusterError, SessionNames};

/// Timeout for the container to answer, including its creation.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pauses between two attempts to reach the agent.
const ATTEMPTS: Schedule = Schedule::every(Duration::from_millis(60));

impl Cluster {
    /// Opens a stream to the agent's `check` in the container of checks, which is created if there is none, and
    /// passes it to `handshake`. Calls `handshake` with a new stream each time until one is answered.
    ///
    /// # Errors
    /// Returns an error if the workbench does not exist, its container of checks cannot be created, or the cluster
    /// does not answer.
    pub async fn start_checker<T, E, G>(
        &self,
        names: &SessionNames,
        handshake: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + TIMEOUT;
        let container = self.find_or_add_checker(names).await?;
        let attempt = async || {
            let stream = self.open_exec(names, &container, [workbench::AGENT, "check"]).await?;
            handshake(stream).await.map_err(|error| ClusterError::Agent {
                workbench: names.workbench.clone(),
                source: Box::new(error),
            })
        };
        let is_early = |error: &ClusterError| {
            tracing::debug!(error = %error, k8s.pod = names.workbench, "the container of checks does not answer yet");
            Instant::now() < deadline
        };
        ATTEMPTS.retry(attempt, is_early).await
    }

    /// Returns the name of the container of checks, adding one to the pod if none is running or starting.
    async fn find_or_add_checker(&self, names: &SessionNames) -> Result<String, ClusterError> {
        let place = format!("{}/{}", self.workbench_namespace(), names.workbench);
        let pods: Api<Pod> = self.namespaced(self.workbench_namespace());
        let action = format!("find the container of checks in {place}");
        let pod = pods.get(&names.workbench).await.map_err(|error| ClusterError::of(error, &action))?;
        if let Some(name) = checks::usable(&pod) {
            return Ok(name);
        }
        let action = format!("add a container of checks to {place}");
        let container = checks::next(&pod).ok_or_else(|| ClusterError::Incomplete {
            action: action.clone(),
            missing: "a workbench's container",
        })?;
        let name = container.name.clone();
        // merged by name: if two servers add the same container concurrently, it is added once
        let patch = Patch::Strategic(json!({ "spec": { "ephemeralContainers": [container] } }));
        pods.patch_ephemeral_containers(&names.workbench, &PatchParams::default(), &patch)
            .await
            .map_err(|error| ClusterError::of(error, &action))?;
        Ok(name)
    }
}
