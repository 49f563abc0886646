//! The shared watches: one each for workbench pods, session namespaces, nodes and the endpoints of DNS and API
//! server, and those of [`super::losses`]. Their number does not depend on the number of sessions.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::inventory::NamespaceStatus;
use super::losses::Losses;
use super::manifests::labels;
use super::network::{self, NetworkFacts, NodeRanges, ServiceEndpoints};
use super::workbench::WorkbenchStatus;
use super::{ClusterError, workbench};

/// Timeout for the initial state of all watches.
const INITIAL_STATE_TIMEOUT: Duration = Duration::from_secs(20);

/// The objects that a watch has last seen, each of which can be followed by itself.
pub(super) struct WatchCache<T> {
    entries: Mutex<HashMap<String, watch::Sender<Option<Arc<T>>>>>,
    changes: watch::Sender<u64>,
}

impl<T> WatchCache<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self { entries: Mutex::default(), changes: watch::Sender::new(0) })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<Arc<T>>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows one object, whether it exists yet or not.
    pub(super) fn follow(&self, name: &str) -> watch::Receiver<Option<Arc<T>>> {
        self.entries().entry(name.to_owned()).or_insert_with(|| watch::Sender::new(None)).subscribe()
    }

    /// Returns one object as it was last seen.
    pub(super) fn find(&self, name: &str) -> Option<Arc<T>> {
        self.entries().get(name).and_then(|sender| sender.borrow().clone())
    }

    /// Returns all objects that exist.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.entries().values().filter_map(|sender| sender.borrow().clone()).collect()
    }

    /// Returns a counter that grows with every change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn put(&self, name: String, state: T) {
        let state = Some(Arc::new(state));
        self.entries().entry(name).or_insert_with(|| watch::Sender::new(None)).send_replace(state);
        self.changes.send_modify(|count| *count += 1);
    }

    fn remove(&self, name: &str) {
        let mut entries = self.entries();
        if let Some(sender) = entries.get(name) {
            sender.send_replace(None);
        }
        // entries with followers stay, because the object may be created again
        entries.retain(|_, sender| sender.borrow().is_some() || sender.receiver_count() > 0);
        drop(entries);
        self.changes.send_modify(|count| *count += 1);
    }

    fn retain(&self, seen: &BTreeSet<String>) {
        let gone: Vec<String> = self
            .entries()
            .iter()
            .filter(|(name, sender)| !seen.contains(*name) && sender.borrow().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.remove(&name);
        }
    }
}

/// All shared watches. They run until this is dropped.
pub(super) struct Watches {
    pub(super) workbenches: Arc<WatchCache<WorkbenchStatus>>,
    pub(super) namespaces: Arc<WatchCache<NamespaceStatus>>,
    pub(super) losses: Arc<Losses>,
    endpoints: Arc<WatchCache<ServiceEndpoints>>,
    nodes: Arc<WatchCache<NodeRanges>>,
    service_ranges: Vec<IpNet>,
    service_addresses: Vec<ServiceEndpoints>,
    _tasks: JoinSet<()>,
}

impl Watches {
    pub(super) async fn start(client: &Client, instance: &str, server: &str) -> Result<Self, ClusterError> {
        let mut tasks = JoinSet::new();
        // nothing waits for the initial state of these: they matter only when an object of a session is deleted
        let losses = Losses::start(client, instance, &mut tasks);
        let (workbenches, namespaces) = (WatchCache::new(), WatchCache::new());
        let (endpoints, nodes) = (WatchCache::new(), WatchCache::new());
        let ours = watcher::Config::default().labels(&labels::selector(instance));
        let initial = [
            start_watch(
                &mut tasks,
                Api::<Pod>::namespaced(client.clone(), instance),
                ours.clone(),
                Arc::clone(&workbenches),
                workbench::status_of,
            ),
            start_watch(
                &mut tasks,
                Api::<Namespace>::all(client.clone()),
                ours,
                Arc::clone(&namespaces),
                NamespaceStatus::of,
            ),
            start_watch(
                &mut tasks,
                Api::<EndpointSlice>::all(client.clone()),
                watcher::Config::default().labels(network::ENDPOINTS_SELECTOR),
                Arc::clone(&endpoints),
                ServiceEndpoints::of_slice,
            ),
        ];
        let initial_nodes = start_watch(
            &mut tasks,
            Api::<Node>::all(client.clone()),
            watcher::Config::default(),
            Arc::clone(&nodes),
            NodeRanges::of_node,
        );
        let all = async {
            let (service_addresses, service_ranges, seen, seen_nodes) = tokio::join!(
                network::service_addresses(client),
                network::service_ranges(client),
                futures::future::join_all(initial),
                initial_nodes
            );
            match seen_nodes {
                Ok(Ok(())) => {}
                // on a shared cluster the server may lack the right to see nodes
                Ok(Err(error)) if is_forbidden(&error) => tracing::warn!(
                    "the server lacks the right to list and watch nodes, so learners can reach nodes that have public \
                     addresses; grant it that right, or name the addresses with --deny-egress"
                ),
                Ok(Err(error)) => return Err(watch_error(error)),
                Err(_) => return Err(no_initial_state(server)),
            }
            for result in seen {
                match result {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(watch_error(error)),
                    Err(_) => return Err(no_initial_state(server)),
                }
            }
            Ok((service_addresses?, service_ranges?))
        };
        let (service_addresses, service_ranges) = tokio::time::timeout(INITIAL_STATE_TIMEOUT, all)
            .await
            .map_err(|_| no_initial_state(server))??;
        Ok(Self {
            workbenches,
            namespaces,
            losses,
            endpoints,
            nodes,
            service_ranges,
            service_addresses,
            _tasks: tasks,
        })
    }

