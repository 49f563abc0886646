//! From an object as the API server sends it to what a view keeps of it. Values of secrets and config maps are not kept.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::api::DynamicObject;
use lectern_api::cluster_view::{ClusterEvent, ClusterObject, Condition, ObjectKind, Ready, Severity};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::inventory::instant;
use super::causes::PodCounts;

mod facts;

/// What a view keeps of an object.
pub(super) struct Facts {
    /// The object as lists show it, but for its state.
    pub(super) object: ClusterObject,
    pub(super) kept: Kept,
}

/// What the object's state is read from.
pub(super) enum Kept {
    Pod(Box<Pod>),
    Workload {
        counts: PodCounts,
        /// What its status says of pods that could not be created.
        refused: Option<String>,
    },
    Job(Box<Job>),
    CronJob(Box<CronJob>),
    Service(Box<Service>),
    Ingress(Box<Ingress>),
    Claim(Box<PersistentVolumeClaim>),
    /// Config maps and secrets, which are always as they should be.
    Settings,
}

/// Returns an object's id.
pub(super) fn id_of(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind}/{namespace}/{name}")
}

/// Reads an object. Returns `None` if it is none of this kind.
pub(super) fn digest(kind: ObjectKind, mut raw: DynamicObject) -> Option<Facts> {
    raw.metadata.managed_fields = None;
    let meta = raw.metadata.clone();
    let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true)).cloned();
    let mut found = facts::Found { version: version(&raw), ..facts::Found::default() };
    let kept = read(kind, raw, &mut found)?;
    Some(Facts { object: object(kind, meta, owner.as_ref(), found), kept })
}

