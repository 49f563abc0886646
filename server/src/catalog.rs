//! Which labs there are: those of all sources, loaded again when they change.
//!
//! A source is a folder, or is fetched from elsewhere into a folder of the server's. A lab whose files became wrong
//! keeps its last good version, and so do the labs of a source that cannot be fetched; what is wrong is shown to
//! authors. One broken lab never keeps another from loading.

pub mod draft;
mod fetch;
mod index;
mod left_out;
mod scan;
mod shelf;
pub mod source;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use lectern_content::Lab;

use crate::config::CatalogConfig;
use crate::config::portal::Portal;
pub use fetch::FetchError;
use index::Index;
use shelf::Shelf;
use source::Source;

/// How often folders are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The largest picture that is served, in bytes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Why the catalogue cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A folder of labs cannot be read.
    #[error("cannot read the folder of labs {}; name an existing folder with --labs-dir or --labs", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no place for what is fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is no place for what is fetched, as none was named.
    #[error("cannot make a temporary folder for fetched labs; name a folder with --labs-cache-dir")]
    Cache(#[source] std::io::Error),
}

/// Who looks at the catalogue; each sees what those before see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Viewer {
    /// The labs that can be started.
    Learner,
    /// What of them the platform does not let them have, too.
    Instructor,
    /// What is wrong with labs, those that never loaded, and where labs come from, too.
    Author,
}

/// A file beside a lab's pages.
pub struct LabAsset {
    /// Its media type.
    pub mime: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// All labs. Clones share them.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    shelves: Vec<Shelf>,
    index: RwLock<Index>,
    /// Objects of labs that the cluster refused.
    left_out: left_out::LeftOut,
    reloading: Mutex<()>,
    refresh_every: Duration,
    /// Removed at the end, where the operator named no other folder.
    _cache: Option<tempfile::TempDir>,
}

impl Catalog {
    /// Loads the folders, and what an earlier run fetched; fetches nothing yet. Each lab is brought down to what the
    /// operator allows it, so that nobody gets it otherwise.
    ///
    /// # Errors
    /// [`CatalogError`]. What is wrong with single labs is kept with them.
    pub fn open(config: &CatalogConfig, portal: &Portal) -> Result<Self, CatalogError> {
        fetch::choose_tls();
        let sources = config.sources();
        let is_remote = |source: &Source| !matches!(source, Source::Folder(_));
        let temporary = match &config.labs_cache_dir {
            None if sources.iter().any(is_remote) => {
                let made = tempfile::Builder::new().prefix("lectern-labs-").tempdir();
                Some(made.map_err(CatalogError::Cache)?)
            }
            _ => None,
        };
        let cache = config.labs_cache_dir.clone().or_else(|| Some(temporary.as_ref()?.path().to_owned()));
        let cache = cache.unwrap_or_default();
        let portal = Arc::new(portal.clone());
        let shelves = sources
            .into_iter()
            .map(|source| Shelf::open(source, &cache, config.labs_max_mib, portal.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let catalog = Self(Arc::new(Inner {
            shelves,
            index: RwLock::default(),
            left_out: left_out::LeftOut::default(),
            reloading: Mutex::default(),
            refresh_every: Duration::from_secs(config.labs_refresh_secs),
            _cache: temporary,
        }));
        catalog.reload()?;
        Ok(catalog)
    }

    /// Looks for changed labs, in folders and elsewhere, for ever.
    pub async fn watch(self) {
        let remote = (0..self.0.shelves.len()).filter(|number| self.0.shelves[*number].is_remote());
        let fetching = remote.map(|number| self.clone().watch_source(number));
        tokio::join!(self.watch_folders(), futures::future::join_all(fetching));
    }

    async fn watch_folders(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.reload_elsewhere().await;
        }
    }

    async fn watch_source(self, number: usize) {
        loop {
            self.0.shelves[number].fetch().await;
            self.reload_elsewhere().await;
            tokio::time::sleep(self.0.refresh_every).await;
        }
    }

    /// Asks every source that is not a folder whether it changed, brings what did, and loads it.
    pub async fn refresh(&self) {
        futures::future::join_all(self.0.shelves.iter().map(Shelf::fetch)).await;
        self.reload_elsewhere().await;
    }

    /// Reloads on a thread that may block.
    async fn reload_elsewhere(&self) {
        let catalog = self.clone();
        match tokio::task::spawn_blocking(move || catalog.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the labs could not be looked at"),
            Err(error) => tracing::error!(%error, "looking at the labs failed"),
        }
    }

    /// Loads what changed since it was loaded last, and forgets what is gone.
    ///
    /// # Errors
    /// [`CatalogError::Folder`]; the labs of the other sources are loaded all the same.
    pub fn reload(&self) -> Result<(), CatalogError> {
        // so that an older index never takes the place of a newer one
        let _one_at_a_time = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut result, mut is_different) = (Ok(()), false);
        for shelf in &self.0.shelves {
            match shelf.look() {
                Ok(different) => is_different |= different,
                Err(source) => {
                    let path = match &shelf.source {
                        Source::Folder(path) => path.clone(),
                        other => other.to_string().into(),
                    };
                    result = Err(CatalogError::Folder { path, source });
                }
            }
        }
        if is_different {
            let index = index::index(&self.0.shelves);
            *self.0.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        }
        result
    }

    /// The labs by name, with what concerns such a viewer.
    #[must_use]
    pub fn list_labs(&self, viewer: Viewer) -> Vec<LabSummary> {
        let index = self.read();
        let summaries = index.iter().filter_map(|(slug, listed)| {
            let mut summary = listed.summary(slug, viewer)?;
            if viewer >= Viewer::Instructor
                && let Some(lab) = &listed.lab
            {
                summary.warnings.extend(self.0.left_out.of(lab));
            }
            Some(summary)
        });
        summaries.collect()
    }

    /// Notes that the cluster let none of a lab's learners have these objects, for whoever may mend it. Kept until the
    /// lab changes or the server ends.
    pub fn note_left_out(&self, lab: &Arc<Lab>, problems: Vec<LabProblem>) {
        self.0.left_out.note(lab, problems);
    }

    /// A lab that can be started: `None` where there is none, `Some(Err(()))` where it never loaded.
    #[must_use]
    pub fn find_lab(&self, slug: &LabSlug) -> Option<Result<Arc<Lab>, BrokenLab>> {
        self.read().get(slug).map(|listed| listed.lab.clone().ok_or(BrokenLab))
    }

    /// Reads a file that lies beside the lab's pages.
    pub async fn read_file(&self, slug: &LabSlug, path: &str) -> Option<LabAsset> {
        read_asset(&self.find_lab(slug)?.ok()?, path).await
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file that lies beside a lab's pages.
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
