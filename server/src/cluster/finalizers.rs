//! Removing finalizers that block the deletion of ended sessions' namespaces: a learner may put a finalizer on
//! anything, and no controller would ever remove it. The namespace, its volumes and its objects in the cluster's
//! database would stay for ever, outside every quota.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::{Cluster, ClusterError};

/// Finalizers that Kubernetes' own controllers remove if they can. They are removed here only as the last resort.
const OF_KUBERNETES: [&str; 6] = [
    "batch.kubernetes.io/job-tracking",
    "foregroundDeletion",
    "kubernetes.io/pvc-protection",
    "orphan",
    "service.kubernetes.io/load-balancer-cleanup",
    "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection",
];
/// The namespace condition that names the kinds of the remaining objects.
const CONTENT_REMAINING: &str = "NamespaceContentRemaining";

impl Cluster {
    /// Removes the finalizers of all objects left in a namespace that is being deleted, and kills its pods. Returns
    /// how many objects had finalizers to remove. The finalizers of Kubernetes' own controllers stay unless `all` is
    /// set. May be repeated.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer or forbids a change. The other kinds are processed all the same.
    pub async fn remove_finalizers(&self, namespace: &str, all: bool) -> Result<usize, ClusterError> {
        let action = format!("read the namespace {namespace}");
        let found = self.cluster_wide::<Namespace>().get_opt(namespace).await;
        let Some(found) = found.map_err(|error| ClusterError::of(error, &action))? else { return Ok(0) };
        if found.metadata.deletion_timestamp.is_none() {
            return Ok(0);
        }
        self.kill_pods(namespace).await?;
        let (mut changed, mut failed) = (0, None);
        // the namespace controller reports what else is left only once the pods are gone
        let pods = ApiResource::erase::<Pod>(&());
        let others = self.left_kinds(&found).await?.into_iter().filter(|kind| kind.plural != pods.plural);
        for resource in std::iter::once(pods.clone()).chain(others) {
            match self.strip(namespace, &resource, all).await {
                Ok(count) => changed += count,
                // go on with the other kinds
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(changed), Err)
    }

    /// Kills pods without their grace period, which their learner may have set to any length.
    async fn kill_pods(&self, namespace: &str) -> Result<(), ClusterError> {
        let pods = self.namespaced::<Pod>(namespace);
        let action = format!("list the pods of {namespace}");
        let left = pods.list_metadata(&ListParams::default()).await;
        for pod in left.map_err(|error| ClusterError::of(error, &action))? {
            let now = DeleteParams::default().grace_period(0);
            super::apply::delete(&pods, &pod.name_any(), &now).await?;
        }
        Ok(())
    }

    /// Returns the kinds of the remaining objects, from the namespace's conditions.
    async fn left_kinds(&self, namespace: &Namespace) -> Result<Vec<ApiResource>, ClusterError> {
        let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let named: Vec<_> = conditions
            .filter(|condition| condition.type_ == CONTENT_REMAINING && condition.status == "True")
            .flat_map(|condition| kinds_in(condition.message.as_deref().unwrap_or_default()))
            .collect();
        let mut groups: Vec<_> = named.iter().map(|(_, group)| group.clone()).collect();
        groups.sort();
        groups.dedup();
        let mut found = vec![];
        for group in groups {
            let action = format!("look up the kinds of {group:?}");
            let known = discovery::group(&self.client, &group).await;
            let known = known.map_err(|error| ClusterError::of(error, &action))?;
            let kinds = known.recommended_resources().into_iter().filter(|(resource, abilities)| {
                abilities.scope == Scope::Namespaced
                    && named.iter().any(|(plural, of)| *of == group && *plural == resource.plural)
            });
            found.extend(kinds.map(|(resource, _)| resource));
        }
        Ok(found)
    }

    /// Removes the finalizers of all objects of one kind. Returns how many objects had any to remove.
    async fn strip(&self, namespace: &str, resource: &ApiResource, all: bool) -> Result<usize, ClusterError> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
        let action = format!("remove the finalizers of {} in {namespace}", resource.plural);
        let left = api.list_metadata(&ListParams::default()).await;
        let left = left.map_err(|error| ClusterError::of(error, &action))?;
        let mut stripped = 0;
        for object in left {
            let before = object.metadata.finalizers.as_deref().unwrap_or_default();
            let kept: Vec<_> =
                before.iter().filter(|one| !all && OF_KUBERNETES.contains(&one.as_str())).collect();
            if kept.len() == before.len() {
                continue;
            }
            let patch = Patch::Merge(json!({"metadata": {"finalizers": kept}}));
            match api.patch_metadata(&object.name_any(), &PatchParams::default(), &patch).await {
                Ok(_) => stripped += 1,
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(ClusterError::of(error, &action)),
            }
        }
        Ok(stripped)
    }
}

/// Parses plural names and groups from a message such as `configmaps. has 1 resource instances, widgets.example.org
/// has 2 resource instances`.
fn kinds_in(message: &str) -> Vec<(String, String)> {
    let list = message.split_once(": ").map_or(message, |(_, list)| list);
    list.split(", ")
        .filter_map(|part| part.split_once(" has ")?.0.split_once('.'))
        .map(|(plural, group)| (plural.to_owned(), group.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespaces_conditions_name_what_is_left() {
        let message = "Some resources are remaining: configmaps. has 1 resource instances, widgets.example.org has 2 \
                       resource instances";
        let pair = |plural: &str, group: &str| (plural.to_owned(), group.to_owned());
        assert_eq!(kinds_in(message), [pair("configmaps", ""), pair("widgets", "example.org")]);
        assert!(kinds_in("All content successfully removed").is_empty());
    }
}
