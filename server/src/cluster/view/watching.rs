//! The watches of a view: started for its first viewer, shared by all, stopped with the last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use lectern_api::cluster_view::{ObjectKind, Usage};
use lectern_api::ids::SessionId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::super::watches::is_forbidden;
use super::super::{Cluster, ClusterError, SessionNames};
use super::digest::{digest, digest_event, event_id, id_of};
use super::model::{Model, Seen, Source};
use super::snapshot::Snapshot;
use super::{kinds, usage};

/// The maximum number of sessions whose cluster is being viewed on this server: each has a connection for every kind.
const MAX_VIEWS: usize = 200;
/// Capacity of the queue from a view's watches to its model.
const QUEUED: usize = 256;
/// How long changes are gathered before there is a new picture.
const GATHERED: Duration = Duration::from_millis(120);
/// How often it is measured what pods use.
const MEASURED_EVERY: Duration = Duration::from_secs(15);

/// The clusters of too many sessions are being viewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this server already shows the clusters of {MAX_VIEWS} sessions, which is its limit; try again later"
)]
pub struct TooManyViews;

/// The views of this server. They hold nothing themselves: a view lives as long as a viewer.
#[derive(Default)]
pub(in super::super) struct Views(Mutex<HashMap<SessionId, Weak<Running>>>);

/// A viewer's share of a view.
#[derive(Clone)]
pub struct View(Arc<Running>);

/// What runs for a view, until it is dropped.
struct Running {
    pictures: watch::Receiver<Arc<Snapshot>>,
    _tasks: JoinSet<()>,
}

impl View {
    /// Follows the pictures of the session's namespaces.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.pictures.clone()
    }
}

impl Cluster {
    /// Returns the view of a session, which is started if nobody looks at the session yet.
    ///
    /// # Errors
    /// Returns an error if the clusters of too many sessions are being viewed.
    pub fn view_session(&self, names: &SessionNames) -> Result<Result<View, TooManyViews>, ClusterError> {
        let mut views = self.shared.views.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|_, view| view.strong_count() > 0);
        if let Some(running) = views.get(&names.session).and_then(Weak::upgrade) {
            return Ok(Ok(View(running)));
        }
        if views.len() >= MAX_VIEWS {
            return Ok(Err(TooManyViews));
        }
        let running = Arc::new(self.start_view(names)?);
        views.insert(names.session, Arc::downgrade(&running));
        Ok(Ok(View(running)))
    }

    fn start_view(&self, names: &SessionNames) -> Result<Running, ClusterError> {
        // the threads that serve requests may end before the view does
        let runtime: &Handle = &self.shared.runtime;
        let _entered = runtime.enter();
        let client = self.as_learner(names)?;
        let namespaces: Vec<String> = names.namespaces().map(str::to_owned).collect();
        let all = || ObjectKind::ALL.iter().copied().map(Some).chain([None]);
        let sources: Vec<Source> =
            namespaces.iter().flat_map(|namespace| all().map(|kind| (kind, namespace.clone()))).collect();
        let model = Model::new(namespaces.clone(), sources.iter().cloned());
        let (seen, queue) = mpsc::channel(QUEUED);
        let (pictures, follower) = watch::channel(Arc::new(Snapshot { namespaces, ..Snapshot::default() }));
        let mut tasks = JoinSet::new();
        for source in sources {
            tasks.spawn_on(watch_source(client.clone(), source, seen.clone()), runtime);
        }
        let (nodes, on_nodes) = watch::channel(BTreeSet::new());
        let meter = usage::Meter::new(self.clone(), client, names);
        tasks.spawn_on(keep_measuring(meter, on_nodes, seen), runtime);
        tasks.spawn_on(draw(model, queue, pictures, nodes), runtime);
        Ok(Running { pictures: follower, _tasks: tasks })
    }
}

/// What changes the model.
enum Report {
    Seen(Source, Seen),
    Measured(BTreeMap<String, Usage>),
}

/// Watches one kind in one namespace until nobody wants to know, or the learner may not.
async fn watch_source(client: Client, source: Source, seen: mpsc::Sender<Report>) {
    let resource = source.0.map_or_else(kinds::events, kinds::resource);
    let api: Api<DynamicObject> = Api::namespaced_with(client, &source.1, &resource);
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        let report = match event {
            Ok(Event::Init) => {
                listed.clear();
                None
            }
            Ok(Event::InitApply(object)) => {
                listed.insert(id(&source, &object));
                read(&source, object)
            }
            Ok(Event::InitDone) => Some(Seen::All(std::mem::take(&mut listed))),
            Ok(Event::Apply(object)) => read(&source, object),
            Ok(Event::Delete(object)) => Some(Seen::Gone(id(&source, &object))),
            Err(error) if is_forbidden(&error) => {
                // asked again when somebody looks again
                drop(seen.send(Report::Seen(source, Seen::Forbidden)).await);
                return;
            }
            Err(error) => {
                let kind = source.0.map_or("Event", ObjectKind::as_str);
                tracing::debug!(k8s.kind = kind, error = %error, "a watch of a view failed and is restarted");
                None
            }
        };
        if let Some(report) = report
            && seen.send(Report::Seen(source.clone(), report)).await.is_err()
        {
            return;
        }
    }
}

fn id((kind, namespace): &Source, object: &DynamicObject) -> String {
    match kind {
        Some(kind) => id_of(kind.as_str(), namespace, &object.name_any()),
        None => event_id(namespace, &object.name_any()),
    }
}

fn read(source: &Source, object: DynamicObject) -> Option<Seen> {
    match source.0 {
        Some(kind) => digest(kind, object).map(|facts| Seen::Object(Box::new(facts))),
        None => digest_event(object).map(Seen::Event),
    }
}

/// Measures what pods use now and then, as long as the session has pods on nodes.
async fn keep_measuring(
    mut meter: usage::Meter,
    mut nodes: watch::Receiver<BTreeSet<String>>,
    seen: mpsc::Sender<Report>,
) {
    let mut measuring = interval(MEASURED_EVERY);
    measuring.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Ok(nodes) = nodes.wait_for(|nodes| !nodes.is_empty()).await.map(|nodes| nodes.clone()) else {
            return;
        };
        measuring.tick().await;
        if let Some(usage) = meter.measure(&nodes).await
            && seen.send(Report::Measured(usage)).await.is_err()
        {
            return;
        }
    }
}

/// Draws a new picture whenever something has changed, at most every [`GATHERED`].
async fn draw(
    mut model: Model,
    mut queue: mpsc::Receiver<Report>,
    pictures: watch::Sender<Arc<Snapshot>>,
    nodes: watch::Sender<BTreeSet<String>>,
) {
    while let Some(report) = queue.recv().await {
        take(&mut model, report);
        let gathered = tokio::time::sleep(GATHERED);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                () = &mut gathered => break,
                Some(report) = queue.recv() => take(&mut model, report),
            }
        }
        pictures.send_replace(Arc::new(model.snapshot()));
        let on = model.nodes();
        nodes.send_if_modified(|known| std::mem::replace(known, on.clone()) != on);
    }
}

fn take(model: &mut Model, report: Report) {
    match report {
        Report::Seen(source, seen) => model.take(&source, seen),
        Report::Measured(usage) => model.measure(usage),
    }
}
