//! Homes that outlive their workbench pods: where the operator names a storage class, each session has a volume of
//! its own. Without one a home lives as long as its pod, and no longer.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client};

use super::provision::namespace_uid;
use super::wait::becomes;
use super::{Cluster, ClusterError, Progress, SessionSpec, manifests};

/// How long a volume may take to be made: longer than the minute for which Kubernetes' own parts look away after an API
/// server went down several times.
const BOUND_WITHIN: Duration = Duration::from_secs(150);
/// How long a claim that somebody deleted may take to go: as long as the pod that used it.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// What homes are made of.
pub(super) struct Homes {
    class: String,
    /// A claim gets its volume as soon as it is made. Else it waits for its pod, and the pod is not to wait for it.
    binds_at_once: bool,
}

impl Homes {
    /// Finds the storage class that the operator named, if any.
    ///
    /// # Errors
    /// When the cluster has no such class.
    pub(super) async fn find(client: &Client, class: Option<&str>) -> Result<Option<Self>, ClusterError> {
        let Some(class) = class else { return Ok(None) };
        let classes: Api<StorageClass> = Api::all(client.clone());
        let action = format!("look at the storage class {class}");
        let found = classes.get_opt(class).await.map_err(|error| ClusterError::of(error, &action))?;
        let Some(found) = found else {
            let all = classes.list_metadata(&ListParams::default()).await;
            let all = all.map_err(|error| ClusterError::of(error, "list the storage classes"))?;
            let known = all.items.into_iter().filter_map(|class| class.metadata.name).collect();
            return Err(ClusterError::NoStorageClass { class: class.to_owned(), known });
        };
        let binds_at_once = found.volume_binding_mode.as_deref() != Some("WaitForFirstConsumer");
        Ok(Some(Self { class: class.to_owned(), binds_at_once }))
    }
}

impl Cluster {
    /// Whether a home outlives its workbench pod.
    #[must_use]
    pub fn keeps_homes(&self) -> bool {
        self.shared.homes.is_some()
    }

    /// Makes the volume of a session's home where homes are kept; one that is there stays as it is, whatever the lab
    /// asks for by now. Gives the claim's name.
    pub(super) async fn apply_home<'a>(
        &self,
        spec: &'a SessionSpec,
        progress: Progress<'_>,
    ) -> Result<Option<&'a str>, ClusterError> {
        let Some(homes) = &self.shared.homes else { return Ok(None) };
        let claims = self.namespaced::<PersistentVolumeClaim>(self.workbench_namespace());
        let name = manifests::home::name(&spec.names);
        let action = format!("look at the claim {}/{name}", self.workbench_namespace());
        let mut found = claims.get_opt(name).await.map_err(|error| ClusterError::of(error, &action))?;
        if found.as_ref().is_some_and(|claim| claim.metadata.deletion_timestamp.is_some()) {
            // one that stays is told below
            becomes(&claims, name, |claim| claim.is_none(), GONE_WITHIN).await;
            found = None;
        }
        if found.is_none() {
            progress("Making room for your files");
            let namespace = self.apply_namespace(spec, &spec.namespaces()[0]).await?;
            let uid = namespace_uid(namespace)?;
            let claim = manifests::home::claim(spec, self.workbench_namespace(), &homes.class, &uid);
            found = Some(self.apply_workbench(claim).await?);
        }
        // a scheduler that sees a claim without a volume looks at its pod again only a second later
        if homes.binds_at_once
            && !is_bound(found.as_ref())
            && !becomes(&claims, name, is_bound, BOUND_WITHIN).await
        {
            let (class, waited_secs) = (homes.class.clone(), BOUND_WITHIN.as_secs());
            return Err(ClusterError::NoVolume { class, waited_secs });
        }
        Ok(Some(name))
    }
}

fn is_bound(claim: Option<&PersistentVolumeClaim>) -> bool {
    let phase = claim.and_then(|claim| claim.status.as_ref()?.phase.as_deref());
    phase == Some("Bound")
}
