//! Running a short command in a pod, for the probe.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt;

use super::{Cluster, ClusterError};

/// Limit on the output that is kept, in bytes.
const MAX_OUTPUT: u64 = 16 * 1024;

impl Cluster {
    /// Runs a command in a pod's only container. Returns whether it ended with status 0. Its output is logged at
    /// debug level.
    pub(super) async fn run_in_pod(
        &self,
        namespace: &str,
        pod: &str,
        command: &[&str],
        timeout: Duration,
    ) -> Result<bool, ClusterError> {
        let action = format!("run a command in {namespace}/{pod}");
        let params = AttachParams::default().stdin(false).stdout(true).stderr(false);
        let pods = self.namespaced::<Pod>(namespace);
        let run = async {
            let mut process = pods
                .exec(pod, command.iter().copied(), &params)
                .await
                .map_err(|error| ClusterError::of(error, &action))?;
            let (status, stdout) = (process.take_status(), process.stdout());
            let mut output = String::new();
            if let Some(stdout) = stdout {
                // the output is only for the log, so a failure to read it does not matter
                let _ = stdout.take(MAX_OUTPUT).read_to_string(&mut output).await;
            }
            let status = match status {
                Some(status) => status.await,
                None => None,
            };
            tracing::debug!(k8s.pod = pod, output = output.trim(), "a command ran in a pod");
            status
                .map(|status| status.status.as_deref() == Some("Success"))
                .ok_or(ClusterError::Incomplete { action: action.clone(), missing: "an exit status" })
        };
        tokio::time::timeout(timeout, run).await.unwrap_or_else(|_| {
            Err(ClusterError::Incomplete { action: action.clone(), missing: "an end in time" })
        })
    }
}
