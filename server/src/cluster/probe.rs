//! Finding out whether the cluster enforces network policies. Without a controller for them they are silently
//! ignored, and learners are not isolated from one another.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::runtime::wait::await_condition;
use tokio::time::Instant;

use super::manifests::probe;
use super::names::random_base32;
use super::schedule::Schedule;
use super::{Cluster, ClusterError, apply};

/// Timeout for the whole probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Timeout for a policy to take effect.
const ENFORCE_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout for traffic to work before there is a policy.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);
/// The pauses between two connection attempts.
const ATTEMPTS: Schedule = Schedule::every(Duration::from_millis(250));

/// Whether the cluster enforces network policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyEnforcement {
    /// Traffic that worked was blocked once there was a policy against it.
    Enforced,
    /// Traffic went on working: learners can reach each other's pods.
    NotEnforced,
    /// The probe failed.
    Unknown { reason: String },
}

/// Why the connection is not as expected.
enum Unexpected {
    /// It was tried, and may still change.
    NotYet,
    Failed(ClusterError),
}

impl Cluster {
    /// Probes the cluster in a namespace of its own, which is deleted afterwards. This takes up to a minute, so do
    /// not let the server's start wait for it.
    pub async fn probe_network_policies(&self) -> PolicyEnforcement {
        let namespace = format!("lectern-probe-{}", random_base32(8));
        let probed = tokio::time::timeout(PROBE_TIMEOUT, async {
            self.remove_old_probes().await?;
            self.probe_in(&namespace).await
        })
        .await;
        let namespaces = self.cluster_wide::<Namespace>();
        if let Err(error) = apply::delete(&namespaces, &namespace, &DeleteParams::background()).await {
            tracing::warn!(error = %error, k8s.namespace = namespace, "failed to delete the probe's namespace");
        }
        match probed {
            Ok(Ok(true)) => PolicyEnforcement::Enforced,
            Ok(Ok(false)) => PolicyEnforcement::NotEnforced,
            Ok(Err(error)) => PolicyEnforcement::Unknown { reason: error.to_string() },
            Err(_) => PolicyEnforcement::Unknown {
                reason: "the probe's pods were not ready within a minute".to_owned(),
            },
        }
    }

    async fn probe_in(&self, namespace: &str) -> Result<bool, ClusterError> {
        let (instance, image) = (self.workbench_namespace(), &self.shared.config.workbench_image);
        apply::apply(self.cluster_wide(), probe::namespace(namespace, instance)).await?;
        apply::apply(self.namespaced(namespace), probe::account(namespace)).await?;
        let pods = self.namespaced::<Pod>(namespace);
        let (listener, caller) =
            (probe::pod(namespace, probe::LISTENER, image), probe::pod(namespace, probe::CALLER, image));
        tokio::try_join!(apply::apply(pods.clone(), listener), apply::apply(pods, caller))?;
        let (address, _) = tokio::try_join!(
            self.running_pod(namespace, probe::LISTENER),
            self.running_pod(namespace, probe::CALLER)
        )?;
        if !self.wait_for_connection(namespace, &address, true, REACH_TIMEOUT).await? {
            let (action, missing) =
                ("reach one pod from another".to_owned(), "a connection, even without a policy");
            return Err(ClusterError::Incomplete { action, missing });
        }
        apply::apply(self.namespaced(namespace), probe::refusal(namespace)).await?;
        self.wait_for_connection(namespace, &address, false, ENFORCE_TIMEOUT).await
    }

    /// Tries to connect until that works, or for `expected == false` no longer works. Returns whether it came to that
    /// within `timeout`.
    async fn wait_for_connection(
        &self,
        namespace: &str,
        address: &str,
        expected: bool,
        timeout: Duration,
    ) -> Result<bool, ClusterError> {
        let deadline = Instant::now() + timeout;
        let connect = format!("exec 3<>/dev/tcp/{address}/{}", probe::PORT);
        let command = ["timeout", "2", "bash", "-c", &connect];
        let attempt = async || {
            let run = self.run_in_pod(namespace, probe::CALLER, &command, Duration::from_secs(10));
            let is_connected = run.await.map_err(Unexpected::Failed)?;
            if is_connected == expected { Ok(()) } else { Err(Unexpected::NotYet) }
        };
        let is_early = |error: &Unexpected| matches!(error, Unexpected::NotYet) && Instant::now() < deadline;
        match ATTEMPTS.retry(attempt, is_early).await {
            Ok(()) => Ok(true),
            Err(Unexpected::NotYet) => Ok(false),
            Err(Unexpected::Failed(error)) => Err(error),
        }
    }

    /// Waits until a pod runs. Returns its address.
    async fn running_pod(&self, namespace: &str, name: &str) -> Result<String, ClusterError> {
        let running = |pod: Option<&Pod>| {
            let status = pod.and_then(|pod| pod.status.as_ref());
            status.is_some_and(|status| status.phase.as_deref() == Some("Running") && status.pod_ip.is_some())
        };
        let action = format!("wait for the pod {namespace}/{name}");
        let pod =
            await_condition(self.namespaced::<Pod>(namespace), name, running).await.map_err(|error| {
                tracing::debug!(error = %error, "failed to wait for a pod of the probe");
                ClusterError::Incomplete { action: action.clone(), missing: "a running pod" }
            })?;
        pod.and_then(|pod| pod.status?.pod_ip)
            .ok_or(ClusterError::Incomplete { action, missing: "an address" })
    }

    /// Deletes what an interrupted probe left behind.
    async fn remove_old_probes(&self) -> Result<(), ClusterError> {
        let namespaces = self.cluster_wide::<Namespace>();
        let ours = ListParams::default().labels(&format!("{}={}", probe::PROBE, self.workbench_namespace()));
        let left = namespaces
            .list_metadata(&ours)
            .await
            .map_err(|error| ClusterError::of(error, "list namespaces"))?;
        for namespace in left {
            let name = namespace.metadata.name.unwrap_or_default();
            apply::delete(&namespaces, &name, &DeleteParams::background()).await?;
        }
        Ok(())
    }
}
