//! A copy of the audit log as JSON lines in a file, for log collectors, and out of reach of the database's owner.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use lectern_api::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::store::audit::{Appended, NewRecord};

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot append to the audit log's file {}; use --audit-log to name a file that this user may write", path.display())]
pub struct AuditFileError {
    pub path: PathBuf,
    #[source]
    pub source: std::io::Error,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub at: DateTime<Utc>,
    /// `None` if the record could not be written to the database.
    pub id: Option<i64>,
    pub actor: Option<UserId>,
    pub actor_name: Option<String>,
    pub address: String,
    pub action: String,
    pub object: String,
    pub object_name: Option<String>,
    pub outcome: String,
    pub detail: String,
    pub times: i32,
    /// The record's hash in the chain, in hexadecimal digits.
    pub hash: Option<String>,
}

/// The file, open for appending. After a log rotation has moved it away it is created again.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl AuditFile {
    /// Opens the file, or creates one that only its owner can read.
    pub fn open(path: &Path) -> Result<Self, AuditFileError> {
        let file = append_to(path).map_err(|source| AuditFileError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Appends a line for each record.
    pub(super) fn append<'a>(
        &self,
        records: impl Iterator<Item = (&'a NewRecord, &'a Option<Appended>)>,
    ) -> std::io::Result<()> {
        let mut text = Vec::new();
        for (record, appended) in records {
            serde_json::to_writer(&mut text, &line(record, appended.as_ref()))?;
            text.push(b'\n');
        }
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_here = match (std::fs::metadata(&self.path), file.metadata()) {
            (Ok(named), Ok(open)) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
            _ => false,
        };
        if !is_here {
            *file = append_to(&self.path)?;
        }
        file.write_all(&text)
    }
}

fn append_to(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a record that the database lacks has no other time than the system's"
)]
fn line(record: &NewRecord, appended: Option<&Appended>) -> Line {
    Line {
        at: appended.map_or_else(Utc::now, |row| row.at),
        id: appended.map(|row| row.id),
        actor: record.actor,
        actor_name: appended.and_then(|row| row.actor_name.clone()),
        address: record.address.clone(),
        action: record.action.clone(),
        object: record.object.clone(),
        object_name: appended.and_then(|row| row.object_name.clone()),
        outcome: record.outcome.clone(),
        detail: record.detail.clone(),
        times: record.times,
        hash: appended.map(|row| hex::encode(&row.hash)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> NewRecord {
        NewRecord {
            actor: None,
            address: "192.0.2.1".to_owned(),
            action: "sign_in".to_owned(),
            object: String::new(),
            outcome: "ok".to_owned(),
            detail: "a \"quoted\"\nword".to_owned(),
            times: 1,
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = AuditFile::open(&path).unwrap();
        file.append([(&record(), &None)].into_iter()).unwrap();
        std::fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
        file.append([(&record(), &None), (&record(), &None)].into_iter()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let first = std::fs::read_to_string(folder.path().join("audit.jsonl.1")).unwrap();
        let line: Line = serde_json::from_str(first.lines().next().unwrap()).unwrap();
        assert_eq!((line.address.as_str(), line.detail.as_str()), ("192.0.2.1", "a \"quoted\"\nword"));
    }
}
