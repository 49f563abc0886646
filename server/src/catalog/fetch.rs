//! Fetches labs from elsewhere: checks whether a source changed, and if so puts a whole new version beside the old one.
//!
//! Fetched files are only read, never run. Git runs without hooks, submodules, prompts and anybody's settings, and never
//! creates a working tree. Archives are unpacked here, without anything that leads out of their folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lectern_api::labs::LabProblem;
use serde::{Deserialize, Serialize};

use super::source::{Source, SubFolder};
use cache::Cache;
pub use error::FetchError;
pub(super) use gate::Gate;
pub(super) use oci::{Answer, ask as ask_registry};
use unpack::Budget;

pub(super) mod cache;
mod error;
mod gate;
mod git;
mod oci;
mod tarball;
mod unpack;
mod web;

/// How long one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(600);
/// The most files that a source may hold.
const MAX_FILES: usize = 50_000;

/// A version of a source in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// The commit or digest.
    pub revision: String,
    /// The validators for a conditional request. `None` if the server sends none.
    #[serde(default)]
    pub tag: Option<Tag>,
    pub folder: PathBuf,
    /// Links that were left out.
    #[serde(default)]
    pub left_out: Vec<LabProblem>,
}

/// The validators that a web server sends with a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tag {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// A version that was just fetched, before it is put in its place.
struct Fetched {
    revision: String,
    tag: Option<Tag>,
    left_out: Vec<LabProblem>,
}

/// What the author of a lab wants of a file from the web, which need not be an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileWish {
    /// The hash that it must have, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Whether an archive stays packed.
    pub keeps_archive: bool,
}

/// Fetches one source repeatedly.
pub(super) struct Fetcher {
    source: Source,
    cache: Cache,
    max_mib: u64,
    git: git::Environment,
    /// What a lab's author named goes through this. `None` for what the operator named.
    gate: Option<Gate>,
    wish: Option<FileWish>,
}

impl Fetcher {
    /// Opens the source's folder in the cache, which may hold what an earlier run fetched.
    pub fn open(source: Source, cache: &Path, max_mib: u64) -> Result<Self, FetchError> {
        let cache = Cache::open(cache, &source)?;
        Ok(Self { source, cache, max_mib, git: git::Environment::read(), gate: None, wish: None })
    }

    /// Opens a source that a lab's author names, with a folder of its own for its versions. It is fetched through the gate
    /// and without any of the operator's credentials.
    pub fn open_for_author(
        source: Source,
        folder: PathBuf,
        max_mib: u64,
        gate: Gate,
        wish: FileWish,
    ) -> Result<Self, FetchError> {
        let cache = Cache::open_at(folder)?;
        let git = git::Environment::read().for_authors(gate.is_used());
        Ok(Self { source, cache, max_mib, git, gate: Some(gate), wish: Some(wish) })
    }

    /// Returns the version in the cache, if there is one.
    pub fn present(&self) -> Option<Version> {
        self.cache.present()
    }

    /// Fetches the source's current version. Returns `None` if it is the `present` one.
    ///
    /// # Errors
    /// Fails if the source cannot be fetched. The present version stays as it is.
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
        let proxy = match &self.gate {
            Some(gate) => {
                gate.check(&self.source.host().unwrap_or_default()).await?;
                gate.address().await?
            }
            None => None,
        };
        let draft_path = draft.path();
        let found = match &self.source {
            Source::Folder(_) => None,
            Source::Git(source) => git::fetch(source, &self.git, proxy, present, draft_path, budget).await?,
            Source::Tar(source) => {
                tarball::fetch(source, self.wish.as_ref(), proxy, present, draft_path, budget).await?
            }
            Source::Oci(source) => oci::fetch(source, proxy, present, draft_path, budget).await?,
        };
        let Some(Fetched { revision, tag, left_out }) = found else { return Ok(None) };
        self.cache.keep(draft, Version { revision, tag, folder: PathBuf::new(), left_out }).map(Some)
    }

    /// Removes the versions that contain none of these paths.
    pub fn sweep(&self, in_use: &[PathBuf]) {
        self.cache.sweep(in_use);
    }
}

/// Returns the folder of a draft for the source's files.
fn files_in(draft: &Path) -> PathBuf {
    draft.join(cache::FILES)
}

/// Runs blocking work on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(FetchError::Interrupted(error)),
    }
}

/// Checks that the folder that contains the labs exists and is a folder.
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

/// Lists the first few of some names in words.
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
