//! What the watches of a view have seen, and the picture that it makes: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lectern_api::cluster_view::{ClusterEvent, ClusterObject, Condition, ObjectKind, Usage};

use super::causes::{self, Backing};
use super::digest::{Facts, Kept};
use super::snapshot::Snapshot;

/// Limit on a view's objects.
const MAX_OBJECTS: usize = 1500;
/// Limit on a view's events; the newest stay.
const MAX_EVENTS: usize = 400;

/// What a watch is for: a kind in a namespace, `None` for events.
pub(super) type Source = (Option<ObjectKind>, String);

/// What a watch saw.
pub(super) enum Seen {
    Object(Box<Facts>),
    Event(ClusterEvent),
    /// The object or event with this id is gone.
    Gone(String),
    /// All that there is has been shown: what is not among these ids is gone.
    All(BTreeSet<String>),
    /// The learner may not list this.
    Forbidden,
}

/// What is known of a session's namespaces.
#[derive(Default)]
pub(super) struct Model {
    namespaces: Vec<String>,
    facts: BTreeMap<String, Facts>,
    events: BTreeMap<String, Arc<ClusterEvent>>,
    usage: Option<Arc<BTreeMap<String, Usage>>>,
    pending: BTreeSet<Source>,
    left_out: BTreeSet<ObjectKind>,
    is_cut: bool,
    last: BTreeMap<String, Arc<ClusterObject>>,
}

impl Model {
    /// Returns an empty model that waits for these sources.
    pub(super) fn new(namespaces: Vec<String>, sources: impl IntoIterator<Item = Source>) -> Self {
        Self { namespaces, pending: sources.into_iter().collect(), ..Self::default() }
    }

    /// Takes in what a watch saw.
    pub(super) fn take(&mut self, source: &Source, seen: Seen) {
        match seen {
            Seen::Object(facts) => {
                if self.facts.len() >= MAX_OBJECTS && !self.facts.contains_key(&facts.object.id) {
                    self.is_cut = true;
                    return;
                }
                self.facts.insert(facts.object.id.clone(), *facts);
            }
            Seen::Event(event) => {
                self.events.insert(event.id.clone(), Arc::new(event));
                if self.events.len() > MAX_EVENTS {
                    let oldest =
                        self.events.values().min_by_key(|event| event.last_at).map(|one| one.id.clone());
                    oldest.map(|id| self.events.remove(&id));
                }
            }
            Seen::Gone(id) => {
                self.facts.remove(&id);
                self.events.remove(&id);
            }
            Seen::All(ids) => {
                self.pending.remove(source);
                match source {
                    (Some(kind), namespace) => self.facts.retain(|id, one| {
                        (one.object.kind, &one.object.namespace) != (*kind, namespace) || ids.contains(id)
                    }),
                    (None, namespace) => {
                        self.events.retain(|id, one| &one.namespace != namespace || ids.contains(id));
                    }
                }
            }
            Seen::Forbidden => {
                self.pending.remove(source);
                self.left_out.extend(source.0);
            }
        }
    }

    /// Takes in what pods use.
    pub(super) fn measure(&mut self, usage: BTreeMap<String, Usage>) {
        self.usage = Some(Arc::new(usage));
    }

    /// Returns the nodes on which the session's pods run.
    pub(super) fn nodes(&self) -> BTreeSet<String> {
        let pods = self.facts.values().filter_map(|one| match &one.kept {
            Kept::Pod(pod) => pod.spec.as_ref()?.node_name.clone(),
            _ => None,
        });
        pods.collect()
    }

