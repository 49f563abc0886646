//! Asking the cluster whether it holds network policies: without a controller for them they are silently ignored,
//! and learners are not kept apart.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::runtime::wait::await_condition;
use tokio::time::Instant;

use super::manifests::probe;
use super::names::random_base32;
use super::{Cluster, ClusterError, apply};

/// How long the whole probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a policy may take to be held.
const ENFORCE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long traffic may take to work at first.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two tries of a connection.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether the cluster holds network policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyEnforcement {
    /// Traffic that worked was refused once a policy said so.
    Enforced,
    /// It went on working: learners can reach each other's pods.
    NotEnforced,
    /// It could not be found out.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Cluster {
    /// Finds out by trying, in a namespace of its own that is removed afterwards. Takes a minute at most, so
    /// run it beside the start, not before it.
    pub async fn probe_network_policies(&self) -> PolicyEnforcement {
        let namespace = format!("lectern-probe-{}", random_base32(8));
        let probed = tokio::time::timeout(PROBE_TIMEOUT, async {
            self.remove_old_probes().await?;
            self.probe_in(&namespace).await
        })
        .await;
        let namespaces = self.cluster_wide::<Namespace>();
        if let Err(error) = apply::delete(&namespaces, &namespace, &DeleteParams::background()).await {
            tracing::warn!(error = %error, k8s.namespace = namespace, "the probe's namespace could not be removed");
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
        if !self.becomes(namespace, &address, true, REACH_TIMEOUT).await? {
            let (action, missing) =
                ("reach one pod from another".to_owned(), "a connection, even without a policy");
            return Err(ClusterError::Incomplete { action, missing });
        }
        apply::apply(self.namespaced(namespace), probe::refusal(namespace)).await?;
        self.becomes(namespace, &address, false, ENFORCE_TIMEOUT).await
    }

    /// Tries the connection until it answers as `wanted`, or time is up.
    async fn becomes(
        &self,
        namespace: &str,
        address: &str,
        wanted: bool,
        within: Duration,
    ) -> Result<bool, ClusterError> {
        let deadline = Instant::now() + within;
        let connect = format!("exec 3<>/dev/tcp/{address}/{}", probe::PORT);
        let command = ["timeout", "2", "bash", "-c", &connect];
        loop {
            let connected =
                self.run_in_pod(namespace, probe::CALLER, &command, Duration::from_secs(10)).await?;
            if connected == wanted {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until a pod runs, and gives its address.
    async fn running_pod(&self, namespace: &str, name: &str) -> Result<String, ClusterError> {
        let running = |pod: Option<&Pod>| {
            let status = pod.and_then(|pod| pod.status.as_ref());
            status.is_some_and(|status| status.phase.as_deref() == Some("Running") && status.pod_ip.is_some())
        };
        let action = format!("wait for the pod {namespace}/{name}");
        let pod =
            await_condition(self.namespaced::<Pod>(namespace), name, running).await.map_err(|error| {
                tracing::debug!(error = %error, "waiting for a pod of the probe failed");
                ClusterError::Incomplete { action: action.clone(), missing: "a running pod" }
            })?;
        pod.and_then(|pod| pod.status?.pod_ip)
            .ok_or(ClusterError::Incomplete { action, missing: "an address" })
    }

    /// Removes what a probe left behind that was killed half way.
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
