//! The status of the parts: written by the supervisor, read by `lectern status`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::data_dir::layout::Layout;
use crate::error::Error;
use crate::files;
use crate::process::table::{self, ProcessId};

/// The status of all parts of a data folder.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Whether the supervisor is alive. If not, the parts are shown as it left them.
    pub running: bool,
    /// The process id of the supervisor.
    pub supervisor_pid: u32,
    /// The administrator's kubeconfig. `None` without a cluster.
    pub kubeconfig: Option<PathBuf>,
    /// The database's address. `None` without Postgres.
    pub database_url: Option<String>,
    /// The parts, sorted by name.
    pub parts: Vec<PartStatus>,
}

/// The status of one part.
#[derive(Debug, Clone, Serialize)]
pub struct PartStatus {
    /// The part's name, such as `kube-apiserver`.
    pub name: String,
    /// The part's health.
    pub health: Health,
    /// The process id. `None` if the part does not run.
    pub pid: Option<u32>,
    /// Resident memory of the process and its descendants, in bytes.
    pub memory_bytes: u64,
    /// How often the part was restarted after it died.
    pub restarts: u32,
    /// When the current process started, in seconds since 1970.
    pub since_unix_secs: u64,
    /// Why the previous process ended, if one did.
    pub last_end: Option<String>,
    /// The path of the part's log.
    pub log: PathBuf,
}

/// The health of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It was started and has not answered yet.
    Starting,
    /// It answers.
    Healthy,
    /// It runs but does not answer.
    Unhealthy,
    /// It died and is about to be restarted.
    Restarting,
    /// It does not run.
    Stopped,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) process: Option<ProcessId>,
    pub(crate) health: Health,
    pub(crate) restarts: u32,
    pub(crate) since_unix_secs: u64,
    pub(crate) last_end: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) supervisor: Option<ProcessId>,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) database_url: Option<String>,
    pub(crate) parts: BTreeMap<String, PartRecord>,
}

/// The supervisor's view of its parts. Every change is written to the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    path: Arc<PathBuf>,
    record: Arc<Mutex<Record>>,
}

impl Board {
    pub(crate) fn new(layout: &Layout) -> Self {
        let record = Record {
            supervisor: ProcessId::myself(),
            kubeconfig: None,
            database_url: None,
            parts: BTreeMap::new(),
        };
        Self { path: Arc::new(layout.status()), record: Arc::new(Mutex::new(record)) }
    }

    /// Changes the record and writes it. A failure to write is only logged: the parts matter more than their record.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Record)) {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut record);
        if let Err(error) = files::replace_json(&self.path, &*record) {
            tracing::warn!(error = %error, "could not write the status file");
        }
    }

    pub(crate) fn change_part(&self, name: &str, change: impl FnOnce(&mut PartRecord)) {
        self.change(|record| {
            let part = record.parts.entry(name.to_owned()).or_insert_with(|| PartRecord {
                process: None,
                health: Health::Starting,
                restarts: 0,
                since_unix_secs: 0,
                last_end: None,
            });
            change(part);
        });
    }

    pub(crate) fn restarts(&self, name: &str) -> u32 {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.parts.get(name).map_or(0, |part| part.restarts)
    }

    pub(crate) fn health(&self, name: &str) -> Option<Health> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.parts.get(name).map(|part| part.health)
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the crate's clock")]
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads the record of the last supervisor. Returns `None` if there was none.
pub(crate) fn read_record(layout: &Layout) -> Result<Option<Record>, Error> {
    files::read_json(&layout.status())
}

/// Reads the status of the parts of a data folder; any process may.
///
/// # Errors
/// Fails if nothing was ever started there, or the record cannot be read.
pub fn read_status(data_dir: &Path) -> Result<Status, Error> {
    let data_dir =
        data_dir.canonicalize().map_err(|_| Error::NeverStarted { data_dir: data_dir.to_owned() })?;
    let layout = Layout::new(&data_dir);
    let record = read_record(&layout)?.ok_or(Error::NeverStarted { data_dir })?;
    let running = record.supervisor.is_some_and(ProcessId::is_alive);
    let parts = record.parts.into_iter().map(|(name, part)| part_status(&layout, name, part)).collect();
    Ok(Status {
        running,
        supervisor_pid: record.supervisor.map_or(0, |process| process.pid),
        kubeconfig: record.kubeconfig,
        database_url: record.database_url,
        parts,
    })
}

fn part_status(layout: &Layout, name: String, part: PartRecord) -> PartStatus {
    let alive = part.process.filter(|process| process.is_alive());
    PartStatus {
        health: match (alive, part.health) {
            (None, Health::Starting | Health::Healthy | Health::Unhealthy) => Health::Stopped,
            (_, health) => health,
        },
        pid: alive.map(|process| process.pid),
        memory_bytes: alive.map_or(0, |process| table::tree_memory_bytes(process.pid)),
        restarts: part.restarts,
        since_unix_secs: part.since_unix_secs,
        last_end: part.last_end,
        log: layout.log(&name),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_whose_process_is_gone_is_shown_as_stopped_whatever_was_written() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::new(folder.path().canonicalize().expect("path"));
        files::create_private_dir(&layout.run()).expect("run");
        let board = Board::new(&layout);
        board.change_part("etcd", |part| {
            part.health = Health::Healthy;
            part.process = Some(ProcessId { pid: std::process::id(), started: 1 });
        });
        let status = read_status(folder.path()).expect("status");
        assert!(status.running);
        assert_eq!((status.parts[0].health, status.parts[0].pid), (Health::Stopped, None));
    }

    #[test]
    fn a_folder_where_nothing_ran_says_so() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(matches!(read_status(folder.path()), Err(Error::NeverStarted { .. })));
    }
}
