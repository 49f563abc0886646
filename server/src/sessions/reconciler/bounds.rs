//! Restores what bounds a learner, or lets them work, after it was taken away; and brings running sessions up to what this
//! release makes.

use std::collections::HashSet;

use lectern_api::ids::SessionId;
use sqlx::PgConnection;
use tokio::sync::broadcast::{self, error::TryRecvError};

use super::Reconciler;
use crate::lifecycle::Phase;
use crate::report::chain;
use crate::sessions::SessionError;
use crate::sessions::provision::ProvisionError;
use crate::sessions::spec::{names, session_spec};
use crate::store;
use crate::store::sessions::SessionRow;

/// How many sessions are checked in one pass.
const AT_ONCE: usize = 16;

/// Sessions of whose bounds something may be missing.
pub(super) struct Losses {
    heard: broadcast::Receiver<SessionId>,
    waiting: HashSet<SessionId>,
    /// Whether all sessions are to be checked: at first, and after the channel overflowed.
    all: bool,
}

impl Losses {
    pub(super) fn new(heard: broadcast::Receiver<SessionId>) -> Self {
        Self { heard, waiting: HashSet::new(), all: true }
    }

    /// Waits for the next one.
    pub(super) async fn heard(&mut self) {
        match self.heard.recv().await {
            Ok(session) => drop(self.waiting.insert(session)),
            Err(broadcast::error::RecvError::Lagged(_)) => self.all = true,
            // the cluster is gone, and the server with it
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    fn gather(&mut self) {
        loop {
            match self.heard.try_recv() {
                Ok(session) => drop(self.waiting.insert(session)),
                Err(TryRecvError::Lagged(_)) => self.all = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

impl Reconciler {
    /// Restores what is missing. Sessions that are over or being provisioned are left alone.
    pub(super) async fn restore_bounds(
        &self,
        conn: &mut PgConnection,
        losses: &mut Losses,
    ) -> Result<(), SessionError> {
        losses.gather();
        if std::mem::take(&mut losses.all) {
            let settled = store::sessions::claims::list_settled(conn).await?;
            losses.waiting.extend(settled.into_iter().map(SessionId));
        }
        let now: Vec<_> = losses.waiting.iter().copied().take(AT_ONCE).collect();
        for id in now {
            losses.waiting.remove(&id);
            let row = store::sessions::find_session(conn, id).await?;
            let Some(row) = row.filter(is_settled) else { continue };
            if let Err(error) = self.restore_bounds_of(&row).await {
                tracing::warn!(session.id = %id, error = chain(&error), "failed to restore a session's bounds");
                if error.is_passing() {
                    losses.waiting.insert(id);
                }
            }
        }
        Ok(())
    }

    async fn restore_bounds_of(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let lab = self.provisioner.labs.find(&row.lab)?;
        let (spec, _) =
            session_spec(row, &lab, &self.portal.allowances_of(&lab.slug), &self.provisioner.labs.previews);
        let missing = self.cluster.list_missing_bounds(&spec);
        if !missing.is_empty() {
            tracing::warn!(session.id = %row.id, ?missing, "restoring what bounds a session");
            self.cluster.restore_bounds(&spec).await?;
        }
        if self.cluster.has_earlier_account(&names(row)) {
            tracing::info!(session.id = %row.id, "a session of an earlier release gets its new account");
            self.provisioner.renew_token(row).await?;
            self.cluster.remove_earlier_account(&names(row)).await?;
        }
        Ok(())
    }
}

/// Whether a session's objects are all made, and wanted.
fn is_settled(row: &SessionRow) -> bool {
    match row.phase() {
        Phase::Running { .. } => true,
        Phase::Reserved { .. } => row.ready_at.is_some(),
        _ => false,
    }
}
