//! The reconciler: one server, elected through Postgres, makes the cluster follow the database.
//!
//! It ends sessions whose time is over, removes what ended sessions left, takes up sessions whose server went away
//! while starting them, renews tokens, and sweeps what belongs to no session. Each pass reads the shared watches
//! and a few indexed rows; it asks the cluster nothing per idle session.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use tokio::sync::broadcast;

use super::lifecycle::Event;
use super::spec::names;
use super::{CLAIM_SECS, SessionError, Sessions};
use crate::app::Change;
use crate::cluster::{ManagedSession, SessionNames};
use crate::http::error::chain;
use crate::store;

/// How often a pass runs when nothing is announced.
const EVERY: Duration = Duration::from_secs(2);
/// How often a server that was not elected tries again.
const ELECT_EVERY: Duration = Duration::from_secs(5);
/// How long before its end a token is renewed.
const RENEW_BEFORE_MINUTES: i64 = 45;
/// How long an object may be without a session before it is taken for an orphan: the row is written first, so
/// this only covers a watch that runs ahead of the database.
const ORPHAN_GRACE_SECS: i64 = 30;
/// After how long a deletion is reported as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(120);

impl Sessions {
    /// Reconciles for ever, whenever this server is the elected one.
    pub async fn reconcile(self, mut changes: broadcast::Receiver<Change>) {
        loop {
            match self.reconcile_while_elected(&mut changes).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(error = chain(&error), "the reconciler stopped; trying again"),
            }
            tokio::time::sleep(ELECT_EVERY).await;
        }
    }

    async fn reconcile_while_elected(
        &self,
        changes: &mut broadcast::Receiver<Change>,
    ) -> Result<(), SessionError> {
        // the lock lives as long as this connection, which serves nothing else
        let mut conn = self.pool.acquire().await?.detach();
        if !store::sessions::try_elect(&mut conn).await? {
            return Ok(());
        }
        tracing::info!("this server reconciles sessions");
        loop {
            self.pass(&mut conn).await?;
            // a change is looked at soon; a burst of them in one pass
            let _ = tokio::time::timeout(EVERY, changes.recv()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            while changes.try_recv().is_ok() {}
        }
    }

    async fn pass(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        let now = self.clock.now();
        for row in store::sessions::list_expired(conn, now).await? {
            self.advance(&row, Event::End { reason: "its time was over".to_owned() }).await?;
        }
        for row in store::sessions::claim_abandoned(conn, CLAIM_SECS).await? {
            tracing::warn!(session.id = %row.session_id(), "taking up a session whose server went away");
            self.spawn_provisioning(row);
        }
        for row in
            store::sessions::list_stale_tokens(conn, now + TimeDelta::minutes(RENEW_BEFORE_MINUTES)).await?
        {
            // not tried again before the next minutes, whatever comes of it
            store::sessions::update_token_expiry(
                conn,
                row.session_id(),
                now + TimeDelta::minutes(RENEW_BEFORE_MINUTES + 2),
            )
            .await?;
            let sessions = self.clone();
            tokio::spawn(async move {
                if let Err(error) = sessions.renew_token(&row).await {
                    tracing::warn!(session.id = %row.session_id(), error = chain(&error), "a token was not renewed");
                }
            });
        }
        self.remove_ended(conn).await?;
        self.sweep_orphans(conn).await
    }

    /// Removes the objects of ending sessions; when none is left the session has ended.
    async fn remove_ended(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        let ending = store::sessions::list_ending(conn).await?;
        if ending.is_empty() {
            return Ok(());
        }
        let managed = self.cluster.list_managed();
        for row in ending {
            let id = row.session_id();
            self.links.forget(id).await;
            let left = managed.iter().find(|m| m.session == id);
            match left {
                None => {
                    // the watch may not have shown yet what was made a moment ago: deleting is repeatable
                    self.deprovision(&names(&row)).await;
                    self.advance(&row, Event::Gone).await?;
                    tracing::info!(session.id = %id, "a session ended");
                }
                Some(left) if !is_being_deleted(left) => self.deprovision(&names(&row)).await,
                Some(_) => {}
            }
        }
        for stuck in self.cluster.stuck_deletions(self.clock.now(), STUCK_AFTER) {
            tracing::warn!(
                session.id = %stuck.session,
                object = stuck.object,
                held_by = stuck.held_by.as_deref().unwrap_or("unknown"),
                "a deletion hangs"
            );
        }
        Ok(())
    }

    /// Removes what carries this installation's mark and belongs to no session that may have objects.
    async fn sweep_orphans(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        let managed = self.cluster.list_managed();
        let oldest = self.clock.now() - TimeDelta::seconds(ORPHAN_GRACE_SECS);
        let ids: Vec<_> = managed
            .iter()
            .filter(|m| !is_being_deleted(m) && oldest_at(m).is_none_or(|at| at < oldest))
            .map(|m| m.session.0)
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let wanted = store::sessions::list_unfinished_among(conn, &ids).await?;
        for orphan in managed.iter().filter(|m| ids.contains(&m.session.0) && !wanted.contains(&m.session.0))
        {
            tracing::warn!(session.id = %orphan.session, "removing what a session left behind");
            for names in names_of(orphan) {
                self.deprovision(&names).await;
            }
        }
        Ok(())
    }

    async fn deprovision(&self, names: &SessionNames) {
        if let Err(error) = self.cluster.deprovision(names).await {
            tracing::warn!(session.id = %names.session, error = chain(&error), "could not remove a session's objects");
        }
    }
}

fn is_being_deleted(managed: &ManagedSession) -> bool {
    managed.namespaces.iter().all(|n| n.deleting_since.is_some())
        && managed.workbenches.iter().all(|w| w.deleting_since.is_some())
}

fn oldest_at(managed: &ManagedSession) -> Option<DateTime<Utc>> {
    let namespaces = managed.namespaces.iter().filter_map(|n| n.created_at);
    namespaces.chain(managed.workbenches.iter().filter_map(|w| w.created_at)).min()
}

/// Names for all that is left of a session. Where only one of the two is left its name stands for both: no object
/// of the other kind ever has it, and deleting what is not there does nothing.
fn names_of(managed: &ManagedSession) -> Vec<SessionNames> {
    let namespaces = managed.namespaces.iter().map(|n| n.name.clone());
    let workbenches = managed.workbenches.iter().map(|w| w.name.clone());
    let (namespaces, workbenches): (Vec<_>, Vec<_>) = (namespaces.collect(), workbenches.collect());
    (0..namespaces.len().max(workbenches.len()))
        .filter_map(|i| {
            let namespace = namespaces.get(i).or(workbenches.get(i))?.clone();
            let workbench = workbenches.get(i).or(namespaces.get(i))?.clone();
            Some(SessionNames { session: managed.session, namespace, workbench })
        })
        .collect()
}
