//! The labs of all sources, reloaded when they change.
//!
//! A source is a folder, or is fetched from elsewhere into the server's cache. A lab whose files become invalid keeps
//! its last good version, and so do the labs of a source that cannot be fetched. Authors see what is wrong. One broken
//! lab never keeps another from loading.

pub mod draft;
mod fetch;
pub mod images;
mod index;
mod laying;
mod report;
mod scan;
mod session_problems;
pub mod source;
mod source_labs;
mod supplies;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use lectern_content::Lab;

use crate::config::portal::Portal;
pub use fetch::FetchError;
use index::LabIndex;
use session_problems::SessionProblems;
use source::Source;
use source_labs::SourceLabs;
use supplies::Supplies;

/// How often folders are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// The largest file that is served beside a page, in bytes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Why the catalogue cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A folder of labs cannot be read.
    #[error("cannot read the folder of labs {}; name an existing folder with --labs-dir or --labs", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: std::io::Error,
    },
    /// The cache for fetched labs cannot be used.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// No cache was named, and a temporary one cannot be created.
    #[error("cannot make a temporary folder for fetched labs; name a folder with --labs-cache-dir")]
    Cache(#[source] std::io::Error),
}

/// Who reads the catalogue. Each sees everything that those before see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Viewer {
    /// Sees the labs that can be started.
    Learner,
    /// Also sees what the platform does not allow them.
    Instructor,
    /// Also sees what is wrong with labs, labs that never loaded, and where labs come from.
    Author,
}

/// A file beside a lab's pages.
pub struct LabAsset {
    /// The media type.
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// What the catalogue is opened with.
#[derive(Clone, Debug)]
pub struct CatalogConfig {
    /// Where labs come from. If two sources have a lab of the same name, the first one counts.
    pub sources: Vec<Source>,
    /// How often sources that are not folders are checked.
    pub refresh_every: Duration,
    /// The folder for fetched labs. `None` for a temporary one.
    pub cache_dir: Option<PathBuf>,
    /// The maximum size of one source, in MiB.
    pub max_mib: u64,
    /// Hosts in private networks from which labs may name sources.
    pub inner_hosts: Vec<String>,
}

impl CatalogConfig {
    /// Returns the configuration for the labs of one folder.
    #[must_use]
    pub fn of_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            sources: vec![Source::Folder(dir.into())],
            refresh_every: Duration::from_secs(60),
            cache_dir: None,
            max_mib: 256,
            inner_hosts: vec![],
        }
    }
}

/// All labs. Clones share them.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    sources: Vec<SourceLabs>,
    index: RwLock<LabIndex>,
    session_problems: SessionProblems,
    supplies: Supplies,
    /// The folder for what is fetched.
    cache: PathBuf,
    reloading: Mutex<()>,
    refresh_every: Duration,
    /// The temporary cache. It is removed when the catalogue is dropped.
    _cache: Option<tempfile::TempDir>,
}

