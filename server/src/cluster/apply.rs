//! Writing objects: server-side apply under one field manager, and deletion that accepts absent objects.

use std::fmt::Debug;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::{ClusterResourceScope, Resource};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::provision::namespace_uid;
use super::{Cluster, ClusterError, manifests};

/// The server's name as a field manager.
pub(super) const FIELD_MANAGER: &str = "lectern";

/// Applies the desired state of an object, taking over fields from other managers.
///
/// The future is boxed, because objects are large and a session applies a dozen of them at once.
pub(super) fn apply<K>(api: Api<K>, object: K) -> BoxFuture<'static, Result<K, ClusterError>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    async move {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let params = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(name, &params, &Patch::Apply(&object)).await.map_err(|error| {
            let described = describe(object.meta().namespace.as_deref(), name, &api);
            ClusterError::of(error, &format!("apply {described}"))
        })
    }
    .boxed()
}

/// Deletes an object if it exists. Does not wait for its finalizers.
pub(super) async fn delete<K>(api: &Api<K>, name: &str, params: &DeleteParams) -> Result<(), ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    match api.delete(name, params).await {
        Ok(_) => Ok(()),
        // already gone, or being deleted
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(error) => {
            Err(ClusterError::of(error, &format!("delete {}", describe(api.namespace(), name, api))))
        }
    }
}

fn describe<K: Resource<DynamicType = ()>>(namespace: Option<&str>, name: &str, _: &Api<K>) -> String {
    let kind = K::kind(&()).to_lowercase();
    namespace.map_or_else(|| format!("{kind} {name}"), |namespace| format!("{kind} {namespace}/{name}"))
}

impl Cluster {
    pub(super) fn namespaced<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(super) fn cluster_wide<K>(&self) -> Api<K>
    where
        K: Resource<Scope = ClusterResourceScope, DynamicType = ()>,
    {
        Api::all(self.client.clone())
    }

    /// Applies an object to the namespace of the workbenches.
    pub(super) fn apply_workbench<K>(&self, object: K) -> BoxFuture<'static, Result<K, ClusterError>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        apply(self.namespaced(self.workbench_namespace()), object)
    }
}

/// Creates what all workbenches share: their namespace, closed to incoming traffic, and their service account.
/// Returns the owner reference with which the cluster deletes other objects together with that namespace.
pub(super) async fn shared_objects(client: &Client, namespace: &str) -> Result<OwnerReference, ClusterError> {
    let made = apply(Api::all(client.clone()), manifests::namespace::workbenches(namespace)).await?;
    let uid = namespace_uid(made)?;
    tokio::try_join!(
        apply(
            Api::namespaced(client.clone(), namespace),
            manifests::network_policy::default_deny_ingress(namespace)
        ),
        apply(Api::namespaced(client.clone(), namespace), manifests::rbac::workbench_account(namespace)),
    )?;
    Ok(manifests::labels::owner_namespace(namespace, &uid))
}

/// Creates the cluster roles of learners.
pub(super) async fn learner_roles(
    client: &Client,
    instance: &str,
    owner: &OwnerReference,
) -> Result<(), ClusterError> {
    let (role, binding) = manifests::roles::cluster_wide(instance, owner);
    let roles = manifests::roles::learners(instance, owner).into_iter().chain([role]);
    let roles = roles.map(|role| apply(Api::all(client.clone()), role));
    tokio::try_join!(futures::future::try_join_all(roles), apply(Api::all(client.clone()), binding))?;
    Ok(())
}
