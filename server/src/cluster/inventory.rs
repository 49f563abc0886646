//! The objects of sessions that exist in the cluster, from the shared watches. The reconciler uses it to find orphans
//! and deletions that hang.

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
    pub session: SessionId,
    pub name: String,
    pub created_at: Option<DateTime<Utc>>,
    /// When its deletion was requested; `None` if it is not being deleted.
    pub deleting_since: Option<DateTime<Utc>>,
    /// What its deletion waits for, as the namespace controller says.
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

/// The objects of one session that exist in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedSession {
    /// The session's id, from the objects' label.
    pub session: SessionId,
    pub namespaces: Vec<NamespaceStatus>,
    /// The session's workbench pods; one, unless something went wrong.
    pub workbenches: Vec<WorkbenchStatus>,
}

/// A deletion that takes too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckDeletion {
    pub session: SessionId,
    /// The object: `namespace lab-x` or `pod wb-x`.
    pub object: String,
    /// When the deletion was requested.
    pub since: DateTime<Utc>,
    /// What the deletion waits for, if the cluster says so.
    pub held_by: Option<String>,
}

impl Cluster {
    /// Lists the existing objects of all sessions of this installation, from the watches.
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

    /// Follows changes of workbenches and session namespaces, so that tests need not poll.
    #[must_use]
    pub fn follow_managed(&self) -> ManagedChanges {
        let watches = &self.shared.watches;
        ManagedChanges {
            namespaces: watches.namespaces.changes(),
            workbenches: watches.workbenches.changes(),
        }
    }

    /// Lists the session namespaces whose deletion was requested more than `timeout` before `now`, with the time of the
    /// request.
    #[must_use]
    pub fn list_hanging_namespaces(
        &self,
        now: DateTime<Utc>,
        timeout: Duration,
    ) -> Vec<(String, DateTime<Utc>)> {
        let late = |since: &DateTime<Utc>| (now - since).to_std().is_ok_and(|waited| waited > timeout);
        let all = self.shared.watches.namespaces.all().into_iter();
        all.filter_map(|one| Some((one.name.clone(), one.deleting_since.filter(late)?))).collect()
    }

    /// Lists unfinished deletions that were requested more than `timeout` before `now`.
    #[must_use]
    pub fn stuck_deletions(&self, now: DateTime<Utc>, timeout: Duration) -> Vec<StuckDeletion> {
        let late = |since: &DateTime<Utc>| (now - since).to_std().is_ok_and(|waited| waited > timeout);
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

/// Waits for changes of sessions' objects.
#[derive(Debug)]
pub struct ManagedChanges {
    namespaces: tokio::sync::watch::Receiver<u64>,
    workbenches: tokio::sync::watch::Receiver<u64>,
}

impl ManagedChanges {
    /// Waits for the next change since the last call. Returns false if the cluster was dropped.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.namespaces.changed() => changed.is_ok(),
            changed = self.workbenches.changed() => changed.is_ok(),
        }
    }
}

/// Converts a time of Kubernetes to the type that the rest of the server uses.
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
