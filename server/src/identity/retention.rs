//! Removing what was kept for as long as the operator's file says.

use std::time::Duration;

use super::{Identity, IdentityError};
use crate::audit::{Audit, Record};
use crate::config::retention::Retention;
use crate::report::chain;
use crate::store;

/// How often it is looked whether something's time is over.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a server runs before it looks first.
const FIRST: Duration = Duration::from_secs(60);
/// How many sessions are removed by one statement.
const SESSIONS: i64 = 200;
/// How many accounts are deleted before something else has its turn.
const ACCOUNTS: i64 = 20;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Sessions, with what was done in them.
    pub sessions: u64,
    /// Rows of the audit log.
    pub records: u64,
    /// Accounts of learners who did not come any more.
    pub accounts: u64,
}

impl Identity {
    /// Removes what is too old, every hour, on one server at a time.
    pub async fn keep_retention(self, retention: Retention, audit: Audit) {
        let mut every = tokio::time::interval_at(tokio::time::Instant::now() + FIRST, EVERY);
        loop {
            every.tick().await;
            if let Err(error) = self.apply_retention(retention, &audit).await {
                tracing::warn!(
                    error = chain(&error),
                    "what is too old was not removed; it is tried again later"
                );
            }
        }
    }

    /// Removes what is too old now, in small pieces.
    ///
    /// # Errors
    /// The database's.
    pub async fn apply_retention(
        &self,
        retention: Retention,
        audit: &Audit,
    ) -> Result<Removed, IdentityError> {
        let mut removed = Removed::default();
        // the lock lives as long as this connection's transaction, which does nothing else
        let mut lock = self.pool.begin().await?;
        if !store::privacy::try_lock_retention(&mut lock).await? {
            return Ok(removed);
        }
        store::logins::delete_idle(&mut *self.pool.acquire().await?).await?;
        if let Some(days) = retention.inactive_accounts {
            loop {
                let accounts = self.list_inactive(days.count(), ACCOUNTS).await?;
                for account in &accounts {
                    self.delete_user(*account).await?;
                    let detail = "nobody used it for too long".to_owned();
                    let record = Record::by_server("delete_user", detail);
                    audit.write(Record { object: crate::audit::user(*account), ..record }).await;
                    removed.accounts += 1;
                }
                if accounts.is_empty() {
                    break;
                }
            }
        }
        if let Some(days) = retention.sessions {
            loop {
                let mut conn = self.pool.acquire().await?;
                match store::privacy::delete_old_sessions(&mut conn, days.count(), SESSIONS).await? {
                    0 => break,
                    gone => removed.sessions += gone,
                }
            }
        }
        if let Some(days) = retention.audit {
            loop {
                let mut conn = self.pool.acquire().await?;
                match store::audit::prune(&mut conn, days.count()).await? {
                    0 => break,
                    gone => removed.records += u64::try_from(gone).unwrap_or(0),
                }
            }
        }
        lock.commit().await?;
        if removed.sessions + removed.records > 0 {
            let detail = format!("{} sessions, {} records", removed.sessions, removed.records);
            audit.write(Record::by_server("apply_retention", detail)).await;
        }
        Ok(removed)
    }
}