    /// Returns the API server's URL as pods reach it.
    pub(super) fn api_server_url(&self) -> Option<String> {
        network::api_server_url(&self.service_addresses)
    }

    pub(super) fn network(&self, denied_cidrs: &[IpNet]) -> NetworkFacts {
        let (slices, nodes) = (self.endpoints.all(), self.nodes.all());
        let denied = nodes.iter().flat_map(|node| &node.0).chain(&self.service_ranges).chain(denied_cidrs);
        NetworkFacts::new(slices.iter().map(AsRef::as_ref).chain(&self.service_addresses), denied.copied())
    }
}

pub(super) fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.is_forbidden(),
        _ => false,
    }
}

fn no_initial_state(server: &str) -> ClusterError {
    ClusterError::Incomplete {
        action: format!("the first watches at {server}"),
        missing: "the current state",
    }
}

fn watch_error(error: watcher::Error) -> ClusterError {
    let action = "watch workbenches, namespaces, endpoints and nodes";
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => ClusterError::of(error, action),
        watcher::Error::WatchError(status) => ClusterError::of(kube::Error::Api(status), action),
        watcher::Error::NoResourceVersion => {
            ClusterError::Incomplete { action: action.to_owned(), missing: "a resource version" }
        }
    }
}

/// Starts one watch, which keeps of each object what `digest` returns. The receiver gets a message when the initial
/// state is complete, or the first error before that.
fn start_watch<K, T>(
    tasks: &mut JoinSet<()>,
    api: Api<K>,
    config: watcher::Config,
    cache: Arc<WatchCache<T>>,
    digest: fn(&K) -> Option<T>,
) -> oneshot::Receiver<Result<(), watcher::Error>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Send + Sync + 'static,
{
    let (initial_sender, initial) = oneshot::channel();
    tasks.spawn(async move {
        let mut pending = Some(initial_sender);
        let mut seen = BTreeSet::new();
        let put = |object: &K| {
            let key = key_of(object);
            match digest(object) {
                Some(state) => cache.put(key.clone(), state),
                None => cache.remove(&key),
            }
            key
        };
        let mut events = std::pin::pin!(watcher(api, config).default_backoff());
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => seen.clear(),
                Ok(Event::InitApply(object)) => {
                    seen.insert(put(&object));
                }
                Ok(Event::InitDone) => {
                    cache.retain(&seen);
                    seen.clear();
                    if let Some(initial) = pending.take() {
                        drop(initial.send(Ok(())));
                    }
                }
                Ok(Event::Apply(object)) => {
                    put(&object);
                }
                Ok(Event::Delete(object)) => cache.remove(&key_of(&object)),
                Err(error) => {
                    let kind = K::kind(&());
                    tracing::warn!(k8s.kind = %kind, error = %error, "a watch failed and is restarted");
                    if let Some(initial) = pending.take() {
                        drop(initial.send(Err(error)));
                    }
                }
            }
        }
    });
    initial
}

/// Returns an object's name, prefixed with its namespace if it has one.
fn key_of<K: Resource>(object: &K) -> String {
    let meta = object.meta();
    let name = meta.name.as_deref().unwrap_or_default();
    match meta.namespace.as_deref() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_follower_hears_of_an_object_that_comes_later_and_goes_again() {
        let cache = WatchCache::<u32>::new();
        let mut follower = cache.follow("ns/a");
        assert!(follower.borrow_and_update().is_none());
        cache.put("ns/a".to_owned(), 7);
        follower.changed().await.unwrap();
        assert_eq!(follower.borrow_and_update().as_deref(), Some(&7));
        cache.retain(&BTreeSet::new());
        follower.changed().await.unwrap();
        assert!(follower.borrow_and_update().is_none());
        assert!(cache.all().is_empty());
    }

    #[test]
    fn what_is_gone_and_not_followed_takes_no_memory() {
        let cache = WatchCache::<u32>::new();
        for n in 0..100 {
            cache.put(format!("ns/{n}"), n);
        }
        cache.retain(&BTreeSet::from(["ns/5".to_owned()]));
        assert_eq!(cache.entries().len(), 1);
    }
}
