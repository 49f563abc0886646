//! The labs of one source: reloads those that changed, and keeps the last good version of each.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lectern_api::labs::LabProblem;
use lectern_content::Lab;

use super::fetch::{FetchError, Fetcher, Version};
use super::report::LabReport;
use super::scan::{self, Signature};
use super::source::Source;
use super::supplies::Supplies;
use crate::config::portal::Portal;
use crate::report;
use load::Loader;

mod load;

/// A source and its labs.
pub(super) struct SourceLabs {
    pub source: Source,
    loader: Loader,
    /// `None` for a folder, which is read in place.
    fetcher: Option<Fetcher>,
    state: Mutex<State>,
    /// Held while fetching: a second fetch at the same time would gain nothing.
    fetching: tokio::sync::Mutex<()>,
}

/// The present state of a source.
#[derive(Default)]
pub(super) struct State {
    /// The labs, by folder below the source's.
    pub entries: BTreeMap<PathBuf, Entry>,
    /// Why the last fetch failed. `None` if it succeeded.
    pub problem: Option<LabProblem>,
    /// The version that was fetched last. `None` for a folder, and before the first fetch.
    version: Option<Version>,
    /// The folder of the version before, which a session may be reading.
    former: Option<PathBuf>,
    /// The folder from which the entries were loaded.
    loaded: Option<PathBuf>,
    /// Whether a fetch changed anything since the last reload.
    is_fresh: bool,
}

/// The labs of one folder of a source: one for each of its Workshop resources.
pub(super) struct Entry {
    signature: Signature,
    /// The last versions that loaded.
    pub labs: Vec<LoadedLab>,
    /// Why the present files do not load, and what could not be fetched for them.
    pub problems: Vec<LabProblem>,
    /// What the lab names to be fetched, and how that was when it was loaded.
    supplies: Vec<String>,
    stamp: u64,
}

/// A lab, and what lint says about it.
#[derive(Clone)]
pub(super) struct LoadedLab {
    pub lab: Arc<Lab>,
    pub report: Arc<LabReport>,
}

impl State {
    /// Returns the links below a lab's folder that were left out when it was fetched.
    pub fn left_out(&self, lab: &Path) -> impl Iterator<Item = &LabProblem> {
        let found = self.version.iter().flat_map(|version| &version.left_out);
        let lab = lab.to_owned();
        found.filter(move |problem| Path::new(&problem.file).starts_with(&lab))
    }

    /// Returns whether anything was fetched.
    pub fn is_fetched(&self) -> bool {
        self.version.is_some()
    }
}

impl SourceLabs {
    /// Opens a source with what an earlier run left in the cache.
    pub fn open(
        source: Source,
        cache: &Path,
        supplies: &Supplies,
        portal: Arc<Portal>,
    ) -> Result<Self, FetchError> {
        let fetcher = match source {
            Source::Folder(_) => None,
            _ => Some(Fetcher::open(source.clone(), cache, supplies.max_mib())?),
        };
        let loader = Loader::new(&source, cache, supplies.clone(), portal);
        let version = fetcher.as_ref().and_then(Fetcher::present);
        let state = Mutex::new(State { version, ..State::default() });
        Ok(Self { source, loader, fetcher, state, fetching: tokio::sync::Mutex::default() })
    }

    /// Returns whether the source must be fetched.
    pub fn is_remote(&self) -> bool {
        self.fetcher.is_some()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // a panic while writing leaves complete entries, which can still be read
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the source's version if it is a new one.
    pub async fn fetch(&self) {
        let Some(fetcher) = &self.fetcher else { return };
        let _one_at_a_time = self.fetching.lock().await;
        let present = self.state().version.clone();
        let result = fetcher.fetch(present.as_ref()).await;
        let mut state = self.state();
        let before = state.problem.take();
        match result {
            Ok(None) => state.is_fresh |= before.is_some(),
            Ok(Some(version)) => {
                tracing::info!(source = %self.source, revision = version.revision, "fetched labs");
                state.former = state.version.take().map(|former| former.folder);
                state.version = Some(version);
                state.is_fresh = true;
            }
            Err(error) => {
                let message = report::chain(&error);
                if before.as_ref().is_none_or(|before| before.message != message) {
                    state.is_fresh = true;
                    tracing::warn!(source = %self.source, error = message, "labs could not be fetched; the previous version stays");
                }
                let file = self.source.to_string();
                state.problem = Some(LabProblem { file, line: None, message, hint: None });
            }
        }
    }

    /// Loads the labs that changed, and forgets those that are gone. Returns whether anything is different now.
    ///
    /// # Errors
    /// Fails if the source's folder cannot be read.
    pub fn reload(&self) -> io::Result<bool> {
        let mut state = self.state();
        let (root, folders) = match (&self.source, &state.version) {
            (Source::Folder(root), _) => (root.clone(), scan::list_labs(root)?),
            (_, None) => return Ok(std::mem::take(&mut state.is_fresh)),
            (_, Some(version))
                if state.loaded.as_ref() == Some(&version.folder)
                    && state.entries.values().all(|entry| self.loader.is_current(entry)) =>
            {
                return Ok(std::mem::take(&mut state.is_fresh));
            }
            (_, Some(version)) => {
                let root = self.source.labs_in(&version.folder);
                let folders = scan::list_labs(&root)?;
                (root, folders)
            }
        };
        let before = state.entries.len();
        state.entries.retain(|folder, _| folders.contains(folder));
        let mut is_different = state.entries.len() != before || std::mem::take(&mut state.is_fresh);
        state.loaded = state.version.as_ref().map(|version| version.folder.clone());
        for folder in folders {
            if let Some(link) = scan::others_link(&root, &folder) {
                tracing::warn!(lab.folder = %link.display(), "a lab is left out: another user replaced its folder by a link");
                is_different |= state.entries.remove(&folder).is_some();
                continue;
            }
            let path = scan::joined(&root, &folder);
            let signature = scan::signature(&path);
            let is_current = |entry: &Entry| entry.signature == signature && self.loader.is_current(entry);
            if !state.entries.get(&folder).is_some_and(is_current) {
                let former = state.entries.remove(&folder);
                let entry = self.loader.load((&path, &folder), signature, former);
                state.entries.insert(folder, entry);
                is_different = true;
            }
        }
        drop(state);
        self.sweep();
        Ok(is_different)
    }

    /// Adds what the labs name to be fetched, and the folders in which they are laid out.
    pub fn add_used(&self, supplies: &mut BTreeSet<String>, laid: &mut BTreeSet<String>) {
        for (folder, entry) in &self.state().entries {
            supplies.extend(entry.supplies.iter().cloned());
            laid.insert(self.loader.laid_name(folder));
        }
    }

    /// Removes fetched versions from which no lab is read any more.
    fn sweep(&self) {
        let Some(fetcher) = &self.fetcher else { return };
        let state = self.state();
        let labs = state.entries.values().flat_map(|entry| &entry.labs).map(|one| one.lab.root().to_owned());
        let in_use: Vec<PathBuf> = labs.chain(state.former.clone()).collect();
        drop(state);
        fetcher.sweep(&in_use);
    }
}
