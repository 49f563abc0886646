//! Whether database and cluster answer.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::cluster::Cluster;
use crate::store;

/// For how long a result is reused.
const READINESS_LASTS: Duration = Duration::from_secs(1);

/// Whether database and cluster answer. Anybody may request this, so they are queried at most once a second.
#[derive(Default)]
pub struct Readiness(tokio::sync::Mutex<Option<(Instant, String)>>);

impl Readiness {
    /// Returns a line for each part that does not answer.
    pub async fn failures(&self, pool: &PgPool, cluster: &Cluster) -> String {
        // the lock is held during the query, so concurrent requests share its result
        let mut last = self.0.lock().await;
        if let Some((at, failures)) = &*last
            && at.elapsed() < READINESS_LASTS
        {
            return failures.clone();
        }
        let (database, cluster) = tokio::join!(store::answers(pool), cluster.answers());
        let mut failures = String::new();
        if !database {
            failures.push_str("database: no answer\n");
        }
        if !cluster {
            failures.push_str("cluster: no answer\n");
        }
        *last = Some((Instant::now(), failures.clone()));
        failures
    }
}
