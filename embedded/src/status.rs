//! How the parts are doing, written down by the supervisor and read by `lectern status`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;
use crate::layout::Layout;
use crate::process::{self, ProcessId};

/// All parts of one data folder.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Whether the supervisor is alive; if not, all parts are as it left them.
    pub running: bool,
    /// The supervisor's process.
    pub supervisor_pid: u32,
    /// The administrator's kubeconfig, when a cluster was started.
    pub kubeconfig: Option<PathBuf>,
    /// The database's address, when Postgres was started.
    pub database_url: Option<String>,
    /// The parts in the order of their names.
    pub parts: Vec<PartStatus>,
}

/// One part.
#[derive(Debug, Clone, Serialize)]
pub struct PartStatus {
    /// Its name, such as `kube-apiserver`.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// Resident memory of the process and its descendants, in bytes.
    pub memory_bytes: u64,
    /// How often it was started again after it died.
    pub restarts: u32,
    /// When the present process began, in seconds since 1970.
    pub since_unix_secs: u64,
    /// Why the previous process ended, if one did.
    pub last_end: Option<String>,
    /// Its log.
    pub log: PathBuf,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It was started and has not yet answered.
    Starting,
    /// It answers.
    Healthy,
    /// It runs and does not answer.
    Unhealthy,
    /// It died and is about to be started again.
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

/// The supervisor's own view of its parts; every change is written to the data folder.
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

    /// Changes what is known and writes it down. A failure to write is logged: the parts matter more than their record.
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

/// Seconds since 1970, for people to read.
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What the last supervisor wrote down; `None` when there was none.
pub(crate) fn read_record(layout: &Layout) -> Result<Option<Record>, Error> {
    files::read_json(&layout.status())
}

/// Reads how the parts of a data folder are doing, from any process.
///
/// # Errors
/// When nothing was ever started there, or the record cannot be read.
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
        memory_bytes: alive.map_or(0, |process| process::tree_memory_bytes(process.pid)),
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
