//! Writing objects: server-side apply under one field manager, and deletion that does not mind absence.

use std::fmt::Debug;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::{ClusterResourceScope, Resource};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cluster, ClusterError, manifests};

/// Who we are among the managers of fields.
pub(super) const FIELD_MANAGER: &str = "lectern";

/// Gives an object its wished state, taking over the fields that others hold.
///
/// Boxed, because objects are large and a session applies a dozen of them at once.
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

/// Deletes an object; one that is absent is as good as deleted. Does not wait for its finalizers.
pub(super) async fn delete<K>(api: &Api<K>, name: &str, params: &DeleteParams) -> Result<(), ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    match api.delete(name, params).await {
        Ok(_) => Ok(()),
        // gone already, or on its way
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

/// Makes what all workbenches share: their namespace, shut for what comes in, and their service account.
pub(super) async fn shared_objects(client: &Client, namespace: &str) -> Result<(), ClusterError> {
    apply(Api::all(client.clone()), manifests::namespace::workbenches(namespace)).await?;
    tokio::try_join!(
        apply(
            Api::namespaced(client.clone(), namespace),
            manifests::network_policy::default_deny_ingress(namespace)
        ),
        apply(Api::namespaced(client.clone(), namespace), manifests::rbac::workbench_account(namespace)),
    )?;
    Ok(())
}

/// Installs the admission guard. Without the right to do so, or on a cluster that knows no such policies, the
/// server runs all the same and says what is missing.
pub(super) async fn guard(client: &Client) -> Result<(), ClusterError> {
    let (policies, bindings) = (Api::all(client.clone()), Api::all(client.clone()));
    let (policy, binding) = (manifests::guard::policy(), manifests::guard::binding());
    let installed = async {
        apply(policies, policy).await?;
        apply(bindings, binding).await
    };
    match installed.await {
        Ok(_) => Ok(()),
        Err(error @ (ClusterError::Refused { .. } | ClusterError::NotFound { .. })) => {
            tracing::warn!(
                error = %error,
                "learners can widen their own network policies: the admission guard could not be installed"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}
