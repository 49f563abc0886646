//! The reconciler: one server, elected through Postgres, makes the cluster follow the database.
//!
//! It ends sessions whose time is over or whose learner left, removes what ended sessions left, takes up sessions
//! whose server went away while making them, makes lost workbenches anew, renews tokens, keeps the reserve filled, and sweeps what belongs to no
//! session. Each pass reads the shared watches and a few indexed rows; it asks the cluster nothing per idle session.

mod bounds;
mod rebuild;
mod removal;
mod reserve;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use lectern_api::platform::Notice;
use sqlx::PgConnection;
use tokio::sync::broadcast;

use super::lifecycle::Event;
use super::{CLAIM_SECS, SessionError, Sessions};
use crate::app::Change;
use crate::report::chain;
use crate::store;

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

/// How a pass of the reconciler went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// How long it took.
    pub took: Duration,
    /// How many sessions it ended.
    pub ended: usize,
    /// How many sessions' objects it asked the cluster to delete.
    pub removed: usize,
    /// How many sessions it began to make ahead.
    pub made_ahead: usize,
}

impl Sessions {
    /// Reconciles for ever, whenever this server is the elected one; and writes what this server saw of learners.
    pub async fn reconcile(self, mut changes: broadcast::Receiver<Change>) {
        let electing = async {
            loop {
                match self.reconcile_while_elected(&mut changes).await {
                    Ok(()) => {}
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "the reconciler stopped; trying again");
                    }
                }
                tokio::time::sleep(ELECT_EVERY).await;
            }
        };
        tokio::select! {
            never = self.keep_writing_activity() => match never {},
            () = electing => {}
        }
    }

    /// What operators should know of sessions, whichever server they ask.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_notices(&self) -> Result<Vec<Notice>, SessionError> {
        let mut notices: Vec<Notice> = self.hanging_notice().into_iter().collect();
        let mut conn = self.pool.acquire().await?;
        notices.extend(reserve::notice(&store::sessions::reserve::list_pools(&mut conn).await?));
        Ok(notices)
    }

    async fn reconcile_while_elected(
        &self,
        changes: &mut broadcast::Receiver<Change>,
    ) -> Result<(), SessionError> {
        // the lock lives as long as this connection, which serves nothing else
        let mut conn = self.pool.acquire().await?.detach();
        if !store::sessions::claims::try_elect(&mut conn).await? {
            return Ok(());
        }
        tracing::info!("this server reconciles sessions");
        let (mut told_hanging, mut swept_at) = (HashSet::new(), None::<Instant>);
        let mut losses = bounds::Losses::new(self.cluster.follow_losses());
        // where they cannot be watched, there is still everything else to do
        let _ = tokio::time::timeout(ELECT_EVERY, self.cluster.wait_for_bounds()).await;
        loop {
            let sweeps = swept_at.is_none_or(|at| at.elapsed() >= SWEEP_EVERY);
            if sweeps {
                swept_at = Some(Instant::now());
            }
            let pass = self.pass(&mut conn, sweeps).await?;
            self.report(pass, &mut told_hanging);
            self.restore_bounds(&mut conn, &mut losses).await?;
            // a change is looked at soon; a burst of them in one pass
            tokio::select! {
                _ = tokio::time::timeout(EVERY, changes.recv()) => {}
                () = losses.heard() => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            while changes.try_recv().is_ok() {}
        }
    }

    async fn pass(&self, conn: &mut PgConnection, sweeps: bool) -> Result<Pass, SessionError> {
        let begun = Instant::now();
        let ended = self.end_overdue(conn).await?;
        for row in store::sessions::claims::claim_abandoned(conn, CLAIM_SECS).await? {
            tracing::warn!(session.id = %row.session_id(), "taking up a session whose server went away");
            self.spawn_provisioning(row);
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
            self.let_go_of_hanging().await;
            self.rebuild_lost(conn).await?;
        }
        let made_ahead = self.fill_reserve(conn).await?;
        Ok(Pass { took: begun.elapsed(), ended, removed, made_ahead })
    }

    fn report(&self, pass: Pass, told_hanging: &mut HashSet<String>) {
        let took_ms = pass.took.as_millis();
        if pass.took > SLOW {
            tracing::warn!(
                took_ms,
                pass.ended,
                pass.removed,
                pass.made_ahead,
                "a pass over the sessions was slow"
            );
        } else if pass.ended + pass.removed + pass.made_ahead > 0 {
            tracing::info!(took_ms, pass.ended, pass.removed, pass.made_ahead, "a pass over the sessions");
        } else {
            tracing::debug!(took_ms, "a pass over the sessions");
        }
        self.passes.send_replace(Some(pass));
        self.tell_hanging(told_hanging);
    }

    /// How the last pass went, and each one from now on; none where this server is not the elected one.
    #[must_use]
    pub fn follow_passes(&self) -> tokio::sync::watch::Receiver<Option<Pass>> {
        self.passes.subscribe()
    }

    /// Ends the sessions whose time is over, and those whose learner gave no sign for too long.
    async fn end_overdue(&self, conn: &mut PgConnection) -> Result<usize, SessionError> {
        let now = self.clock.now();
        let mut ended = 0;
        for row in store::sessions::time::list_expired(conn, now).await? {
            let reason = "its time was over".to_owned();
            // an extension may have come in between
            if store::sessions::time::end_expired(conn, row.session_id(), &reason, now).await? {
                ended += 1;
            }
        }
        for (row, secs) in store::sessions::time::list_orphaned(conn, now).await? {
            let reason = format!("nobody was there for {} minutes", (secs + 59) / 60);
            ended += usize::from(self.advance(&row, Event::End { reason }).await?.is_some());
        }
        Ok(ended)
    }

    async fn renew_stale_tokens(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        let now = self.clock.now();
        let before = now + TimeDelta::minutes(RENEW_BEFORE_MINUTES);
        for row in store::sessions::time::list_stale_tokens(conn, before).await? {
            // not tried again before the next minutes, whatever comes of it
            let again_at = before + TimeDelta::minutes(2);
            store::sessions::time::update_token_expiry(conn, row.session_id(), again_at).await?;
            let sessions = self.clone();
            tokio::spawn(async move {
                if let Err(error) = sessions.renew_token(&row).await {
                    tracing::warn!(session.id = %row.session_id(), error = chain(&error), "a token was not renewed");
                }
            });
        }
        Ok(())
    }
}
