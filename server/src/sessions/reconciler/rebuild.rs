//! Workbenches that went while their sessions run: evicted, drained, deleted. They are made anew.

use lectern_api::ids::SessionId;
use sqlx::PgConnection;

use crate::cluster::WorkbenchState;
use crate::report::chain;
use crate::sessions::lifecycle::Event;
use crate::sessions::provision::ProvisionError;
use crate::sessions::{SessionError, Sessions};
use crate::store::sessions::SessionRow;
use crate::store::sessions::claims::{RunningRow, claim_rebuild, list_running, note_rebuilt};

/// How long a session must have run before its workbench is missed: a watch may lag behind.
const SETTLED_SECS: i32 = 10;
/// How long making it anew may take before another server may try.
const CLAIM_SECS: i32 = 120;

impl Sessions {
    /// Makes the workbenches of running sessions anew that are no longer there. Asks the watch; the cluster only
    /// about those that the watch does not show.
    pub(super) async fn rebuild_lost(&self, conn: &mut PgConnection) -> Result<(), SessionError> {
        for running in list_running(conn, SETTLED_SECS).await? {
            if !running.is_unfinished && self.may_be_there(&running) {
                continue;
            }
            if let Some(row) = claim_rebuild(conn, SessionId(running.id), CLAIM_SECS).await? {
                let sessions = self.clone();
                tokio::spawn(async move { sessions.rebuild_if_lost(&row, running.is_unfinished).await });
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
        let id = row.session_id();
        let rebuilt = async {
            if let Some(row) = self.replace_dead_workbench(row).await? {
                tracing::warn!(session.id = %id, "a session's workbench is gone and is made anew");
                self.rebuild(&row).await?;
            } else if is_unfinished {
                self.rebuild(row).await?;
            }
            let mut conn = self.pool.acquire().await?;
            Ok::<_, ProvisionError>(note_rebuilt(&mut conn, id).await?)
        };
        let Err(error) = rebuilt.await else { return };
        tracing::warn!(session.id = %id, error = chain(&error), "a workbench could not be made anew");
        if !error.is_passing() {
            let reason =
                format!("its workbench was lost and cannot be made anew: {}", error.learner_message());
            if let Err(error) = self.advance(row, Event::End { reason }).await {
                tracing::warn!(session.id = %id, error = chain(&error), "a session could not be ended");
            }
        }
        // else the claim runs out, and it is tried again
    }
}
