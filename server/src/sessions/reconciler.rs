//! The reconciler: one server, elected through Postgres, makes the cluster follow the database.
//!
//! A pass ends sessions whose time is over or whose learner left, removes what ended sessions left, takes up sessions whose
//! server went away, recreates lost workbenches, renews tokens, keeps the reserve filled, and sweeps what belongs to no
//! session. Each pass reads the shared watches and a few indexed rows; it asks the cluster nothing per idle session.

mod bounds;
mod rebuild;
mod removal;
mod reserve;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use lectern_api::platform::Notice;
use lectern_api::sessions::EndReason;
use sqlx::{PgConnection, PgPool};
use tokio::sync::broadcast;

use super::provision::Provisioner;
use super::versions::Versions;
use super::{CLAIM_SECS, SessionError, advance};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::portal::Portal;
use crate::lifecycle::Event;
use crate::report::chain;
use crate::store::announcements::Change;
use crate::store::sessions::{claims, time};
use crate::store::{self, StoreError};

/// How often a pass runs when nothing is announced.
const EVERY: Duration = Duration::from_secs(2);
/// How often a server that was not elected tries again.
const ELECT_EVERY: Duration = Duration::from_secs(5);
/// How long a pass may take before it is worth a warning.
const SLOW: Duration = Duration::from_secs(1);
/// How often objects without a session, and sessions without a workbench, are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long before its end a token is renewed.
const RENEW_BEFORE_MINUTES: i64 = 45;

/// What a pass of the reconciler did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// How many sessions it ended.
    pub ended: usize,
    /// How many sessions' objects it asked the cluster to delete.
    pub removed: usize,
    /// How many sessions it began to make ahead.
    pub made_ahead: usize,
}

/// Makes the cluster follow the database. Clones share it.
#[derive(Clone)]
pub struct Reconciler {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) cluster: Cluster,
    pub(super) catalog: Catalog,
    pub(super) portal: Arc<Portal>,
    pub(super) versions: Arc<Versions>,
    pub(super) provisioner: Provisioner,
}

impl Reconciler {
    /// Reconciles for ever, whenever this server is the elected one. Calls `beat` after each pass that succeeded, and
    /// while another server is the elected one.
    pub async fn run(self, mut changes: broadcast::Receiver<Change>, beat: impl Fn()) {
        loop {
            match self.reconcile_while_elected(&mut changes, &beat).await {
                Ok(()) => beat(),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the reconciler stopped; trying again");
                }
            }
            tokio::time::sleep(ELECT_EVERY).await;
        }
    }

    /// Lists what operators should know about sessions, whichever server they ask.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_notices(&self) -> Result<Vec<Notice>, SessionError> {
        let mut notices: Vec<Notice> = self.hanging_notice().into_iter().collect();
        let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
        notices.extend(reserve::notice(&store::sessions::reserve::list_pools(&mut conn).await?));
        Ok(notices)
    }

    async fn reconcile_while_elected(
        &self,
        changes: &mut broadcast::Receiver<Change>,
        beat: &impl Fn(),
    ) -> Result<(), SessionError> {
        // the lock lives as long as this connection, which serves nothing else
        let mut conn = self.pool.acquire().await.map_err(StoreError::from)?.detach();
        if !claims::try_elect(&mut conn).await? {
            return Ok(());
        }
        tracing::info!("this server reconciles sessions");
        let (mut reported_hanging, mut swept_at) = (HashSet::new(), None::<Instant>);
        let mut losses = bounds::Losses::new(self.cluster.follow_losses());
        // if they cannot be watched, there is still everything else to do
        let _ = tokio::time::timeout(ELECT_EVERY, self.cluster.wait_for_bounds()).await;
        loop {
            let sweeps = swept_at.is_none_or(|at| at.elapsed() >= SWEEP_EVERY);
            if sweeps {
                swept_at = Some(Instant::now());
            }
            let begun = Instant::now();
            let pass = self.pass(&mut conn, sweeps).await?;
            report(pass, begun.elapsed());
            self.report_hanging(&mut reported_hanging);
            self.restore_bounds(&mut conn, &mut losses).await?;
            beat();
            // a change is acted on soon, and a burst of them in one pass
            tokio::select! {
                _ = tokio::time::timeout(EVERY, changes.recv()) => {}
                () = losses.heard() => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            while changes.try_recv().is_ok() {}
        }
    }

    async fn pass(&self, conn: &mut PgConnection, sweeps: bool) -> Result<Pass, SessionError> {
        let ended = self.end_overdue(conn).await?;
        for row in claims::claim_abandoned(conn, CLAIM_SECS).await? {
            tracing::warn!(session.id = %row.id, "taking up a session whose server went away");
            self.provisioner.spawn(row);
        }
        self.renew_stale_tokens(conn).await?;
        if let Err(error) = self.cluster.refresh_network().await {
            tracing::warn!(
                error = chain(&error),
                "the network policies of running sessions could not be renewed"
            );
        }
        let mut removed = self.remove_ended(conn).await?;
        if sweeps {
            removed += self.sweep_orphans(conn).await?;
            self.release_hanging().await;
            self.rebuild_lost(conn).await?;
        }
        let made_ahead = self.fill_reserve(conn).await?;
        Ok(Pass { ended, removed, made_ahead })
    }

    /// Ends the sessions whose time is over, and those whose learner has been away for too long.
    async fn end_overdue(&self, conn: &mut PgConnection) -> Result<usize, SessionError> {
        let now = self.clock.now();
        let mut ended = 0;
        for row in time::list_expired(conn, now).await? {
            // an extension may have come in between, which the machine knows
            ended += usize::from(advance(&self.pool, row.id, Event::Due { now }).await?.is_some());
        }
        for row in time::list_orphaned(conn, now).await? {
            let secs = row.orphaned_secs.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(0);
            let minutes = secs.div_ceil(60);
            let reason = EndReason::Abandoned { minutes };
            ended += usize::from(advance(&self.pool, row.id, Event::End { reason }).await?.is_some());
        }
        Ok(ended)
    }

    async fn renew_stale_tokens(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        let now = self.clock.now();
        let before = now + TimeDelta::minutes(RENEW_BEFORE_MINUTES);
        for row in time::list_stale_tokens(conn, before).await? {
            // not tried again within the next minutes, whatever the outcome
            let again_at = before + TimeDelta::minutes(2);
            time::update_token_expiry(conn, row.id, again_at).await?;
            let provisioner = self.provisioner.clone();
            tokio::spawn(async move {
                if let Err(error) = provisioner.renew_token(&row).await {
                    tracing::warn!(session.id = %row.id, error = chain(&error), "failed to renew a token");
                }
            });
        }
        Ok(())
    }
}

fn report(pass: Pass, took: Duration) {
    let took_ms = took.as_millis();
    let Pass { ended, removed, made_ahead } = pass;
    if took > SLOW {
        tracing::warn!(took_ms, ended, removed, made_ahead, "a pass over the sessions was slow");
    } else if pass == Pass::default() {
        tracing::debug!(took_ms, "a pass over the sessions");
    } else {
        tracing::info!(took_ms, ended, removed, made_ahead, "a pass over the sessions");
    }
}
