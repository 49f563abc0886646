//! Fetching labs from elsewhere: asks whether anything changed, and if so brings a whole new version beside the old.
//!
//! What is fetched is only ever read, never run: git runs without hooks, submodules, prompts and anybody's settings
//! and never makes a working tree; archives are unpacked here, with nothing that could lead out of their folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lectern_api::labs::LabProblem;
use serde::{Deserialize, Serialize};

use super::source::{Source, SubFolder};
use cache::Cache;
pub use error::FetchError;
use unpack::Budget;

mod cache;
mod error;
mod git;
mod oci;
mod tarball;
mod unpack;
mod web;

/// How long one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(600);
/// The most files that a source may hold.
const MAX_FILES: usize = 50_000;

/// A version of a source that lies here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// What it is: a commit or a digest.
    pub revision: String,
    /// What the server wants to be asked with whether there is another.
    #[serde(default)]
    pub tag: Option<Tag>,
    /// Its folder.
    pub folder: PathBuf,
    /// What of it was left out.
    #[serde(default)]
    pub left_out: Vec<LabProblem>,
}

/// How a web server marks a version of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tag {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What a source turned out to hold, before it has its place.
struct Fetched {
    revision: String,
    tag: Option<Tag>,
    left_out: Vec<LabProblem>,
}

/// Fetches one source again and again.
pub(super) struct Fetcher {
    source: Source,
    cache: Cache,
    max_mib: u64,
}

impl Fetcher {
    /// Begins with what an earlier run left in the cache.
    pub fn open(source: Source, cache: &Path, max_mib: u64) -> Result<Self, FetchError> {
        let cache = Cache::open(cache, &source)?;
        Ok(Self { source, cache, max_mib })
    }

    /// The version that lies here, if one does.
    pub fn present(&self) -> Option<Version> {
        self.cache.present()
    }

    /// Brings the source's version, where it is not the one that is `present`.
    ///
    /// # Errors
    /// Why the source cannot be had. What is present stays as it is.
    pub async fn fetch(&self, present: Option<&Version>) -> Result<Option<Version>, FetchError> {
        match tokio::time::timeout(FETCH_TIME, self.fetch_in_time(present)).await {
            Ok(result) => result,
            Err(_) => {
                Err(FetchError::TimeOut { subject: self.source.to_string(), secs: FETCH_TIME.as_secs() })
            }
        }
    }

    async fn fetch_in_time(&self, present: Option<&Version>) -> Result<Option<Version>, FetchError> {
        let draft = self.cache.draft()?;
        let budget = Budget::new(self.max_mib, MAX_FILES);
        let found = match &self.source {
            Source::Folder(_) => None,
            Source::Git(source) => git::fetch(source, present, draft.path(), budget).await?,
            Source::Tar(source) => tarball::fetch(source, present, draft.path(), budget).await?,
            Source::Oci(source) => oci::fetch(source, present, draft.path(), budget).await?,
        };
        let Some(Fetched { revision, tag, left_out }) = found else { return Ok(None) };
        self.cache.keep(draft, Version { revision, tag, folder: PathBuf::new(), left_out }).map(Some)
    }

    /// Removes the versions of which none of these paths is a part.
    pub fn sweep(&self, in_use: &[PathBuf]) {
        self.cache.sweep(in_use);
    }
}

/// Chooses the implementation of TLS for this process; of several calls the first counts. Web clients cannot be made
/// before that.
pub(super) fn choose_tls() {
    // fails where one was chosen already
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The folder of a draft into which a source's files go.
fn files_in(draft: &Path) -> PathBuf {
    draft.join(cache::FILES)
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(FetchError::Interrupted(error)),
    }
}

/// Makes sure that the folder in which the labs lie is there, and is one.
fn check_folder(files: &Path, folder: &SubFolder, subject: &str) -> Result<(), FetchError> {
    if folder.is_whole() {
        return Ok(());
    }
    let root = files.canonicalize().map_err(FetchError::cache("find the folder", files))?;
    let found = root.join(folder.as_str()).canonicalize();
    if found.is_ok_and(|found| found.starts_with(&root) && found.is_dir()) {
        return Ok(());
    }
    let entries = std::fs::read_dir(&root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    Err(FetchError::NoFolder {
        subject: subject.to_owned(),
        folder: folder.to_string(),
        there: listed(folders.map(|entry| entry.file_name().to_string_lossy().into_owned())),
    })
}

/// The first few of some names, in words.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    match names.len() {
        0 => "none".to_owned(),
        1..=8 => names.join(", "),
        more => format!("{}, and {} more", names[..8].join(", "), more - 8),
    }
}
