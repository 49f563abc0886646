//! Verifying that the rows of the audit log are the ones that were written.

use std::collections::HashMap;
use std::io::BufRead;

use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::file::Line;
use crate::store::{self, StoreError};

/// How many rows one query reads.
const PAGE: i64 = 2000;

/// Why the rows could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot read line {line} of the audit log's file")]
    File {
        /// The line's number, from 1.
        line: usize,
        #[source]
        source: std::io::Error,
    },
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Evidence that rows were tampered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("record {0} is missing")]
    Missing(i64),
    /// This row or one before it is not what was written.
    #[error("record {0} was changed, or one before it")]
    Changed(i64),
    /// The newest rows are missing.
    #[error("the records after {0} are missing")]
    CutOff(i64),
    #[error("record {0} differs from the file")]
    DiffersFromFile(i64),
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows were read.
    pub records: u64,
    /// The newest row's id, and its hash in hexadecimal digits. As long as they match a copy kept elsewhere, no row
    /// up to this one has changed.
    pub last: (i64, String),
    /// The newest row that was deleted because of its age; 0 if none was.
    pub pruned_id: i64,
    /// The first fault found.
    pub fault: Option<Fault>,
}

/// Reads all rows and recomputes their hashes. Compares them with the lines of the log's file, too, if it is given.
pub async fn verify(pool: &PgPool, file: Option<&mut dyn BufRead>) -> Result<Verified, VerifyError> {
    let mut conn = pool.acquire().await?;
    let chain = store::audit::find_chain(&mut conn).await?;
    let mut in_file = file.map(hashes_in_file).transpose()?.unwrap_or_default();
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
            } else if in_file.remove(&link.id).is_some_and(|expected| expected != hex::encode(&hash)) {
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
    // last_id may be larger: rows may have been added since the chain's end was read
    if fault.is_none() && last_id < chain.last_id {
        fault = Some(Fault::CutOff(last_id));
    }
    if fault.is_none() && in_file.keys().any(|id| *id > last_id) {
        fault = Some(Fault::CutOff(last_id));
    }
    Ok(Verified { records, last: (last_id, hex::encode(last_hash)), pruned_id: chain.pruned_id, fault })
}

fn hashes_in_file(file: &mut dyn BufRead) -> Result<HashMap<i64, String>, VerifyError> {
    let mut hashes = HashMap::new();
    for (index, text) in file.lines().enumerate() {
        let bad = |source| VerifyError::File { line: index + 1, source };
        let line: Line = serde_json::from_str(&text.map_err(bad)?).map_err(|error| bad(error.into()))?;
        if let (Some(id), Some(hash)) = (line.id, line.hash) {
            hashes.insert(id, hash);
        }
    }
    Ok(hashes)
}
