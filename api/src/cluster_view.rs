//! The cluster view: what runs in a session's namespaces, as its learner may see it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Defines [`ObjectKind`] with the names that the API server and people use.
macro_rules! object_kinds {
    ($($(#[$doc:meta])* $kind:ident = $plural:literal;)*) => {
        /// The kinds of objects that the view shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ObjectKind {
            $($(#[$doc])* $kind,)*
        }

        impl ObjectKind {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Returns the kind as Kubernetes writes it in objects.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            /// Returns the kind as it stands in addresses.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self {
                    $(Self::$kind => $plural,)*
                }
            }
        }
    };
}

object_kinds! {
    /// Pods of one template, replaced gradually when it changes.
    Deployment = "deployments";
    /// Pods with names and volumes of their own.
    StatefulSet = "statefulsets";
    /// A pod on each node.
    DaemonSet = "daemonsets";
    /// Runs at given times.
    CronJob = "cronjobs";
    /// Pods that run until they succeed.
    Job = "jobs";
    /// One version of a deployment.
    ReplicaSet = "replicasets";
    /// Containers that run together.
    Pod = "pods";
    /// An address for pods.
    Service = "services";
    /// Addresses of services outside of the cluster.
    Ingress = "ingresses";
    /// Settings.
    ConfigMap = "configmaps";
    /// Settings that few may read.
    Secret = "secrets";
    /// A volume that outlives pods.
    PersistentVolumeClaim = "persistentvolumeclaims";
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for ObjectKind {
    type Err = UnknownKind;

    /// Reads the plural that stands in addresses.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.plural() == text).ok_or(UnknownKind)
    }
}

/// How well an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does what it is for.
    Good,
    /// It has ended, as it should.
    Over,
    /// It is on its way.
    Working,
    /// It works in part, or something about it is doubtful.
    Warning,
    /// It does not work.
    Bad,
}

/// What an object's state is, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// How well it is.
    pub severity: Severity,
    /// The state in a word or two: `Running`, `ImagePullBackOff`.
    pub word: String,
    /// Why it is so, as a sentence for the learner, if there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How many of the pods that are wanted are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Those that are ready.
    pub ready: i32,
    /// Those that are wanted.
    pub wanted: i32,
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name, unique within the pod.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether it runs before the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub init: bool,
    /// Its state in a word: `Running`, `CrashLoopBackOff`.
    pub state: String,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was started again.
    pub restarts: i32,
}

/// An object as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterObject {
    /// Kind, namespace and name, joined by slashes.
    pub id: String,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Differs from that of an earlier object of this name.
    pub uid: String,
    /// Differs after every change of what is wanted of it, not of its state.
    pub version: String,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The id of the object that controls it, of whatever kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the cluster or Lectern made it, not the learner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_system: bool,
    /// How it is.
    pub condition: Condition,
    /// Its pods, for workloads; its containers, for pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// How often its containers were started again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: i32,
    /// Its containers, for pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// What else is worth knowing, each with its name: `("Ports", "80/TCP")`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterEvent {
    /// Differs from that of every other event.
    pub id: String,
    /// Its namespace.
    pub namespace: String,
    /// The id of the object that it is about.
    pub about: String,
    /// Whether it is a warning.
    pub is_warning: bool,
    /// The reason in one word: `FailedScheduling`.
    pub reason: String,
    /// What Kubernetes says.
    pub message: String,
    /// How often it happened.
    pub count: i32,
    /// When it happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<DateTime<Utc>>,
}

/// What a pod uses at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// In thousandths of a processor.
    pub cpu_millis: u64,
    /// In bytes.
    pub memory_bytes: u64,
}

/// `GET /api/v1/sessions/{id}/cluster/events`: what has changed since the last event of this kind, or everything in
/// the first one. The event's name is `changes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterChanges {
    /// The session's namespaces, the main one first; in the first event only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Objects that are new or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ClusterObject>,
    /// The ids of objects that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Events that are new or happened again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ClusterEvent>,
    /// The ids of events that are forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone_events: Vec<String>,
    /// What pods use, by their ids; absent if nothing new is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<BTreeMap<String, Usage>>,
    /// Whether all that there is has been sent once.
    pub is_complete: bool,
    /// Whether there are more objects than the view shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// Kinds that the learner may not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ObjectKind>,
}

/// `GET` and `PUT …/cluster/objects/{kind}/{namespace}/{name}`: an object's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectText {
    /// The object, without the record of who manages which field.
    pub yaml: String,
    /// Whether the values of a secret are left out, so that the text cannot be saved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_redacted: bool,
}

/// Query of `GET …/cluster/objects/{kind}/{namespace}/{name}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectQuery {
    /// Whether a secret's values are wanted.
    #[serde(default)]
    pub values: bool,
}

/// `PUT …/cluster/objects/{kind}/{namespace}/{name}`: an object's text as somebody edited it. It is refused if the object
/// has changed since the text was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditObject {
    /// The whole object.
    pub yaml: String,
}

/// Query of `DELETE …/cluster/objects/{kind}/{namespace}/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteQuery {
    /// The object that is meant; another one of the same name stays.
    #[serde(default)]
    pub uid: Option<String>,
}

/// Query of `GET …/cluster/pods/{namespace}/{name}/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Whose log; that of the pod's first container if absent.
    #[serde(default)]
    pub container: Option<String>,
    /// Whether the log of the run before the present one is wanted.
    #[serde(default)]
    pub previous: bool,
    /// How many lines of what there is already; the rest follows.
    #[serde(default)]
    pub tail: Option<u32>,
}

/// Some lines of a log, in order: the stream's event `lines`. It ends with an event `end`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLines {
    /// The lines, without their ends.
    pub lines: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_addresses_by_their_plural_and_nothing_else_is_one() {
        for kind in ObjectKind::ALL {
            assert_eq!(kind.plural().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("{:?}", kind.as_str()));
        }
        for other in ["", "nodes", "Pod", "pods/log", "../pods", "serviceaccounts", "roles"] {
            assert_eq!(other.parse::<ObjectKind>(), Err(UnknownKind), "{other}");
        }
    }

    #[test]
    fn what_is_worse_counts_as_more() {
        assert!(Severity::Bad > Severity::Warning && Severity::Warning > Severity::Good);
    }
}
