//! Deleting a session's objects.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::DeleteParams;

use super::wait::wait_until;
use super::{Cluster, ClusterError, SessionNames, apply, manifests};

/// Timeout for a dead pod to disappear.
const DELETE_TIMEOUT: Duration = Duration::from_secs(30);

impl Cluster {
    /// Deletes a workbench that is no longer alive, to make way for a new one. Returns false if it is still alive.
    /// Asks the API server, because the watch may lag behind.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer, or the old pod does not disappear.
    pub async fn remove_dead_workbench(&self, names: &SessionNames) -> Result<bool, ClusterError> {
        let pods = self.namespaced::<Pod>(self.workbench_namespace());
        let action = format!("read the pod {}/{}", self.workbench_namespace(), names.workbench);
        let found = pods.get_opt(&names.workbench).await.map_err(|error| ClusterError::of(error, &action))?;
        let is_alive = found.is_some_and(|pod| {
            let ended = pod.status.and_then(|status| status.phase);
            pod.metadata.deletion_timestamp.is_none()
                && !matches!(ended.as_deref(), Some("Failed" | "Succeeded"))
        });
        if is_alive {
            return Ok(false);
        }
        let policies = self.namespaced::<NetworkPolicy>(self.workbench_namespace());
        apply::delete(&policies, &names.workbench, &DeleteParams::background()).await?;
        apply::delete(&pods, &names.workbench, &DeleteParams::default().grace_period(0)).await?;
        if wait_until(&pods, &names.workbench, |pod| pod.is_none(), DELETE_TIMEOUT).await {
            return Ok(true);
        }
        Err(ClusterError::Incomplete { action, missing: "its end" })
    }

    /// Asks the cluster to delete all objects of a session, and may be repeated. Does not wait for the deletion:
    /// [`Cluster::list_managed`] shows what still exists, and [`Cluster::stuck_deletions`] which deletions hang.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer or forbids a deletion. The other objects are deleted all the
    /// same.
    pub async fn deprovision(&self, names: &SessionNames) -> Result<(), ClusterError> {
        let background = DeleteParams::background();
        let (pods, policies, namespaces) = (
            self.namespaced::<Pod>(self.workbench_namespace()),
            self.namespaced::<NetworkPolicy>(self.workbench_namespace()),
            self.cluster_wide::<Namespace>(),
        );
        let all = names.namespaces().map(|namespace| apply::delete(&namespaces, namespace, &background));
        // this is faster than waiting for the garbage collector
        let home = async {
            if !self.keeps_homes() {
                return Ok(());
            }
            let claims = self.namespaced::<PersistentVolumeClaim>(self.workbench_namespace());
            apply::delete(&claims, manifests::home::name(names), &background).await
        };
        // deleting the account revokes all of the learner's tokens
        let accounts = self.namespaced::<ServiceAccount>(self.workbench_namespace());
        let account = manifests::rbac::account_name(names);
        let (pod, policy, account, home, namespaces) = tokio::join!(
            apply::delete(&pods, &names.workbench, &background),
            apply::delete(&policies, &names.workbench, &background),
            apply::delete(&accounts, &account, &background),
            home,
            futures::future::join_all(all),
        );
        namespaces.into_iter().fold(pod.and(policy).and(account).and(home), Result::and)
    }
}
