//! Installing the admission guard, with the settings that depend on the cluster.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::ListParams;
use kube::{Api, Client};

use super::manifests::{guard, guard::GuardSettings, priority};
use super::{ClusterConfig, ClusterError, apply};

/// Installs the guard. Returns the reason if it could not be installed: without the right to install it, or on a
/// cluster without admission policies, the server runs all the same.
pub(super) async fn install(
    client: &Client,
    config: &ClusterConfig,
    owner: &OwnerReference,
) -> Result<Option<String>, ClusterError> {
    let installed = async {
        let settings = settings(client, config).await?;
        let policies = guard::policies(&config.workbench_namespace, owner, &settings);
        // a policy without its binding does nothing, so it is safe to be interrupted in between
        futures::future::try_join_all(policies.into_iter().map(async |(policy, binding)| {
            apply::apply(Api::all(client.clone()), policy).await?;
            apply::apply(Api::all(client.clone()), binding).await
        }))
        .await
    };
    match installed.await {
        Ok(_) => Ok(None),
        Err(error @ (ClusterError::Refused { .. } | ClusterError::NotFound { .. })) => {
            tracing::error!(
                error = %error,
                "failed to install the admission guard, so learners can do what it would forbid"
            );
            Ok(Some(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

async fn settings(client: &Client, config: &ClusterConfig) -> Result<GuardSettings, ClusterError> {
    let all = ListParams::default();
    let (classes, nodes) = (Api::<PriorityClass>::all(client.clone()), Api::<Node>::all(client.clone()));
    let classes =
        async { classes.list(&all).await.map_err(|error| ClusterError::of(error, "list priority classes")) };
    let nodes = async { nodes.list(&all).await.map_err(|error| ClusterError::of(error, "list nodes")) };
    let (classes, nodes) = tokio::try_join!(classes, nodes)?;
    let default_class = classes.into_iter().find(|class| class.global_default == Some(true));
    Ok(GuardSettings {
        ingress_suffix: config.ingress_suffix.clone(),
        preview_domain: config.preview_domain.clone(),
        extended_resources: config.extended_resources.clone(),
        default_priority_class: default_class.and_then(|class| class.metadata.name),
        reserved_nodes: nodes.into_iter().filter(is_reserved).filter_map(|node| node.metadata.name).collect(),
    })
}

/// Returns whether a node is reserved for the cluster's own components.
fn is_reserved(node: &Node) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.into_iter().any(|taint| taint.key.starts_with("node-role.kubernetes.io/"))
}

/// Creates the priority class of workbenches. Returns whether the cluster has it; without it workbenches run with the
/// default priority.
pub(super) async fn workbench_class(client: &Client) -> Result<bool, ClusterError> {
    let classes: Api<PriorityClass> = Api::all(client.clone());
    match apply::apply(classes.clone(), priority::workbench()).await {
        Ok(_) => Ok(true),
        Err(error @ (ClusterError::Refused { .. } | ClusterError::NotFound { .. })) => {
            // a class that another release created cannot be changed, and is just as good
            let found = classes.get_opt(priority::WORKBENCH).await;
            let is_there = found.is_ok_and(|class| class.is_some());
            if !is_there {
                tracing::warn!(
                    error = %error,
                    "failed to create the priority class of workbenches, so they may be evicted before learners' own pods"
                );
            }
            Ok(is_there)
        }
        Err(error) => Err(error),
    }
}
