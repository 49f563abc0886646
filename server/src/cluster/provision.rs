//! Creating a session's objects in at most two rounds: the namespace, then everything in it. The workbench waits for
//! neither, only for the volume of its home if homes are kept.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::{
    Cluster, ClusterError, Egress, LeftOut, NamespaceSpec, Progress, Refusal, SessionSpec, apply, manifests,
};

impl Cluster {
    /// Creates a session's objects in the cluster, or updates them to match `spec`. May be repeated at any time.
    ///
    /// Returns when every object is written, with those of the lab's objects that were left out. The workbench is then starting: [`Cluster::wait_for_workbench`] and
    /// [`Cluster::learner_kubeconfig`] may be called concurrently.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer or refuses an object. Objects written so far stay: call this
    /// again, or [`Cluster::deprovision`].
    pub async fn provision(
        &self,
        spec: &SessionSpec,
        progress: Progress<'_>,
    ) -> Result<Vec<LeftOut>, ClusterError> {
        progress("Creating your namespace");
        let begun = Instant::now();
        let ((workbench, ()), (learner, left_out)) = tokio::try_join!(
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
        Ok(left_out)
    }

    async fn apply_workbench_objects(
        &self,
        spec: &SessionSpec,
        progress: Progress<'_>,
    ) -> Result<(), ClusterError> {
        let instance = self.workbench_namespace();
        let pod = async {
            let placement = manifests::workbench::Placement {
                instance,
                default_image: &self.shared.config.workbench_image,
                home_claim: self.apply_home(spec, progress).await?,
                priority_class: self.shared.has_priority_class.then_some(manifests::priority::WORKBENCH),
            };
            self.apply_workbench(manifests::workbench::pod(spec, &placement)).await
        };
        // the policy only adds to what all workbenches may do, so the pod need not wait for it
        tokio::try_join!(
            pod,
            self.apply_workbench(manifests::network_policy::workbench(spec, instance)),
            self.refresh_shared_policy(),
        )?;
        Ok(())
    }

    /// Creates the learner's namespaces with their limits and rights, then the lab's own objects.
    async fn apply_learner_objects(&self, spec: &SessionSpec) -> Result<Vec<LeftOut>, ClusterError> {
        let without = self.apply_all_bounds(spec).await?;
        let mut left_out = self.apply_lab_objects(spec).await?;
        left_out.extend(without);
        Ok(left_out)
    }

    /// Applies the learner's namespaces, their account, and its limits and rights. Returns the rights that the lab adds,
    /// if they cannot be given.
    pub(super) async fn apply_all_bounds(&self, spec: &SessionSpec) -> Result<Option<LeftOut>, ClusterError> {
        let spaces = spec.namespaces();
        let main = async {
            let uid = namespace_uid(self.apply_namespace(spec, &spaces[0]).await?)?;
            let account = manifests::rbac::learner_account(spec, self.workbench_namespace(), &uid);
            let (_, without, ()) = tokio::try_join!(
                self.apply_workbench(account),
                self.apply_extra_rights(spec),
                self.apply_bounds(spec, &spaces[0])
            )?;
            self.apply_quotas(spec, &spaces[0]).await?;
            Ok::<_, ClusterError>(without)
        };
        let others = futures::future::try_join_all(spaces[1..].iter().map(async |space| {
            self.apply_namespace(spec, space).await?;
            self.apply_bounds(spec, space).await?;
            self.apply_quotas(spec, space).await
        }));
        let (without, _) = tokio::try_join!(main, others)?;
        Ok(without)
    }

    pub(super) async fn apply_namespace(
        &self,
        spec: &SessionSpec,
        space: &NamespaceSpec,
    ) -> Result<Namespace, ClusterError> {
        let namespace = manifests::namespace::learner(spec, space, self.workbench_namespace());
        apply::apply(self.cluster_wide(), namespace).await
    }

    /// Applies the rights, network policy and limits of one of the learner's namespaces, but not its quotas.
    async fn apply_bounds(&self, spec: &SessionSpec, space: &NamespaceSpec) -> Result<(), ClusterError> {
        let instance = self.workbench_namespace();
        let namespace = &space.name;
        let limits = manifests::limits::limit_range(spec, space, instance);
        let binding = manifests::rbac::learner_binding(spec, space, instance);
        let policy = manifests::network_policy::learner(spec, space, instance, &self.network());
        let apply_binding = async |binding| match binding {
            Some(binding) => apply::apply(self.namespaced(namespace), binding).await.map(drop),
            None => Ok(()),
        };
        tokio::try_join!(
            apply_binding(binding),
            apply::apply(self.namespaced(namespace), policy),
            apply_binding(manifests::rbac::lab_binding(spec, space, instance)),
            apply::apply(self.namespaced(namespace), limits),
        )?;
        Ok(())
    }

    /// Applies the quotas. They come last: until the first count of a new quota, no object of a kind that it counts is
    /// accepted.
    async fn apply_quotas(&self, spec: &SessionSpec, space: &NamespaceSpec) -> Result<(), ClusterError> {
        let quotas = manifests::quota::quotas(spec, space, self.workbench_namespace());
        let api: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> = self.namespaced(&space.name);
        futures::future::try_join_all(quotas.into_iter().map(|quota| apply::apply(api.clone(), quota)))
            .await
            .map(drop)
    }

    /// Gives the learner the rights that the lab adds. Returns them if that is not possible.
    async fn apply_extra_rights(&self, spec: &SessionSpec) -> Result<Option<LeftOut>, ClusterError> {
        let without = |detail: String| LeftOut {
            object: "further rights (session.namespaces.security.rules)".to_owned(),
            reason: "one of them is not a valid rule".to_owned(),
            detail: Some(detail),
        };
        let (role, binding) = match manifests::rbac::extra_rights(spec, self.workbench_namespace()) {
            Ok(Some(rights)) => rights,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(without(error.to_string()))),
        };
        let namespace = &spec.names.namespace;
        match apply::apply(self.namespaced(namespace), role).await {
            Err(ClusterError::Refused { message, refusal: Refusal::Other | Refusal::Escalation, .. }) => {
                return Ok(Some(without(message)));
            }
            applied => applied?,
        };
        apply::apply(self.namespaced(namespace), binding).await?;
        Ok(None)
    }

