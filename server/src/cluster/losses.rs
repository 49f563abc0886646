//! Watching the platform's own objects in learners' namespaces, and reporting when one of them is deleted: without its
//! binding a learner is locked out, and without its quota or policy nothing limits them.
//!
//! There is one watch for each kind over all sessions, of metadata only.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use lectern_api::ids::SessionId;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use super::manifests::{self, labels, rbac};
use super::{Cluster, ClusterError, SessionNames, SessionSpec, apply};

/// Capacity of the channel of losses.
const LOSSES_KEPT: usize = 1024;
/// How many kinds are watched.
const KINDS: usize = 5;

/// The objects that exist, and a channel that reports when one is deleted.
pub(super) struct Losses {
    present: Mutex<HashMap<String, SessionId>>,
    lost: broadcast::Sender<SessionId>,
    /// For how many kinds the initial state is known.
    known: watch::Sender<usize>,
}

impl Losses {
    /// Starts the watches in `tasks`.
    pub(super) fn start(client: &Client, instance: &str, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let losses = Arc::new(Self {
            present: Mutex::default(),
            lost: broadcast::Sender::new(LOSSES_KEPT),
            known: watch::Sender::new(0),
        });
        let config = watcher::Config::default().labels(&labels::selector(instance));
        tasks.spawn(Arc::clone(&losses).follow::<ResourceQuota>(Api::all(client.clone()), config.clone()));
        tasks.spawn(Arc::clone(&losses).follow::<LimitRange>(Api::all(client.clone()), config.clone()));
        tasks.spawn(Arc::clone(&losses).follow::<NetworkPolicy>(Api::all(client.clone()), config.clone()));
        tasks.spawn(Arc::clone(&losses).follow::<Role>(Api::all(client.clone()), config.clone()));
        tasks.spawn(Arc::clone(&losses).follow::<RoleBinding>(Api::all(client.clone()), config));
        losses
    }

    fn present(&self) -> MutexGuard<'_, HashMap<String, SessionId>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, key: &str) {
        if let Some(session) = self.present().remove(key) {
            // a server without a reconciler has no receiver
            let _ = self.lost.send(session);
        }
    }

    async fn follow<K>(self: Arc<Self>, api: Api<PartialObjectMeta<K>>, config: watcher::Config)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let mut events = std::pin::pin!(watcher(api, config).default_backoff());
        let mut listed = HashSet::new();
        let mut is_first = true;
        let put = |object: &PartialObjectMeta<K>| {
            let key = key::<K>(&object.metadata);
            if let Some(session) = labels::session_of(&object.metadata) {
                self.present().insert(key.clone(), session);
            }
            key
        };
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(put(&object));
                }
                Ok(Event::InitDone) => {
                    let kind = format!("{}/", K::kind(&()));
                    let is_gone = |key: &&String| key.starts_with(&kind) && !listed.contains(*key);
                    let gone: Vec<_> = self.present().keys().filter(is_gone).cloned().collect();
                    gone.iter().for_each(|key| self.lose(key));
                    listed.clear();
                    if std::mem::take(&mut is_first) {
                        self.known.send_modify(|kinds| *kinds += 1);
                    }
                }
                Ok(Event::Apply(object)) => {
                    put(&object);
                }
                Ok(Event::Delete(object)) => self.lose(&key::<K>(&object.metadata)),
                Err(error) => {
                    tracing::warn!(k8s.kind = %K::kind(&()), error = %error, "a watch failed and is restarted");
                }
            }
        }
    }
}

fn key<K: Resource<DynamicType = ()>>(meta: &ObjectMeta) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    key_of(&K::kind(&()), &text(&meta.namespace), &text(&meta.name))
}

fn key_of(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind}/{namespace}/{name}")
}

/// Returns the keys of all objects that limit a session's learner or give them their rights.
fn bounds_of(spec: &SessionSpec, instance: &str) -> Vec<String> {
    let mut keys = vec![];
    for space in spec.namespaces() {
        let mut add = |kind: &str, name: &str| keys.push(key_of(kind, &space.name, name));
        for quota in manifests::quota::quotas(spec, &space, instance) {
            add("ResourceQuota", quota.metadata.name.as_deref().unwrap_or_default());
        }
        add("LimitRange", "lectern");
        add("NetworkPolicy", "lectern");
        if rbac::learner_binding(spec, &space, instance).is_some() {
            add("RoleBinding", rbac::BINDING);
        }
        if rbac::lab_binding(spec, &space, instance).is_some() {
            add("RoleBinding", rbac::LAB);
        }
    }
    if !spec.rules.is_empty() {
        keys.push(key_of("Role", &spec.names.namespace, rbac::EXTRA));
        keys.push(key_of("RoleBinding", &spec.names.namespace, rbac::EXTRA));
    }
    keys
}

impl Cluster {
    /// Follows the sessions that have lost one of these objects. Every session that ends is among them.
    #[must_use]
    pub fn follow_losses(&self) -> broadcast::Receiver<SessionId> {
        self.shared.watches.losses.lost.subscribe()
    }

    /// Waits until the watches know the initial state of all sessions' limits and rights.
    pub async fn wait_for_bounds(&self) {
        let mut known = self.shared.watches.losses.known.subscribe();
        // the sender lives as long as this cluster
        let _ = known.wait_for(|kinds| *kinds >= KINDS).await;
    }

    /// Lists the missing objects of a session's limits and rights, as the shared watches last saw them. Returns nothing
    /// until the watches know the initial state.
    #[must_use]
    pub fn list_missing_bounds(&self, spec: &SessionSpec) -> Vec<String> {
        let losses = &self.shared.watches.losses;
        if *losses.known.borrow() < KINDS {
            return vec![];
        }
        let present = losses.present();
        let wanted = bounds_of(spec, self.workbench_namespace());
        wanted.into_iter().filter(|key| !present.contains_key(key)).collect()
    }

    /// Applies all objects of a session's limits and rights again.
    ///
    /// # Errors
    /// Returns the errors of [`Cluster::provision`].
    pub async fn restore_bounds(&self, spec: &SessionSpec) -> Result<(), ClusterError> {
        self.apply_all_bounds(spec).await.map(drop)
    }

    /// Returns whether a session's learner still has the account in their own namespace that earlier releases created.
    #[must_use]
    pub fn has_earlier_account(&self, names: &SessionNames) -> bool {
        let key = key_of("RoleBinding", &names.namespace, rbac::LEARNER);
        self.shared.watches.losses.present().contains_key(&key)
    }

    /// Deletes that account and its bindings. Call this once the learner has a token of their current account.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer or forbids it.
    pub async fn remove_earlier_account(&self, names: &SessionNames) -> Result<(), ClusterError> {
        let background = kube::api::DeleteParams::background();
        for namespace in names.namespaces() {
            apply::delete(&self.namespaced::<RoleBinding>(namespace), rbac::LEARNER, &background).await?;
        }
        let accounts = self.namespaced::<k8s_openapi::api::core::v1::ServiceAccount>(&names.namespace);
        apply::delete(&accounts, rbac::LEARNER, &background).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_of_a_session_has_its_bounds() {
        let mut spec = SessionSpec::new(SessionId::new(), "seed".parse().unwrap());
        let bounds = bounds_of(&spec, "here");
        assert_eq!(bounds.len(), 7, "{bounds:?}");
        spec.rules = vec![serde_json::json!({})];
        assert_eq!(bounds_of(&spec, "here").len(), 9);
    }
}
