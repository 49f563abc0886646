//! Removing a session's objects.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::DeleteParams;

use super::{Cluster, ClusterError, SessionNames, apply};

impl Cluster {
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
        let (pod, policy, namespaces) = tokio::join!(
            apply::delete(&pods, &names.workbench, &background),
            apply::delete(&policies, &names.workbench, &background),
            futures::future::join_all(all),
        );
        namespaces.into_iter().fold(pod.and(policy), Result::and)
    }
}