    /// Returns the picture that all this makes.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        let objects: BTreeMap<_, _> = self
            .conditions()
            .into_iter()
            .filter_map(|(id, condition)| {
                let object = ClusterObject { condition, ..self.facts.get(&id)?.object.clone() };
                let known = self.last.get(&id).filter(|last| ***last == object);
                Some((id, known.cloned().unwrap_or_else(|| Arc::new(object))))
            })
            .collect();
        self.last.clone_from(&objects);
        Snapshot {
            namespaces: self.namespaces.clone(),
            objects,
            events: self.events.clone(),
            usage: self.usage.clone(),
            is_complete: self.pending.is_empty(),
            is_cut: self.is_cut,
            left_out: self.left_out.iter().copied().collect(),
        }
    }

    /// Returns the state of every object: pods first, then what makes them, then what leads to them.
    fn conditions(&self) -> BTreeMap<String, Condition> {
        let mut events: BTreeMap<&str, Vec<&ClusterEvent>> = BTreeMap::new();
        for event in self.events.values() {
            events.entry(&event.about).or_default().push(event);
        }
        for list in events.values_mut() {
            list.sort_by_key(|event| std::cmp::Reverse(event.last_at));
        }
        let about = |id: &str| events.get(id).map_or(&[][..], Vec::as_slice);
        let mut found = BTreeMap::new();
        for (id, one) in &self.facts {
            if let Kept::Pod(pod) = &one.kept {
                found.insert(id.clone(), causes::of_pod(pod, about(id)));
            }
        }
        let pods_below = self.pods_below();
        let mut makers = BTreeMap::new();
        for (id, one) in &self.facts {
            let below = pods_below.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            let pods: Vec<(&str, &Condition)> = below
                .iter()
                .filter_map(|pod| Some((self.facts.get(*pod)?.object.name.as_str(), found.get(*pod)?)))
                .collect();
            let state = match &one.kept {
                Kept::Workload { counts, refused } => {
                    causes::of_workload(*counts, refused.as_deref(), about(id), &pods)
                }
                Kept::Job(job) => causes::of_job(job, about(id), &pods),
                Kept::CronJob(job) => causes::of_cron_job(job, about(id)),
                Kept::Service(service) => causes::of_service(service, self.backing(&one.object)),
                Kept::Ingress(ingress) => causes::of_ingress(ingress, |name| {
                    let id = format!("Service/{}/{name}", one.object.namespace);
                    let service = self.facts.get(&id)?;
                    // one without a selector is somebody's own business
                    Some(self.backing(&service.object).unwrap_or(Backing { pods: 1, ready: 1 }))
                }),
                Kept::Claim(claim) => causes::of_claim(claim, about(id)),
                Kept::Settings => one.object.condition.clone(),
                Kept::Pod(_) => continue,
            };
            makers.insert(id.clone(), state);
        }
        found.extend(makers);
        found
    }

    /// Returns the pods below each workload, directly or below what it controls.
    fn pods_below(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, one) in &self.facts {
            if one.object.kind != ObjectKind::Pod {
                continue;
            }
            let mut owner = one.object.owner.as_deref();
            // a pod, its replica set, its deployment
            for _ in 0..3 {
                let Some(of) = owner else { break };
                below.entry(of).or_default().push(id);
                owner = self.facts.get(of).and_then(|of| of.object.owner.as_deref());
            }
        }
        below
    }

    /// Returns the pods behind a service; `None` if it selects none, or pods are not known.
    fn backing(&self, service: &ClusterObject) -> Option<Backing> {
        let Kept::Service(kept) = &self.facts.get(&service.id)?.kept else { return None };
        let selector = kept.spec.as_ref()?.selector.as_ref().filter(|selector| !selector.is_empty())?;
        if self.left_out.contains(&ObjectKind::Pod) {
            return None;
        }
        let mut backing = Backing::default();
        for one in self.facts.values() {
            let Kept::Pod(pod) = &one.kept else { continue };
            let labels = pod.metadata.labels.as_ref();
            let is_selected = one.object.namespace == service.namespace
                && selector
                    .iter()
                    .all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)));
            if is_selected {
                backing.pods += 1;
                backing.ready +=
                    usize::from(one.object.ready.is_some_and(|ready| ready.ready == ready.wanted));
            }
        }
        Some(backing)
    }
}

#[cfg(test)]
mod tests;