    /// Applies the workbenches' shared policies again if the addresses of the cluster's DNS, API server or nodes have
    /// changed.
    pub(super) async fn refresh_shared_policy(&self) -> Result<(), ClusterError> {
        let now = self.network();
        let mut applied = self.shared.applied_network.lock().await;
        if applied.as_ref() != Some(&now) {
            let policies = Egress::ALL.map(|reach| {
                let policy = manifests::network_policy::workbenches(reach, self.workbench_namespace(), &now);
                self.apply_workbench(policy)
            });
            futures::future::try_join_all(policies).await?;
            *applied = Some(now);
        }
        Ok(())
    }

    /// Applies the policies of running sessions again if the addresses of the cluster's DNS, API server or nodes have
    /// changed. Sends no request if they have not.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer; call this again.
    pub async fn refresh_network(&self) -> Result<(), ClusterError> {
        self.refresh_shared_policy().await?;
        let now = self.network();
        let mut compared = self.shared.compared_network.lock().await;
        if compared.as_ref() == Some(&now) {
            return Ok(());
        }
        let policies: Api<NetworkPolicy> = Api::all(self.client.clone());
        let ours = ListParams::default().labels(&manifests::labels::selector(self.workbench_namespace()));
        let found =
            policies.list(&ours).await.map_err(|error| ClusterError::of(error, "list network policies"))?;
        let stale =
            found.items.iter().filter(|policy| policy.name_any() == manifests::network_policy::LEARNER);
        let changed = stale.filter_map(|policy| manifests::network_policy::refreshed(policy, &now));
        for policy in changed {
            let namespace = policy.metadata.namespace.clone().unwrap_or_default();
            match apply::apply(self.namespaced(&namespace), policy).await {
                // its session ended meanwhile
                Ok(_) | Err(ClusterError::NotFound { .. } | ClusterError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        *compared = Some(now);
        Ok(())
    }
}

/// Returns the uid of a namespace that was just written, for the owner references of other objects.
pub(super) fn namespace_uid(namespace: Namespace) -> Result<String, ClusterError> {
    let name = namespace.metadata.name.unwrap_or_default();
    let action = format!("apply namespace {name}");
    namespace.metadata.uid.ok_or(ClusterError::Incomplete { action, missing: "its uid" })
}

async fn timed<T>(
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<(Duration, T), ClusterError> {
    let begun = Instant::now();
    let done = work.await?;
    Ok((begun.elapsed(), done))
}
