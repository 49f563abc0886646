//! Removing a session's objects.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::DeleteParams;

use super::wait::becomes;
use super::{Cluster, ClusterError, SessionNames, apply, manifests};

/// How long a dead pod may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(30);

impl Cluster {
    /// Makes way for a new workbench where the old one is no longer alive; whether it is not. Asks the cluster
    /// itself, which knows better than a watch that lags behind.
    ///
    /// # Errors
    /// When the cluster gives no answer, or does not let the old pod go.
    pub async fn remove_dead_workbench(&self, names: &SessionNames) -> Result<bool, ClusterError> {
        let pods = self.namespaced::<Pod>(self.workbench_namespace());
        let action = format!("look at the pod {}/{}", self.workbench_namespace(), names.workbench);
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
        if becomes(&pods, &names.workbench, |pod| pod.is_none(), GONE_WITHIN).await {
            return Ok(true);
        }
        Err(ClusterError::Incomplete { action, missing: "its end" })
    }

    /// Asks the cluster to delete all that belongs to a session. May be repeated; what is absent is as good as
    /// deleted. Does not wait for the end of it: [`Cluster::list_managed`] shows what is still there and
    /// [`Cluster::stuck_deletions`] what hangs.
    ///
    /// # Errors
    /// When the cluster gives no answer or forbids it. Every object was tried all the same.
    pub async fn deprovision(&self, names: &SessionNames) -> Result<(), ClusterError> {
        let background = DeleteParams::background();
        let (pods, policies, namespaces) = (
            self.namespaced::<Pod>(self.workbench_namespace()),
            self.namespaced::<NetworkPolicy>(self.workbench_namespace()),
            self.cluster_wide::<Namespace>(),
        );
        let all = names.namespaces().map(|namespace| apply::delete(&namespaces, namespace, &background));
        // sooner than with its owner; where homes are not kept there is none
        let home = async {
            if !self.keeps_homes() {
                return Ok(());
            }
            let claims = self.namespaced::<PersistentVolumeClaim>(self.workbench_namespace());
            apply::delete(&claims, manifests::home::name(names), &background).await
        };
        // with it every token of the learner's ends
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
