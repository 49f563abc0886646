//! The shared watches: one each for workbench pods, session namespaces and the addresses of DNS and API server, and
//! those of [`super::losses`], however many sessions there are.

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

/// How long the first state of all watches may take.
const FIRST_STATE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a watch has last seen: one entry per object, which can be awaited one by one.
pub(super) struct Board<T> {
    entries: Mutex<HashMap<String, watch::Sender<Option<Arc<T>>>>>,
    changes: watch::Sender<u64>,
}

impl<T> Board<T> {
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

    /// One object as it was last seen.
    pub(super) fn find(&self, name: &str) -> Option<Arc<T>> {
        self.entries().get(name).and_then(|sender| sender.borrow().clone())
    }

    /// All objects that exist.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.entries().values().filter_map(|sender| sender.borrow().clone()).collect()
    }

    /// Counts up with every change.
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
        // whoever follows an object that is gone keeps the entry alive, should it come back
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
    pub(super) workbenches: Arc<Board<WorkbenchStatus>>,
    pub(super) namespaces: Arc<Board<NamespaceStatus>>,
    pub(super) losses: Arc<Losses>,
    endpoints: Arc<Board<ServiceEndpoints>>,
    nodes: Arc<Board<NodeRanges>>,
    service_ranges: Vec<IpNet>,
    service_addresses: Vec<ServiceEndpoints>,
    _tasks: JoinSet<()>,
}

impl Watches {
    pub(super) async fn start(client: &Client, instance: &str, server: &str) -> Result<Self, ClusterError> {
        let mut tasks = JoinSet::new();
        // nobody waits for these: a session needs them only when something of its goes
        let losses = Losses::start(client, instance, &mut tasks);
        let (workbenches, namespaces) = (Board::new(), Board::new());
        let (endpoints, nodes) = (Board::new(), Board::new());
        let ours = watcher::Config::default().labels(&labels::selector(instance));
        let first = [
            watch_board(
                &mut tasks,
                Api::<Pod>::namespaced(client.clone(), instance),
                ours.clone(),
                Arc::clone(&workbenches),
                workbench::status_of,
            ),
            watch_board(
                &mut tasks,
                Api::<Namespace>::all(client.clone()),
                ours,
                Arc::clone(&namespaces),
                NamespaceStatus::of,
            ),
            watch_board(
                &mut tasks,
                Api::<EndpointSlice>::all(client.clone()),
                watcher::Config::default().labels(network::ENDPOINTS_SELECTOR),
                Arc::clone(&endpoints),
                ServiceEndpoints::of_slice,
            ),
        ];
        let first_nodes = watch_board(
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
                futures::future::join_all(first),
                first_nodes
            );
            match seen_nodes {
                Ok(Ok(())) => {}
                // who runs the platform on a part of a cluster may not be let see its nodes
                Ok(Err(error)) if is_forbidden(&error) => tracing::warn!(
                    "the server may not list and watch nodes: learners can reach public addresses that nodes have; \
                     give it that right, or name the addresses with --deny-egress"
                ),
                Ok(Err(error)) => return Err(watch_error(error)),
                Err(_) => return Err(no_first_state(server)),
            }
            for result in seen {
                match result {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(watch_error(error)),
                    Err(_) => return Err(no_first_state(server)),
                }
            }
            Ok((service_addresses?, service_ranges?))
        };
        let (service_addresses, service_ranges) =
            tokio::time::timeout(FIRST_STATE_TIMEOUT, all).await.map_err(|_| no_first_state(server))??;
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

    /// The API server's address as pods reach it.
    pub(super) fn api_server_url(&self) -> Option<String> {
        network::api_server_url(&self.service_addresses)
    }

    pub(super) fn network(&self, denied_cidrs: &[IpNet]) -> NetworkFacts {
        let (slices, nodes) = (self.endpoints.all(), self.nodes.all());
        let denied = nodes.iter().flat_map(|node| &node.0).chain(&self.service_ranges).chain(denied_cidrs);
        NetworkFacts::new(slices.iter().map(AsRef::as_ref).chain(&self.service_addresses), denied.copied())
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}

fn no_first_state(server: &str) -> ClusterError {
    ClusterError::Incomplete {
        action: format!("the first watches at {server}"),
        missing: "the present state",
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

/// Starts one watch; the receiver hears when the first whole state is there, or what prevents it.
fn watch_board<K, T>(
    tasks: &mut JoinSet<()>,
    api: Api<K>,
    config: watcher::Config,
    board: Arc<Board<T>>,
    digest: fn(&K) -> Option<T>,
) -> oneshot::Receiver<Result<(), watcher::Error>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Send + Sync + 'static,
{
    let (first_sender, first) = oneshot::channel();
    tasks.spawn(async move {
        let mut first = Some(first_sender);
        let mut seen = BTreeSet::new();
        let put = |object: &K| {
            let key = key_of(object);
            match digest(object) {
                Some(state) => board.put(key.clone(), state),
                None => board.remove(&key),
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
                    board.retain(&seen);
                    seen.clear();
                    if let Some(first) = first.take() {
                        drop(first.send(Ok(())));
                    }
                }
                Ok(Event::Apply(object)) => {
                    put(&object);
                }
                Ok(Event::Delete(object)) => board.remove(&key_of(&object)),
                Err(error) => {
                    let kind = K::kind(&());
                    tracing::warn!(k8s.kind = %kind, error = %error, "a watch broke off and is taken up again");
                    if let Some(first) = first.take() {
                        drop(first.send(Err(error)));
                    }
                }
            }
        }
    });
    first
}

/// An object's name, behind its namespace where it is not ours to choose.
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
        let board = Board::<u32>::new();
        let mut follower = board.follow("ns/a");
        assert!(follower.borrow_and_update().is_none());
        board.put("ns/a".to_owned(), 7);
        follower.changed().await.unwrap();
        assert_eq!(follower.borrow_and_update().as_deref(), Some(&7));
        board.retain(&BTreeSet::new());
        follower.changed().await.unwrap();
        assert!(follower.borrow_and_update().is_none());
        assert!(board.all().is_empty());
    }

    #[test]
    fn what_is_gone_and_not_followed_takes_no_memory() {
        let board = Board::<u32>::new();
        for n in 0..100 {
            board.put(format!("ns/{n}"), n);
        }
        board.retain(&BTreeSet::from(["ns/5".to_owned()]));
        assert_eq!(board.entries().len(), 1);
    }
}
