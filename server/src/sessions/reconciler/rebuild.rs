//! Recreates workbenches that were lost while their sessions run: evicted, drained, deleted.

use lectern_api::ids::SessionId;
use lectern_api::sessions::EndReason;
use sqlx::PgConnection;

use super::Reconciler;
use crate::cluster::WorkbenchState;
use crate::lifecycle::Event;
use crate::report::chain;
use crate::sessions::provision::ProvisionError;
use crate::sessions::{SessionError, advance};
use crate::store::StoreError;
use crate::store::sessions::SessionRow;
use crate::store::sessions::claims::{RunningRow, claim_rebuild, list_running, record_rebuilt};

/// How long a session must have run before its workbench is missed: a watch may lag behind.
const SETTLED_SECS: i32 = 10;
/// How long recreating it may take before another server may try.
const CLAIM_SECS: i32 = 120;

impl Reconciler {
    /// Recreates the workbenches of running sessions that are gone. Reads the watch, and asks the cluster only about those
    /// that the watch does not show.
    pub(super) async fn rebuild_lost(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        for running in list_running(conn, SETTLED_SECS).await? {
            if !running.is_unfinished && self.may_be_there(&running) {
                continue;
            }
            if let Some(row) = claim_rebuild(conn, SessionId(running.id), CLAIM_SECS).await? {
                let reconciler = self.clone();
                tokio::spawn(async move { reconciler.rebuild_if_lost(&row, running.is_unfinished).await });
            }
        }
        Ok(())
    }

    fn may_be_there(&self, running: &RunningRow) -> bool {
        self.cluster.find_workbench_named(&running.workbench).is_some_and(|found| {
            // one that ended for good stands in its own way
            found.deleting_since.is_some() || !matches!(found.state, WorkbenchState::Gone { .. })
        })
    }

    async fn rebuild_if_lost(&self, row: &SessionRow, is_unfinished: bool) {
        let id = row.id;
        let rebuilt = async {
            if let Some(row) = self.provisioner.replace_dead_workbench(row).await? {
                tracing::warn!(session.id = %id, "recreating a session's lost workbench");
                self.provisioner.rebuild(&row).await?;
            } else if is_unfinished {
                self.provisioner.rebuild(row).await?;
            }
            let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
            Ok::<_, ProvisionError>(record_rebuilt(&mut conn, id).await?)
        };
        let Err(error) = rebuilt.await else { return };
        tracing::warn!(session.id = %id, error = chain(&error), "failed to recreate a workbench");
        if !error.is_passing() {
            let reason = EndReason::WorkbenchLost { detail: error.learner_message() };
            if let Err(error) = advance(&self.pool, id, Event::End { reason }).await {
                tracing::warn!(session.id = %id, error = chain(&error), "failed to end a session");
            }
        }
        // else the claim runs out, and it is tried again
    }
}
