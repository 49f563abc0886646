//! Removes from the cluster what is left of sessions that ended, and of those that nobody knows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use lectern_api::ids::SessionId;
use lectern_api::platform::Notice;
use sqlx::PgConnection;

use super::Reconciler;
use crate::cluster::{ManagedSession, SessionNames};
use crate::lifecycle::{Event, Phase};
use crate::report::chain;
use crate::sessions::spec::names;
use crate::sessions::{SessionError, advance};
use crate::store;

/// How long an object may be without a session before it is taken for an orphan: the row is written first, so
/// this only covers a watch that runs ahead of the database.
const ORPHAN_GRACE_SECS: i64 = 30;
/// After how long a deletion counts as hanging: the session is over for its learner, and it is reported to operators.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// After how long not even Kubernetes' own controllers are waited for.
const HOPELESS_AFTER: Duration = Duration::from_secs(300);
/// How many sessions' objects are deleted at once.
const AT_ONCE: usize = 16;
/// How many hanging deletions a notice names.
const NAMED: usize = 5;

impl Reconciler {
    /// Removes the objects of sessions that are ending or over. A session has ended when none is left, or when a deletion
    /// hangs; the rest is then watched until it is gone. Returns the number of sessions whose objects the cluster was asked
    /// to delete.
    pub(super) async fn remove_ended(&self, conn: &mut PgConnection) -> Result<usize, SessionError> {
        let unremoved = store::sessions::removal::list_unremoved(conn).await?;
        if unremoved.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let managed: HashMap<SessionId, ManagedSession> =
            self.cluster.list_managed().into_iter().map(|managed| (managed.session, managed)).collect();
        let (mut to_delete, mut gone, mut hanging) = (vec![], vec![], vec![]);
        for row in unremoved {
            self.provisioner.links.forget(row.id).await;
            match managed.get(&row.id) {
                // the watch may not have shown yet what was made a moment ago: deleting is repeatable
                None => {
                    to_delete.push(names(&row));
                    gone.push(row);
                }
                Some(left) if !is_being_deleted(left) => {
                    to_delete.push(names(&row));
                    // what the row does not name: a workbench in whose place another one came
                    to_delete.extend(names_of(left));
                }
                Some(left) if hangs(left, now) => hanging.push(row),
                Some(_) => {}
            }
        }
        let asked = to_delete.len();
        futures::stream::iter(to_delete)
            .for_each_concurrent(AT_ONCE, async |names| self.provisioner.deprovision(&names).await)
            .await;
        for row in gone {
            if matches!(row.phase(), Phase::Ending { .. }) {
                advance(&self.pool, row.id, Event::Gone).await?;
                tracing::info!(session.id = %row.id, "a session ended");
            }
            store::sessions::removal::record_removed(conn, row.id).await?;
        }
        for row in hanging {
            if matches!(row.phase(), Phase::Ending { .. }) {
                advance(&self.pool, row.id, Event::Gone).await?;
            }
        }
        Ok(asked)
    }

    /// Strips the finalizers from namespaces whose deletion hangs: a learner may put one on anything.
    pub(super) async fn release_hanging(&self) {
        let now = self.clock.now();
        let hanging = self.cluster.list_hanging_namespaces(now, HANGS_AFTER);
        futures::stream::iter(hanging)
            .for_each_concurrent(AT_ONCE, async |(name, since)| {
                let all = (now - since).to_std().is_ok_and(|waited| waited > HOPELESS_AFTER);
                match self.cluster.remove_finalizers(&name, all).await {
                    Ok(0) => {}
                    Ok(count) => {
                        tracing::info!(
                            k8s.namespace = name,
                            count,
                            "stripped finalizers that held a deletion"
                        );
                    }
                    Err(error) => {
                        tracing::warn!(
                            k8s.namespace = name,
                            error = chain(&error),
                            "failed to strip the finalizers that hold a deletion"
                        );
                    }
                }
            })
            .await;
    }

    /// Removes what carries this installation's label and belongs to no session that may have objects. Returns the number of
    /// such sessions.
    pub(super) async fn sweep_orphans(&self, conn: &mut PgConnection) -> Result<usize, SessionError> {
        let managed = self.cluster.list_managed();
        let oldest = self.clock.now() - TimeDelta::seconds(ORPHAN_GRACE_SECS);
        let ids: Vec<_> = managed
            .iter()
            .filter(|m| !is_being_deleted(m) && oldest_at(m).is_none_or(|at| at < oldest))
            .map(|m| m.session.0)
            .collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let wanted: HashSet<_> =
            store::sessions::removal::list_unfinished_among(conn, &ids).await?.into_iter().collect();
        let ids: HashSet<_> = ids.into_iter().filter(|id| !wanted.contains(id)).collect();
        let orphans: Vec<_> = managed.iter().filter(|m| ids.contains(&m.session.0)).collect();
        for orphan in &orphans {
            tracing::warn!(session.id = %orphan.session, "removing what a session left behind");
        }
        futures::stream::iter(orphans.iter().flat_map(|orphan| names_of(orphan)))
            .for_each_concurrent(AT_ONCE, async |names| self.provisioner.deprovision(&names).await)
            .await;
        Ok(orphans.len())
    }