fn object(
    kind: ObjectKind,
    meta: ObjectMeta,
    owner: Option<&OwnerReference>,
    found: facts::Found,
) -> ClusterObject {
    let (namespace, name) = (meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
    ClusterObject {
        id: id_of(kind.as_str(), &namespace, &name),
        owner: owner.map(|owner| id_of(&owner.kind, &namespace, &owner.name)),
        kind,
        is_system: found.is_system || is_of_the_cluster(kind, &name),
        namespace,
        name,
        uid: meta.uid.unwrap_or_default(),
        version: found.version,
        created_at: meta.creation_timestamp.as_ref().and_then(instant),
        condition: Condition { severity: Severity::Good, word: "Available".to_owned(), cause: None },
        ready: found.ready,
        restarts: found.containers.iter().map(|one| one.restarts).sum(),
        containers: found.containers,
        facts: found.facts,
    }
}

/// Returns a text that changes with what is wanted of an object: its generation, or a hash for kinds that have none.
fn version(raw: &DynamicObject) -> String {
    if let Some(generation) = raw.metadata.generation {
        return generation.to_string();
    }
    let mut hasher = DefaultHasher::new();
    for (member, value) in
        raw.data.as_object().into_iter().flatten().filter(|(member, _)| *member != "status")
    {
        (member, value.to_string()).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// What Kubernetes puts into every namespace.
fn is_of_the_cluster(kind: ObjectKind, name: &str) -> bool {
    kind == ObjectKind::ConfigMap && matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt")
}

fn read(kind: ObjectKind, raw: DynamicObject, found: &mut facts::Found) -> Option<Kept> {
    Some(match kind {
        ObjectKind::Pod => {
            let pod: Pod = typed(raw)?;
            found.add_pod(&pod);
            Kept::Pod(Box::new(pod))
        }
        ObjectKind::Deployment => {
            let one: Deployment = typed(raw)?;
            let (spec, status) = (one.spec.unwrap_or_default(), one.status.unwrap_or_default());
            found.add_template(spec.template.spec.as_ref());
            let conditions = status.conditions.unwrap_or_default();
            let refused = conditions
                .into_iter()
                .find(|one| one.type_ == "ReplicaFailure" && one.status == "True")
                .and_then(|one| one.message);
            found.workload(
                counts([
                    spec.replicas.or(Some(1)),
                    status.replicas,
                    status.ready_replicas,
                    status.updated_replicas,
                ]),
                refused,
            )
        }
        ObjectKind::ReplicaSet => {
            let one: ReplicaSet = typed(raw)?;
            let (spec, status) = (one.spec.unwrap_or_default(), one.status.unwrap_or_default());
            found.add_template(spec.template.as_ref().and_then(|template| template.spec.as_ref()));
            let refused = status
                .conditions
                .unwrap_or_default()
                .into_iter()
                .find(|one| one.type_ == "ReplicaFailure" && one.status == "True")
                .and_then(|one| one.message);
            let wanted = spec.replicas.or(Some(1));
            found.workload(counts([wanted, Some(status.replicas), status.ready_replicas, wanted]), refused)
        }
        ObjectKind::StatefulSet => {
            let one: StatefulSet = typed(raw)?;
            let (spec, status) = (one.spec.unwrap_or_default(), one.status.unwrap_or_default());
            found.add_template(spec.template.spec.as_ref());
            // right after its creation nothing has counted yet, and a set without a change has no updated ones
            let updated = status.updated_replicas.or(Some(status.replicas));
            found.workload(
                counts([spec.replicas.or(Some(1)), Some(status.replicas), status.ready_replicas, updated]),
                None,
            )
        }
        ObjectKind::DaemonSet => {
            let one: DaemonSet = typed(raw)?;
            let status = one.status.unwrap_or_default();
            found.add_template(one.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()));
            let (wanted, current) = (status.desired_number_scheduled, status.current_number_scheduled);
            found.workload(
                counts([
                    Some(wanted),
                    Some(current),
                    Some(status.number_ready),
                    status.updated_number_scheduled.or(Some(wanted)),
                ]),
                None,
            )
        }
        ObjectKind::Job => {
            let job: Job = typed(raw)?;
            found.add_job(&job);
            Kept::Job(Box::new(job))
        }
        ObjectKind::CronJob => {
            let job: CronJob = typed(raw)?;
            found.add_cron_job(&job);
            Kept::CronJob(Box::new(job))
        }
        ObjectKind::Service => {
            let service: Service = typed(raw)?;
            found.add_service(&service);
            Kept::Service(Box::new(service))
        }
        ObjectKind::Ingress => {
            let ingress: Ingress = typed(raw)?;
            found.add_ingress(&ingress);
            Kept::Ingress(Box::new(ingress))
        }
        ObjectKind::PersistentVolumeClaim => {
            let claim: PersistentVolumeClaim = typed(raw)?;
            found.add_claim(&claim);
            Kept::Claim(Box::new(claim))
        }
        ObjectKind::ConfigMap | ObjectKind::Secret => {
            found.add_settings(&raw.data);
            Kept::Settings
        }
    })
}

fn typed<K: DeserializeOwned>(raw: DynamicObject) -> Option<K> {
    let DynamicObject { metadata, data, .. } = raw;
    let Value::Object(mut members) = data else { return None };
    members.insert("metadata".to_owned(), json!(metadata));
    serde_json::from_value(Value::Object(members)).ok()
}

fn counts([wanted, current, ready, updated]: [Option<i32>; 4]) -> PodCounts {
    PodCounts {
        wanted: wanted.unwrap_or_default(),
        current: current.unwrap_or_default(),
        ready: ready.unwrap_or_default(),
        updated: updated.unwrap_or_default(),
    }
}

impl facts::Found {
    fn workload(&mut self, counts: PodCounts, refused: Option<String>) -> Kept {
        self.ready = Some(Ready { ready: counts.ready, wanted: counts.wanted });
        Kept::Workload { counts, refused }
    }
}

/// Reads an event. Returns `None` if it is none, or about nothing.
pub(super) fn digest_event(raw: DynamicObject) -> Option<ClusterEvent> {
    let event: Event = typed(raw)?;
    let about = event.involved_object;
    let series = event.series;
    let namespace = event.metadata.namespace?;
    let times = [
        series.as_ref().and_then(|series| series.last_observed_time.as_ref().map(|time| Time(time.0))),
        event.last_timestamp,
        event.event_time.map(|time| Time(time.0)),
        event.metadata.creation_timestamp,
    ];
    Some(ClusterEvent {
        id: event_id(&namespace, event.metadata.name.as_deref()?),
        about: id_of(&about.kind?, about.namespace.as_deref().unwrap_or(&namespace), &about.name?),
        namespace,
        is_warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        count: series.and_then(|series| series.count).or(event.count).unwrap_or(1),
        last_at: times.iter().flatten().find_map(instant),
    })
}

/// Returns an event's id.
pub(super) fn event_id(namespace: &str, name: &str) -> String {
    id_of("Event", namespace, name)
}

/// Returns the keys of an object's members of these names.
fn keys(data: &Value, members: &[&str]) -> Vec<String> {
    let maps = members.iter().filter_map(|member| data.get(*member)?.as_object());
    let keys: BTreeMap<&String, ()> = maps.flat_map(|map| map.keys()).map(|key| (key, ())).collect();
    keys.into_keys().cloned().collect()
}
