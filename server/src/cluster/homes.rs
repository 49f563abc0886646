//! Home directories that outlive their workbench pods: if the operator names a storage class, each session gets a
//! volume of its own. Without one a home is lost with its pod.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client};

use super::provision::namespace_uid;
use super::wait::wait_until;
use super::{Cluster, ClusterError, Progress, SessionSpec, manifests};

/// Timeout for a volume to be created: longer than the minute for which Kubernetes' controllers back off after the API
/// server has gone down several times.
const BIND_TIMEOUT: Duration = Duration::from_secs(150);
/// Timeout for a deleted claim to disappear, which takes as long as the pod that used it.
const DELETE_TIMEOUT: Duration = Duration::from_secs(30);

/// The storage class of homes.
pub(super) struct Homes {
    class: String,
    /// Whether a claim gets its volume as soon as it is created. Otherwise it waits for its pod, so the pod must not
    /// wait for the claim.
    binds_at_once: bool,
}

impl Homes {
    /// Finds the storage class that the operator named, if any.
    ///
    /// # Errors
    /// Returns an error if the cluster has no such class.
    pub(super) async fn find(client: &Client, class: Option<&str>) -> Result<Option<Self>, ClusterError> {
        let Some(class) = class else { return Ok(None) };
        let classes: Api<StorageClass> = Api::all(client.clone());
        let action = format!("read the storage class {class}");
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
    /// Returns whether homes outlive their workbench pods.
    #[must_use]
    pub fn keeps_homes(&self) -> bool {
        self.shared.homes.is_some()
    }

    /// Creates the volume of a session's home if homes are kept, and returns the claim's name. An existing volume
    /// stays as it is, even if the lab now asks for another size.
    pub(super) async fn apply_home<'a>(
        &self,
        spec: &'a SessionSpec,
        progress: Progress<'_>,
    ) -> Result<Option<&'a str>, ClusterError> {
        let Some(homes) = &self.shared.homes else { return Ok(None) };
        let claims = self.namespaced::<PersistentVolumeClaim>(self.workbench_namespace());
        let name = manifests::home::name(&spec.names);
        let action = format!("read the claim {}/{name}", self.workbench_namespace());
        let mut found = claims.get_opt(name).await.map_err(|error| ClusterError::of(error, &action))?;
        if found.as_ref().is_some_and(|claim| claim.metadata.deletion_timestamp.is_some()) {
            // if it does not disappear, the request below fails
            wait_until(&claims, name, |claim| claim.is_none(), DELETE_TIMEOUT).await;
            found = None;
        }
        if found.is_none() {
            progress("Creating storage for your files");
            let namespace = self.apply_namespace(spec, &spec.namespaces()[0]).await?;
            let uid = namespace_uid(namespace)?;
            let claim = manifests::home::claim(spec, self.workbench_namespace(), &homes.class, &uid);
            found = Some(self.apply_workbench(claim).await?);
        }
        // a scheduler that finds a claim without a volume retries its pod only a second later
        if homes.binds_at_once
            && !is_bound(found.as_ref())
            && !wait_until(&claims, name, is_bound, BIND_TIMEOUT).await
        {
            let (class, waited_secs) = (homes.class.clone(), BIND_TIMEOUT.as_secs());
            return Err(ClusterError::NoVolume { class, waited_secs });
        }
        Ok(Some(name))
    }
}

fn is_bound(claim: Option<&PersistentVolumeClaim>) -> bool {
    let phase = claim.and_then(|claim| claim.status.as_ref()?.phase.as_deref());
    phase == Some("Bound")
}
