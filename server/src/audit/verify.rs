//! Whether the rows of the audit log are those that were added.

use std::io::BufRead;

use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::file::Line;
use crate::store::{self, StoreError};

/// How many rows are read at once.
const PAGE: i64 = 2000;

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read.
    #[error("cannot read line {line} of the audit log's file")]
    File {
        /// Which line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What is wrong with the rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A row is missing.
    #[error("record {0} is missing")]
    Missing(i64),
    /// A row is not what it was when it was added, or one before it was exchanged.
    #[error("record {0} was changed, or one before it")]
    Changed(i64),
    /// The newest rows are missing.
    #[error("the records after {0} are missing")]
    CutOff(i64),
    /// A row is not what the file says that was added.
    #[error("record {0} differs from the file")]
    DiffersFromFile(i64),
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows were read.
    pub records: u64,
    /// The newest row's number, and its hash in hexadecimal digits: as long as these are the same as those that were
    /// noted elsewhere, so are all rows before it.
    pub last: (i64, String),
    /// The newest row that was removed because of its age; 0: none was.
    pub pruned_id: i64,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// Reads all rows and computes their hashes anew; compares them with the lines of the log's file, too, if it is given.
///
/// # Errors
/// [`VerifyError`].
pub async fn verify(pool: &PgPool, file: Option<&mut dyn BufRead>) -> Result<Verified, VerifyError> {
    let mut conn = pool.acquire().await?;
    let chain = store::audit::find_chain(&mut conn).await?;
    let mut noted = file.map(noted_hashes).transpose()?.unwrap_or_default();
    let (mut last_id, mut last_hash, mut records) = (chain.pruned_id, chain.pruned_hash.clone(), 0);
    let mut fault = None;
    'pages: loop {
        let page = store::audit::list_links(&mut conn, last_id, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for link in page {
            let hash =
                Sha256::new().chain_update(&last_hash).chain_update(link.covered.as_bytes()).finalize();
            let hash = hash.to_vec();
            fault = if link.id != last_id + 1 {
                Some(Fault::Missing(last_id + 1))
            } else if hash != link.hash {
                Some(Fault::Changed(link.id))
            } else if noted.remove(&link.id).is_some_and(|noted| noted != hex::encode(&hash)) {
                Some(Fault::DiffersFromFile(link.id))
            } else {
                None
            };
            if fault.is_some() {
                break 'pages;
            }
            (last_id, last_hash) = (link.id, hash);
            records += 1;
        }
    }
    // rows may have been added since the chain's end was read
    if fault.is_none() && last_id < chain.last_id {
        fault = Some(Fault::CutOff(last_id));
    }
    if fault.is_none() && noted.keys().any(|id| *id > last_id) {
        fault = Some(Fault::CutOff(last_id));
    }
    Ok(Verified { records, last: (last_id, hex::encode(last_hash)), pruned_id: chain.pruned_id, fault })
}

fn noted_hashes(file: &mut dyn BufRead) -> Result<std::collections::HashMap<i64, String>, VerifyError> {
    let mut noted = std::collections::HashMap::new();
    for (place, text) in file.lines().enumerate() {
        let bad = |source| VerifyError::File { line: place + 1, source };
        let line: Line = serde_json::from_str(&text.map_err(bad)?).map_err(|error| bad(error.into()))?;
        if let (Some(id), Some(hash)) = (line.id, line.hash) {
            noted.insert(id, hash);
        }
    }
    Ok(noted)
}
