//! Making a session's objects, in two rounds at most: the namespace, then all that lives in it; the workbench
//! waits for neither.

use std::time::{Duration, Instant};

use super::{Cluster, ClusterError, Progress, SessionSpec, apply, manifests};

impl Cluster {
    /// Makes the cluster's side of a session, or brings it to what `spec` says. May be repeated at any time.
    ///
    /// Returns when every object is written; the workbench is then on its way
    /// ([`Cluster::wait_for_workbench`]) and [`Cluster::learner_kubeconfig`] may be called, at the same time.
    ///
    /// # Errors
    /// When the cluster gives no answer or refuses an object. What was written so far stays:
    /// repeat, or [`Cluster::deprovision`].
    pub async fn provision(&self, spec: &SessionSpec, progress: Progress<'_>) -> Result<(), ClusterError> {
        progress("Making your namespace");
        let begun = Instant::now();
        let (workbench, learner) = tokio::try_join!(
            timed(self.apply_workbench_objects(spec)),
            timed(self.apply_learner_objects(spec))
        )?;
        tracing::info!(
            session.id = %spec.names.session,
            k8s.namespace = spec.names.namespace,
            took_ms = begun.elapsed().as_millis(),
            workbench_ms = workbench.as_millis(),
            learner_ms = learner.as_millis(),
            "the session's objects are written"
        );
        Ok(())
    }

    async fn apply_workbench_objects(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        let (instance, image) = (self.workbench_namespace(), &self.shared.config.workbench_image);
        // the policy only adds to what all workbenches may do: the pod need not wait for it
        tokio::try_join!(
            self.apply_workbench(manifests::workbench::pod(spec, instance, image)),
            self.apply_workbench(manifests::network_policy::workbench(spec, instance)),
            self.refresh_shared_policy(),
        )?;
        Ok(())
    }

    async fn apply_learner_objects(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        let instance = self.workbench_namespace();
        let namespace = &spec.names.namespace;
        apply::apply(self.cluster_wide(), manifests::namespace::learner(spec, instance)).await?;
        let quotas = async {
            let quotas = manifests::quota::quotas(spec, instance);
            let api: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> = self.namespaced(namespace);
            futures::future::try_join_all(quotas.into_iter().map(|quota| apply::apply(api.clone(), quota)))
                .await
        };
        let limits = async {
            match manifests::limits::limit_range(spec, instance) {
                Some(limits) => apply::apply(self.namespaced(namespace), limits).await.map(|_| ()),
                None => Ok(()),
            }
        };
        let policy = manifests::network_policy::learner(spec, instance, &self.network());
        tokio::try_join!(
            apply::apply(self.namespaced(namespace), manifests::rbac::learner_account(spec, instance)),
            apply::apply(self.namespaced(namespace), manifests::rbac::learner_binding(spec, instance)),
            apply::apply(self.namespaced(namespace), policy),
            quotas,
            limits,
        )?;
        Ok(())
    }

    /// Writes the workbenches' shared policy again where the cluster's DNS or API server have moved.
    pub(super) async fn refresh_shared_policy(&self) -> Result<(), ClusterError> {
        let now = self.network();
        let mut applied = self.shared.applied_network.lock().await;
        if applied.as_ref() != Some(&now) {
            let policy = manifests::network_policy::workbenches(self.workbench_namespace(), &now);
            self.apply_workbench(policy).await?;
            *applied = Some(now);
        }
        Ok(())
    }
}

async fn timed(work: impl Future<Output = Result<(), ClusterError>>) -> Result<Duration, ClusterError> {
    let begun = Instant::now();
    work.await?;
    Ok(begun.elapsed())
}
