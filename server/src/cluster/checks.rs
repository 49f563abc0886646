//! The container of checks, which is put beside a workbench when its first check runs: a start costs nothing for it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use super::manifests::{checks, workbench};
use super::{AgentStream, Cluster, ClusterError, SessionNames};

/// How long the container may take to answer, where it has to be made too.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(60);

impl Cluster {
    /// Opens a stream to the agent's `check` in the container of checks, which is made where there is none, and
    /// lets `greet` speak on it: several times, with a new stream each, until it is answered.
    ///
    /// # Errors
    /// When the workbench is not there, its container of checks cannot be made, or the cluster gives no answer.
    pub async fn start_checker<T, E, G>(
        &self,
        names: &SessionNames,
        greet: impl Fn(AgentStream) -> G,
    ) -> Result<T, ClusterError>
    where
        E: std::error::Error + Send + Sync + 'static,
        G: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + PATIENCE;
        let container = self.find_or_add_checker(names).await?;
        loop {
            let tried = match self.open_exec(names, &container, [workbench::AGENT, "check"]).await {
                Ok(stream) => greet(stream).await.map_err(|error| ClusterError::Agent {
                    workbench: names.workbench.clone(),
                    source: Box::new(error),
                }),
                Err(error) => Err(error),
            };
            match tried {
                Err(error) if Instant::now() < deadline => {
                    tracing::debug!(error = %error, k8s.pod = names.workbench, "no check can run there yet");
                    tokio::time::sleep(PAUSE).await;
                }
                decided => return decided,
            }
        }
    }

    /// The name of the container of checks, which runs or will.
    async fn find_or_add_checker(&self, names: &SessionNames) -> Result<String, ClusterError> {
        let place = format!("{}/{}", self.workbench_namespace(), names.workbench);
        let pods: Api<Pod> = self.namespaced(self.workbench_namespace());
        let action = format!("look for the container of checks in {place}");
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
        // merged by name: two servers that add the same one at once add it once
        let patch = Patch::Strategic(json!({ "spec": { "ephemeralContainers": [container] } }));
        pods.patch_ephemeral_containers(&names.workbench, &PatchParams::default(), &patch)
            .await
            .map_err(|error| ClusterError::of(error, &action))?;
        Ok(name)
    }
}
