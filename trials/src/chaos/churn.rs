//! A learner who starts and ends sessions all the time, so that faults hit sessions in every state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::learner::{Failed, Learner};

/// After how long a session that neither runs nor failed, or does not end, is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(240);
const RUNS_FOR: Duration = Duration::from_millis(700);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// What became of the sessions.
#[derive(Clone, Debug, Default)]
pub struct Churned {
    pub started: u32,
    pub ran: u32,
    pub ended: u32,
    /// The reasons that the learner was told.
    pub failed: Vec<String>,
    pub stuck: Vec<String>,
}

/// Starts and ends sessions until `closing`.
pub async fn churn(learner: Learner, lab: &'static str, closing: Arc<AtomicBool>) -> Churned {
    let mut churned = Churned::default();
    while !closing.load(Ordering::Relaxed) {
        // an answer that was lost leaves a session, which is the one that runs
        let Ok(session) = learner.start_or_find_session(lab).await else {
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
            continue;
        };
        churned.started += 1;
        match learner.wait_until_running(&session, STUCK_AFTER).await {
            Ok(()) => churned.ran += 1,
            Err(error) => match error.downcast::<Failed>() {
                Ok(Failed(reason)) => {
                    churned.failed.push(reason);
                    continue;
                }
                Err(error) => churned.stuck.push(format!("starting: {error:#}")),
            },
        }
        tokio::time::sleep(RUNS_FOR).await;
        while learner.end_session(&session).await.is_err() {
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
        match learner.wait_until_ended(&session, STUCK_AFTER).await {
            Ok(()) => churned.ended += 1,
            Err(error) => churned.stuck.push(format!("ending: {error:#}")),
        }
    }
    churned
}
