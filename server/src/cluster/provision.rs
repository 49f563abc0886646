//! Making a session's objects, in two rounds at most: the namespace, then all that lives in it; the workbench
//! waits for neither, but for the volume of its home where homes are kept.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;

use super::{Cluster, ClusterError, NamespaceSpec, Progress, SessionSpec, apply, manifests};

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
            timed(self.apply_workbench_objects(spec, progress)),
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

    async fn apply_workbench_objects(
        &self,
        spec: &SessionSpec,
        progress: Progress<'_>,
    ) -> Result<(), ClusterError> {
        let (instance, image) = (self.workbench_namespace(), &self.shared.config.workbench_image);
        let pod = async {
            let home = self.apply_home(spec, progress).await?;
            self.apply_workbench(manifests::workbench::pod(spec, instance, image, home)).await
        };
        // the policy only adds to what all workbenches may do: the pod need not wait for it
        tokio::try_join!(
            pod,
            self.apply_workbench(manifests::network_policy::workbench(spec, instance)),
            self.refresh_shared_policy(),
        )?;
        Ok(())
    }

    /// The learner's namespaces with all that keeps them in bounds, then what the lab itself wants in them.
    async fn apply_learner_objects(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        let spaces = spec.namespaces();
        let account = async {
            let account = manifests::rbac::learner_account(spec, self.workbench_namespace());
            apply::apply(self.namespaced(&spec.names.namespace), account).await.map(drop)
        };
        let main = async {
            self.apply_namespace(spec, &spaces[0]).await?;
            tokio::try_join!(account, self.apply_extra_rights(spec), self.apply_bounds(spec, &spaces[0]))
        };
        let others = futures::future::try_join_all(spaces[1..].iter().map(async |space| {
            self.apply_namespace(spec, space).await?;
            self.apply_bounds(spec, space).await
        }));
        tokio::try_join!(main, others)?;
        self.apply_lab_objects(spec).await
    }

    pub(super) async fn apply_namespace(
        &self,
        spec: &SessionSpec,
        space: &NamespaceSpec,
    ) -> Result<Namespace, ClusterError> {
        let namespace = manifests::namespace::learner(spec, space, self.workbench_namespace());
        apply::apply(self.cluster_wide(), namespace).await
    }

    /// What bounds the learner in one of their namespaces: rights, network, quota and limits.
    async fn apply_bounds(&self, spec: &SessionSpec, space: &NamespaceSpec) -> Result<(), ClusterError> {
        let instance = self.workbench_namespace();
        let namespace = &space.name;
        let quotas = async {
            let quotas = manifests::quota::quotas(spec, space, instance);
            let api: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> = self.namespaced(namespace);
            futures::future::try_join_all(quotas.into_iter().map(|quota| apply::apply(api.clone(), quota)))
                .await
        };
        let limits = async {
            match manifests::limits::limit_range(spec, space, instance) {
                Some(limits) => apply::apply(self.namespaced(namespace), limits).await.map(|_| ()),
                None => Ok(()),
            }
        };
        let binding = manifests::rbac::learner_binding(spec, space, instance);
        let policy = manifests::network_policy::learner(spec, space, instance, &self.network());
        tokio::try_join!(
            apply::apply(self.namespaced(namespace), binding),
            apply::apply(self.namespaced(namespace), policy),
            quotas,
            limits,
        )?;
        Ok(())
    }

    async fn apply_extra_rights(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        let rights = manifests::rbac::extra_rights(spec, self.workbench_namespace());
        let rights = rights.map_err(|error| ClusterError::LabObject {
            object: "session.namespaces.security.rules".to_owned(),
            reason: error.to_string(),
        })?;
        let Some((role, binding)) = rights else { return Ok(()) };
        let namespace = &spec.names.namespace;
        apply::apply(self.namespaced(namespace), role).await?;
        apply::apply(self.namespaced(namespace), binding).await.map(drop)
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
