//! What the cluster holds of sessions, from the shared watches: for a reconciler that looks for orphans and for
//! deletions that hang.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use lectern_api::ids::SessionId;

use super::manifests::labels;
use super::{Cluster, WorkbenchStatus};

/// A session namespace as the watch last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceStatus {
    /// Its session.
    pub session: SessionId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Since when it is being deleted.
    pub deleting_since: Option<DateTime<Utc>>,
    /// What its deletion waits for, in the namespace controller's words.
    pub held_by: Option<String>,
}

impl NamespaceStatus {
    pub(super) fn of(namespace: &Namespace) -> Option<Self> {
        let meta = &namespace.metadata;
        let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let held_by = conditions
            .filter(|condition| condition.status == "True")
            .filter_map(|condition| condition.message.clone())
            .collect::<Vec<_>>()
            .join("; ");
        Some(Self {
            session: labels::session_of(meta)?,
            name: meta.name.clone()?,
            created_at: meta.creation_timestamp.as_ref().and_then(instant),
            deleting_since: meta.deletion_timestamp.as_ref().and_then(instant),
            held_by: (!held_by.is_empty()).then_some(held_by),
        })
    }
}

/// What the cluster holds of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedSession {
    /// The session, from the objects' label.
    pub session: SessionId,
    /// Its namespaces; one, unless something went wrong.
    pub namespaces: Vec<NamespaceStatus>,
    /// Its workbench pods; one, unless something went wrong.
    pub workbenches: Vec<WorkbenchStatus>,
}

/// A deletion that takes too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckDeletion {
    /// The session.
    pub session: SessionId,
    /// What hangs: `namespace lab-x` or `pod wb-x`.
    pub object: String,
    /// When its deletion was asked for.
    pub since: DateTime<Utc>,
    /// What it waits for, where the cluster says so.
    pub held_by: Option<String>,
}

impl Cluster {
    /// Lists what the cluster holds of all sessions of this installation. Asks the watches, not the cluster.
    #[must_use]
    pub fn list_managed(&self) -> Vec<ManagedSession> {
        let mut sessions: BTreeMap<SessionId, ManagedSession> = BTreeMap::new();
        let empty = |session| ManagedSession { session, namespaces: Vec::new(), workbenches: Vec::new() };
        for namespace in self.shared.watches.namespaces.all() {
            let entry = sessions.entry(namespace.session).or_insert_with(|| empty(namespace.session));
            entry.namespaces.push((*namespace).clone());
        }
        for workbench in self.shared.watches.workbenches.all() {
            let entry = sessions.entry(workbench.session).or_insert_with(|| empty(workbench.session));
            entry.workbenches.push((*workbench).clone());
        }
        sessions.into_values().collect()
    }

    /// Resolves when a workbench or a session namespace has come, changed or gone since the last call on the
    /// same [`ManagedChanges`].
    #[must_use]
    pub fn follow_managed(&self) -> ManagedChanges {
        let watches = &self.shared.watches;
        ManagedChanges {
            namespaces: watches.namespaces.changes(),
            workbenches: watches.workbenches.changes(),
        }
    }

    /// Lists the session namespaces whose deletion was asked for more than `patience` before `now`, with when it was.
    #[must_use]
    pub fn list_hanging_namespaces(
        &self,
        now: DateTime<Utc>,
        patience: Duration,
    ) -> Vec<(String, DateTime<Utc>)> {
        let late = |since: &DateTime<Utc>| (now - since).to_std().is_ok_and(|waited| waited > patience);
        let all = self.shared.watches.namespaces.all().into_iter();
        all.filter_map(|one| Some((one.name.clone(), one.deleting_since.filter(late)?))).collect()
    }

    /// Lists deletions that were asked for more than `patience` before `now`.
    #[must_use]
    pub fn stuck_deletions(&self, now: DateTime<Utc>, patience: Duration) -> Vec<StuckDeletion> {
        let late = |since: &DateTime<Utc>| (now - since).to_std().is_ok_and(|waited| waited > patience);
        let watches = &self.shared.watches;
        let namespaces = watches.namespaces.all().into_iter().filter_map(|one| {
            let since = one.deleting_since.filter(late)?;
            let (object, held_by) = (format!("namespace {}", one.name), one.held_by.clone());
            Some(StuckDeletion { session: one.session, object, since, held_by })
        });
        let pods = watches.workbenches.all().into_iter().filter_map(|one| {
            let since = one.deleting_since.filter(late)?;
            Some(StuckDeletion {
                session: one.session,
                object: format!("pod {}", one.name),
                since,
                held_by: None,
            })
        });
        namespaces.chain(pods).collect()
    }
}

/// Hears of changes to what the cluster holds.
#[derive(Debug)]
pub struct ManagedChanges {
    namespaces: tokio::sync::watch::Receiver<u64>,
    workbenches: tokio::sync::watch::Receiver<u64>,
}

impl ManagedChanges {
    /// Waits for the next change; false when the cluster was dropped.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.namespaces.changed() => changed.is_ok(),
            changed = self.workbenches.changed() => changed.is_ok(),
        }
    }
}

/// The same instant in the type that the rest of the server uses.
pub(super) fn instant(time: &Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(time.0.as_millisecond())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namespace_that_hangs_says_what_holds_it() {
        let namespace: Namespace = serde_json::from_value(json!({
            "metadata": {
                "name": "lab-x", "labels": {labels::SESSION: SessionId::new().to_string()},
                "deletionTimestamp": "2026-01-02T03:04:05Z",
            },
            "status": {"phase": "Terminating", "conditions": [
                {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all content deleted"},
                {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "finalizers: x in 1 instance"},
            ]},
        }))
        .unwrap();
        let status = NamespaceStatus::of(&namespace).unwrap();
        assert_eq!(status.held_by.as_deref(), Some("finalizers: x in 1 instance"));
        assert_eq!(status.deleting_since.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
    }
}
