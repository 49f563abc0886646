//! The audit log: what was done or tried, by whom and from where, in rows that are only ever added.
//!
//! Records go through one queue to one task, which writes what has gathered with one statement: any number of them at
//! once cost one commit, and a request that starts a lab waits for none. Refusals in short succession become one record,
//! so that nobody fills the database with them. Which requests are recorded stands in the table of endpoints.

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

/// The outcome of what was done.
pub const OK: &str = "ok";
/// The address of the command line.
pub const CLI: &str = "cli";
/// The address of what the server does by itself.
pub const SERVER: &str = "server";

/// How many records may wait to be written.
const QUEUE: usize = 4096;
/// How many records are written at once.
const BATCH: usize = 256;
/// How often it is looked whether refusals were put off for long enough.
const TICK: Duration = Duration::from_secs(5);
/// The longest detail, in characters.
const LONGEST_DETAIL: usize = 200;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who did it.
    pub actor: Option<UserId>,
    /// Where the request came from.
    pub address: String,
    /// What was tried.
    pub action: &'static str,
    /// To what; see [`user`], [`class`], [`session`].
    pub object: String,
    /// [`OK`], or the code of the problem.
    pub outcome: String,
    /// More about it.
    pub detail: String,
}

/// The name of an account as an object.
#[must_use]
pub fn user(id: UserId) -> String {
    format!("user:{id}")
}

/// The name of a class as an object.
#[must_use]
pub fn class(id: ClassId) -> String {
    format!("class:{id}")
}

/// The name of a session as an object.
#[must_use]
pub fn session(id: SessionId) -> String {
    format!("session:{id}")
}

impl Record {
    /// Something that was done from the command line.
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

    /// Something that the server did by itself.
    #[must_use]
    pub fn by_server(action: &'static str, detail: String) -> Self {
        Self { address: SERVER.to_owned(), detail, ..Self::by_cli(action, String::new()) }
    }
}

struct Waiting {
    /// None: whoever waits only wants all that came before to be written.
    record: Option<Record>,
    /// Dropped when the record is written, or could not be.
    written: Option<oneshot::Sender<()>>,
}

/// The log. Clones share it.
#[derive(Clone, Debug)]
pub struct Audit {
    queue: mpsc::Sender<Waiting>,
}

impl Audit {
    /// The log on this database, and in a file too if one is named. Its task runs on the runtime that this is called on,
    /// until the last clone is gone.
    #[must_use]
    pub fn start(pool: PgPool, file: Option<AuditFile>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(Writer { pool, file, bursts: Bursts::default() }.run(waiting));
        Self { queue }
    }

    /// Records something, and returns when it is written.
    pub async fn write(&self, record: Record) {
        self.send(Some(record)).await;
    }

    /// Returns when everything is written that came before, refusals that were put off too.
    pub async fn flush(&self) {
        self.send(None).await;
    }

    async fn send(&self, record: Option<Record>) {
        let (written, done) = oneshot::channel();
        if self.queue.send(Waiting { record, written: Some(written) }).await.is_ok() {
            // an error is the sender's end, which means the same
            let _ = done.await;
        }
    }

    /// Records something soon.
    pub fn note(&self, record: Record) {
        if let Err(error) = self.queue.try_send(Waiting { record: Some(record), written: None }) {
            let (mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost)) = error;
            tracing::error!(record = ?lost.record, "the audit log takes no more; this is not recorded");
        }
    }
}

struct Writer {
    pool: PgPool,
    file: Option<AuditFile>,
    bursts: Bursts,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let mut open = true;
            tokio::select! {
                got = waiting.recv_many(&mut batch, BATCH) => open = got > 0,
                _ = tick.tick() => {}
            }
            let now = Instant::now();
            let (records, written): (Vec<_>, Vec<_>) = batch.drain(..).map(|w| (w.record, w.written)).unzip();
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
                    "could not write to the audit log"
                );
                vec![None; rows.len()]
            }
        };
        if let Some(file) = &self.file
            && let Err(error) = file.append(rows.iter().zip(&appended))
        {
            tracing::error!(%error, "could not write to the audit log's file");
        }
    }
}

fn row_of(record: Record) -> NewRecord {
    let Record { actor, address, action, object, outcome, detail } = record;
    let detail = detail.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect();
    NewRecord { actor, address, action: action.to_owned(), object, outcome, detail, times: 1 }
}