impl Catalog {
    /// Loads the labs of folders, and those that an earlier run fetched. Fetches nothing yet: [`Catalog::watch`] and
    /// [`Catalog::refresh`] do, for which [`crate::tls::install`] must have been called. Each lab is reduced to what the
    /// operator allows, so that nobody gets it otherwise.
    ///
    /// # Errors
    /// Fails if a folder of labs cannot be read or the cache cannot be used. Errors of single labs are kept with them.
    pub fn open(config: CatalogConfig, portal: &Portal) -> Result<Self, CatalogError> {
        let CatalogConfig { sources, refresh_every, cache_dir, max_mib, inner_hosts } = config;
        let temporary = match &cache_dir {
            None => {
                let made = tempfile::Builder::new().prefix("lectern-labs-").tempdir();
                Some(made.map_err(CatalogError::Cache)?)
            }
            Some(_) => None,
        };
        let cache = cache_dir.or_else(|| Some(temporary.as_ref()?.path().to_owned())).unwrap_or_default();
        let portal = Arc::new(portal.clone());
        let supplies = Supplies::new(&cache, max_mib, &inner_hosts);
        let sources = sources
            .into_iter()
            .map(|source| SourceLabs::open(source, &cache, &supplies, portal.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let catalog = Self(Arc::new(Inner {
            sources,
            index: RwLock::default(),
            session_problems: SessionProblems::default(),
            supplies,
            cache,
            reloading: Mutex::default(),
            refresh_every,
            _cache: temporary,
        }));
        catalog.reload()?;
        Ok(catalog)
    }

    /// Checks all sources for changes, forever.
    pub async fn watch(self) {
        let remote = (0..self.0.sources.len()).filter(|number| self.0.sources[*number].is_remote());
        let fetching = remote.map(|number| self.clone().watch_source(number));
        tokio::join!(self.watch_folders(), self.watch_supplies(), futures::future::join_all(fetching));
    }

    async fn watch_folders(&self) {
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            self.reload_in_background().await;
        }
    }

    async fn watch_source(self, number: usize) {
        loop {
            self.0.sources[number].fetch().await;
            self.reload_in_background().await;
            tokio::time::sleep(self.0.refresh_every).await;
        }
    }

    /// Fetches what labs name: what is new at once, and everything at the usual interval.
    async fn watch_supplies(&self) {
        loop {
            self.0.supplies.fetch(true).await;
            self.reload_in_background().await;
            let mut pause = std::pin::pin!(tokio::time::sleep(self.0.refresh_every));
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = self.0.supplies.wait_for_new() => {
                        self.0.supplies.fetch(false).await;
                        self.reload_in_background().await;
                    }
                }
            }
        }
    }

    /// Fetches every source that is not a folder and has changed, then what labs name, and reloads all labs.
    pub async fn refresh(&self) {
        futures::future::join_all(self.0.sources.iter().map(SourceLabs::fetch)).await;
        self.reload_in_background().await;
        self.0.supplies.fetch(true).await;
        self.reload_in_background().await;
    }

    /// Reloads on a thread that may block.
    async fn reload_in_background(&self) {
        let catalog = self.clone();
        match tokio::task::spawn_blocking(move || catalog.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "labs could not be reloaded"),
            Err(error) => tracing::error!(%error, "reloading labs failed"),
        }
    }

    /// Loads the labs that changed, and forgets those that are gone.
    ///
    /// # Errors
    /// Fails if a folder of labs cannot be read. The labs of the other sources are loaded all the same.
    pub fn reload(&self) -> Result<(), CatalogError> {
        // so that an older index never replaces a newer one
        let _one_at_a_time = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut result, mut is_different) = (Ok(()), false);
        for labs in &self.0.sources {
            match labs.reload() {
                Ok(different) => is_different |= different,
                Err(source) => {
                    let path = match &labs.source {
                        Source::Folder(path) => path.clone(),
                        other => other.to_string().into(),
                    };
                    result = Err(CatalogError::Folder { path, source });
                }
            }
        }
        if is_different {
            let index = index::index(&self.0.sources);
            *self.0.index.write().unwrap_or_else(PoisonError::into_inner) = index;
            self.remove_unused();
        }
        result
    }

    /// Removes from the cache what no lab names any more.
    fn remove_unused(&self) {
        let (mut supplies, mut laid) = (BTreeSet::new(), BTreeSet::new());
        for labs in &self.0.sources {
            labs.add_used(&mut supplies, &mut laid);
        }
        self.0.supplies.retain(&supplies);
        supplies::keep_only(&self.0.cache.join(laying::FOLDER), &laid);
    }

    /// Lists the labs by name, with what this viewer may see of them.
    #[must_use]
    pub fn list_labs(&self, viewer: Viewer) -> Vec<LabSummary> {
        let index = self.read();
        let summaries = index.iter().filter_map(|(slug, listed)| {
            let mut summary = listed.summary(slug, viewer)?;
            if viewer >= Viewer::Instructor
                && let Some(lab) = &listed.lab
            {
                summary.warnings.extend(self.0.session_problems.of(lab));
            }
            Some(summary)
        });
        summaries.collect()
    }

    /// Records what went wrong with a lab in a session, for those who can correct it. Kept until the lab changes
    /// or the server stops.
    pub fn note_problems(&self, lab: &Arc<Lab>, problems: Vec<LabProblem>) {
        self.0.session_problems.record(lab, problems);
    }

    /// Finds a lab by its name. Returns `None` if there is none, and `Some(Err(BrokenLab))` if it never loaded.
    #[must_use]
    pub fn find_lab(&self, slug: &LabSlug) -> Option<Result<Arc<Lab>, BrokenLab>> {
        self.read().get(slug).map(|listed| listed.lab.clone().ok_or(BrokenLab))
    }

    /// Reads a file beside the lab's pages. Returns `None` if there is none that may be served.
    pub async fn read_file(&self, slug: &LabSlug, path: &str) -> Option<LabAsset> {
        read_asset(&self.find_lab(slug)?.ok()?, path).await
    }

    fn read(&self) -> RwLockReadGuard<'_, LabIndex> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file beside a lab's pages. Returns `None` if there is none that may be served.
pub async fn read_asset(lab: &Arc<Lab>, path: &str) -> Option<LabAsset> {
    let (lab, path) = (lab.clone(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || lab.read_asset(&path, FILE_BYTES));
    let (found, bytes) = read.await.ok()??;
    let mime = mime_guess::from_path(&found).first_or_octet_stream().to_string();
    Some(LabAsset { mime, bytes })
}

/// A lab whose files never loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenLab;
