//! The picture of a session's namespaces at one moment, and what differs between two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lectern_api::cluster_view::{ClusterChanges, ClusterEvent, ClusterObject, ObjectKind, Usage};

/// A picture of a session's namespaces. What did not change is shared with the picture before.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The session's namespaces, the main one first.
    pub namespaces: Vec<String>,
    pub objects: BTreeMap<String, Arc<ClusterObject>>,
    pub events: BTreeMap<String, Arc<ClusterEvent>>,
    /// What pods use, by their ids; `None` if nobody measures that here.
    pub usage: Option<Arc<BTreeMap<String, Usage>>>,
    /// Whether all watches have shown what there is.
    pub is_complete: bool,
    /// Whether there are more objects than a view keeps.
    pub is_cut: bool,
    /// Kinds that the learner may not list.
    pub left_out: Vec<ObjectKind>,
}

impl Snapshot {
    /// Returns what has changed since an earlier picture; everything for `None`.
    #[must_use]
    pub fn changes_since(&self, earlier: Option<&Self>) -> ClusterChanges {
        let nothing = Self::default();
        let before = earlier.unwrap_or(&nothing);
        let is_new_usage = match (&self.usage, &before.usage) {
            (Some(now), Some(then)) => !Arc::ptr_eq(now, then),
            (now, _) => now.is_some(),
        };
        ClusterChanges {
            namespaces: if earlier.is_none() { self.namespaces.clone() } else { Vec::new() },
            objects: changed(&self.objects, &before.objects),
            gone: gone(&self.objects, &before.objects),
            events: changed(&self.events, &before.events),
            gone_events: gone(&self.events, &before.events),
            usage: self.usage.as_deref().filter(|_| is_new_usage).cloned(),
            is_complete: self.is_complete,
            is_cut: self.is_cut,
            left_out: self.left_out.clone(),
        }
    }

    /// Returns whether a viewer who has seen another picture sees anything new in this one.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        let changes = self.changes_since(Some(other));
        let is_same = ClusterChanges {
            is_complete: other.is_complete,
            is_cut: other.is_cut,
            left_out: other.left_out.clone(),
            ..ClusterChanges::default()
        };
        changes != is_same
    }
}

fn changed<T: Clone>(now: &BTreeMap<String, Arc<T>>, before: &BTreeMap<String, Arc<T>>) -> Vec<T> {
    let is_new = |(id, one): &(&String, &Arc<T>)| before.get(*id).is_none_or(|old| !Arc::ptr_eq(old, one));
    now.iter().filter(is_new).map(|(_, one)| T::clone(one)).collect()
}

fn gone<T>(now: &BTreeMap<String, Arc<T>>, before: &BTreeMap<String, Arc<T>>) -> Vec<String> {
    before.keys().filter(|id| !now.contains_key(*id)).cloned().collect()
}
