//! The audit log: what was done or attempted, by whom and from where, in rows that are only ever added.
//!
//! Records go through one queue to one task, which writes all that are waiting with one statement: concurrent records
//! share a commit, and a request that starts a lab waits for none. Repeated refusals become one record, so that
//! nobody can fill the database with them. The table of endpoints says which requests are recorded.

mod bursts;
mod file;
mod verify;

use std::time::{Duration, Instant};

use lectern_api::ids::{ClassId, SessionId, UserId};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::store;
use crate::store::audit::{Appended, NewRecord};
use bursts::Bursts;
pub use file::{AuditFile, AuditFileError};
pub use verify::{Fault, Verified, VerifyError, verify};

/// The outcome of an action that succeeded.
pub const OK: &str = "ok";
/// The address recorded for the command line.
pub const CLI: &str = "cli";
/// The address recorded for the server's own actions.
pub const SERVER: &str = "server";

/// Capacity of the queue of records to write.
const QUEUE: usize = 4096;
/// Limit on the records in one statement.
const BATCH: usize = 256;
/// How often repeated refusals are checked for those that are due.
const TICK: Duration = Duration::from_secs(5);
/// Limit on a detail's length, in characters.
const MAX_DETAIL: usize = 200;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who did it; `None` if nobody was signed in.
    pub actor: Option<UserId>,
    /// The address that the request came from, or [`CLI`] or [`SERVER`].
    pub address: String,
    /// What was attempted.
    pub action: &'static str,
    /// What was acted on, as [`user`], [`class`] or [`session`] write it.
    pub object: String,
    /// [`OK`], or the code of the problem.
    pub outcome: String,
    pub detail: String,
}

/// Writes an account as the object of a record.
#[must_use]
pub fn user(id: UserId) -> String {
    format!("user:{id}")
}

/// Writes a class as the object of a record.
#[must_use]
pub fn class(id: ClassId) -> String {
    format!("class:{id}")
}

/// Writes a session as the object of a record.
#[must_use]
pub fn session(id: SessionId) -> String {
    format!("session:{id}")
}

impl Record {
    /// Creates the record of an action from the command line.
    #[must_use]
    pub fn by_cli(action: &'static str, object: String) -> Self {
        Self {
            actor: None,
            address: CLI.to_owned(),
            action,
            object,
            outcome: OK.to_owned(),
            detail: String::new(),
        }
    }

    /// Creates the record of an action of the server itself.
    #[must_use]
    pub fn by_server(action: &'static str, detail: String) -> Self {
        Self { address: SERVER.to_owned(), detail, ..Self::by_cli(action, String::new()) }
    }
}

/// An entry of the queue.
struct Queued {
    /// `None` for a request to write all records before it.
    record: Option<Record>,
    /// Dropped when the record is written, or could not be.
    written: Option<oneshot::Sender<()>>,
}

/// The log. Clones share it.
#[derive(Clone, Debug)]
pub struct Audit {
    queue: mpsc::Sender<Queued>,
}

impl Audit {
    /// Opens the log in a database, and also in a file if one is given. Spawns the task that writes it on the current
    /// runtime; the task ends when the last clone is dropped.
    #[must_use]
    pub fn start(pool: PgPool, file: Option<AuditFile>) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(Writer { pool, file, bursts: Bursts::default() }.run(queued));
        Self { queue }
    }

    /// Adds a record and waits until it is written.
    pub async fn write(&self, record: Record) {
        self.send(Some(record)).await;
    }

    /// Waits until all earlier records are written, including repeated refusals that are not due yet.
    pub async fn flush(&self) {
        self.send(None).await;
    }

    async fn send(&self, record: Option<Record>) {
        let (written, done) = oneshot::channel();
        if self.queue.send(Queued { record, written: Some(written) }).await.is_ok() {
            // the writer drops its end when it is done, which is the signal
            let _ = done.await;
        }
    }

    /// Adds a record without waiting until it is written.
    pub fn enqueue(&self, record: Record) {
        if let Err(error) = self.queue.try_send(Queued { record: Some(record), written: None }) {
            let (mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost)) = error;
            tracing::error!(record = ?lost.record, "the queue of the audit log is full; this record is lost");
        }
    }
}

struct Writer {
    pool: PgPool,
    file: Option<AuditFile>,
    bursts: Bursts,
}

impl Writer {
    async fn run(mut self, mut queued: mpsc::Receiver<Queued>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let mut open = true;
            tokio::select! {
                received = queued.recv_many(&mut batch, BATCH) => open = received > 0,
                _ = tick.tick() => {}
            }
            let now = Instant::now();
            let (records, written): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|one| (one.record, one.written)).unzip();
            let flushes = !open || records.iter().any(Option::is_none);
            let records = records.into_iter().flatten();
            let mut rows: Vec<NewRecord> =
                records.filter_map(|record| self.bursts.admit(row_of(record), now)).collect();
            rows.extend(if flushes { self.bursts.rest() } else { self.bursts.due(now) });
            self.append(&rows).await;
            drop(written);
            if !open {
                return;
            }
        }
    }

    async fn append(&self, rows: &[NewRecord]) {
        if rows.is_empty() {
            return;
        }
        let appended = async {
            let mut conn = self.pool.acquire().await?;
            store::audit::append(&mut conn, rows).await
        };
        let appended: Vec<Option<Appended>> = match appended.await {
            Ok(appended) => appended.into_iter().map(Some).collect(),
            Err(error) => {
                tracing::error!(
                    error = crate::report::chain(&error),
                    records = ?rows,
                    "failed to write to the audit log"
                );
                vec![None; rows.len()]
            }
        };
        if let Some(file) = &self.file
            && let Err(error) = file.append(rows.iter().zip(&appended))
        {
            tracing::error!(%error, "failed to write to the audit log's file");
        }
    }
}

fn row_of(record: Record) -> NewRecord {
    let Record { actor, address, action, object, outcome, detail } = record;
    let detail = detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL).collect();
    NewRecord { actor, address, action: action.to_owned(), object, outcome, detail, times: 1 }
}
