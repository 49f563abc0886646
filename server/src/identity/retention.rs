//! Deleting old sessions, audit records and unused accounts after the periods in the portal file.

use super::{Identity, IdentityError};
use crate::audit::{Audit, Record};
use crate::config::retention::Retention;
use crate::store;

/// How many sessions one statement deletes.
const SESSIONS_PER_BATCH: i64 = 200;
/// How many accounts are listed and deleted at a time.
const ACCOUNTS_PER_BATCH: i64 = 20;

/// How much was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Sessions, with their progress.
    pub sessions: u64,
    /// Records of the audit log.
    pub records: u64,
    /// Accounts of learners who no longer use Lectern.
    pub accounts: u64,
}

impl Identity {
    /// Deletes expired data now, in small batches.
    pub async fn apply_retention(
        &self,
        retention: Retention,
        audit: &Audit,
    ) -> Result<Removed, IdentityError> {
        let mut removed = Removed::default();
        // the lock lasts as long as this transaction, which does nothing else
        let mut lock = self.pool.begin().await?;
        if !store::privacy::try_lock_retention(&mut lock).await? {
            return Ok(removed);
        }
        store::logins::delete_idle(&mut *self.pool.acquire().await?).await?;
        if let Some(days) = retention.inactive_accounts {
            loop {
                let accounts = self.list_inactive(days.count(), ACCOUNTS_PER_BATCH).await?;
                for account in &accounts {
                    self.delete_user(*account).await?;
                    let detail = "the account was unused for too long".to_owned();
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
                match store::privacy::delete_old_sessions(&mut conn, days.count(), SESSIONS_PER_BATCH).await?
                {
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