    /// Logs each deletion that hangs, once.
    pub(super) fn report_hanging(&self, reported: &mut HashSet<String>) {
        let hanging = self.cluster.stuck_deletions(self.clock.now(), HANGS_AFTER);
        reported.retain(|object| hanging.iter().any(|one| one.object == *object));
        for one in hanging {
            if reported.insert(one.object.clone()) {
                tracing::warn!(
                    session.id = %one.session,
                    object = one.object,
                    held_by = one.held_by.as_deref().unwrap_or("unknown"),
                    "a deletion hangs"
                );
            }
        }
    }

    /// The notice for operators about deletions that hang.
    pub(super) fn hanging_notice(&self) -> Option<Notice> {
        let hanging = self.cluster.stuck_deletions(self.clock.now(), HANGS_AFTER);
        if hanging.is_empty() {
            return None;
        }
        let named = hanging.iter().take(NAMED).map(|one| match &one.held_by {
            Some(held_by) => format!("{} ({held_by})", one.object),
            None => one.object.clone(),
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let more = match hanging.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(Notice {
            code: "deletion_hangs".to_owned(),
            message: format!(
                "The cluster does not finish deleting what ended sessions left: {named}{more}. Their learners are \
                 not affected. Remove the finalizers that hold these objects, or mend the controller that should."
            ),
        })
    }
}

fn is_being_deleted(managed: &ManagedSession) -> bool {
    managed.namespaces.iter().all(|n| n.deleting_since.is_some())
        && managed.workbenches.iter().all(|w| w.deleting_since.is_some())
}

/// Whether all that is left waits for somebody else for too long.
fn hangs(managed: &ManagedSession, now: DateTime<Utc>) -> bool {
    let namespaces = managed.namespaces.iter().map(|n| n.deleting_since);
    let since = namespaces.chain(managed.workbenches.iter().map(|w| w.deleting_since)).flatten().max();
    since.is_some_and(|since| (now - since).to_std().is_ok_and(|waited| waited > HANGS_AFTER))
}

fn oldest_at(managed: &ManagedSession) -> Option<DateTime<Utc>> {
    let namespaces = managed.namespaces.iter().filter_map(|n| n.created_at);
    namespaces.chain(managed.workbenches.iter().filter_map(|w| w.created_at)).min()
}

/// Names for all that is left of a session. Where only namespaces or only workbenches are left a name of these
/// stands for the others: no object of the other kind ever has it, and deleting what is not there does nothing.
fn names_of(managed: &ManagedSession) -> Vec<SessionNames> {
    let namespaces: Vec<_> = managed.namespaces.iter().map(|n| n.name.clone()).collect();
    let workbenches: Vec<_> = managed.workbenches.iter().map(|w| w.name.clone()).collect();
    let Some(any) = namespaces.first().or(workbenches.first()) else { return vec![] };
    (0..workbenches.len().max(1))
        .map(|i| SessionNames {
            session: managed.session,
            namespace: namespaces.first().unwrap_or(any).clone(),
            secondary: namespaces.get(1..).unwrap_or_default().to_vec(),
            workbench: workbenches.get(i).unwrap_or(any).clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NamespaceStatus, WorkbenchState, WorkbenchStatus};

    fn left(namespaces: &[&str], workbenches: &[&str]) -> ManagedSession {
        let session = SessionId::new();
        let (created_at, deleting_since) = (None, None);
        ManagedSession {
            session,
            namespaces: (namespaces.iter())
                .map(|name| NamespaceStatus {
                    session,
                    name: (*name).to_owned(),
                    created_at,
                    deleting_since,
                    held_by: None,
                })
                .collect(),
            workbenches: (workbenches.iter())
                .map(|name| WorkbenchStatus {
                    session,
                    name: (*name).to_owned(),
                    created_at,
                    deleting_since,
                    state: WorkbenchState::Ready { restarts: 0 },
                })
                .collect(),
        }
    }

    #[test]
    fn everything_that_is_left_of_a_session_is_named() {
        let all = names_of(&left(&["lab-x", "lab-x-dev", "lab-x-prod"], &["wb-x", "wb-y"]));
        let workbenches: Vec<_> = all.iter().map(|names| names.workbench.as_str()).collect();
        assert_eq!(workbenches, ["wb-x", "wb-y"]);
        assert_eq!(all[0].namespaces().collect::<Vec<_>>(), ["lab-x", "lab-x-dev", "lab-x-prod"]);
        let only_pod = names_of(&left(&[], &["wb-x"]));
        assert_eq!((only_pod[0].namespace.as_str(), only_pod[0].workbench.as_str()), ("wb-x", "wb-x"));
        assert_eq!(names_of(&left(&["lab-x"], &[]))[0].workbench, "lab-x");
        assert!(names_of(&left(&[], &[])).is_empty());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any time will do")]
    fn a_deletion_hangs_when_the_last_of_it_was_asked_for_long_ago() {
        let now = Utc::now();
        let mut managed = left(&["lab-x"], &["wb-x"]);
        assert!(!hangs(&managed, now) && !is_being_deleted(&managed));
        managed.namespaces[0].deleting_since = Some(now - TimeDelta::minutes(5));
        managed.workbenches[0].deleting_since = Some(now - TimeDelta::seconds(5));
        assert!(is_being_deleted(&managed) && !hangs(&managed, now));
        assert!(hangs(&managed, now + TimeDelta::minutes(2)));
    }
}
