//! Which labs there are: loads the folder of labs, and loads a lab again when its files change.
//!
//! A lab whose files became wrong keeps its last good version; what is wrong is shown to authors. One broken lab
//! never keeps another from loading.

mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use lectern_content::Lab;

use crate::config::CatalogConfig;
use scan::Signature;

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The largest picture that is served, in bytes.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Why the catalogue cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The folder of labs cannot be read.
    #[error("cannot read the folder of labs {}; name an existing folder with --labs-dir", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A file beside a lab's pages.
pub struct LabAsset {
    /// Its media type.
    pub mime: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

struct Entry {
    folder: PathBuf,
    signature: Signature,
    /// The last version that loaded.
    lab: Option<Arc<Lab>>,
    /// What is wrong with the present files.
    problems: Vec<LabProblem>,
}

/// All labs. Clones share them.
#[derive(Clone)]
pub struct Catalog {
    dir: PathBuf,
    entries: Arc<RwLock<BTreeMap<LabSlug, Entry>>>,
}

impl Catalog {
    /// Loads the folder.
    ///
    /// # Errors
    /// [`CatalogError::Folder`]. What is wrong with single labs is kept with them.
    pub fn open(config: &CatalogConfig) -> Result<Self, CatalogError> {
        let catalog = Self { dir: config.labs_dir.clone(), entries: Arc::default() };
        catalog.reload()?;
        Ok(catalog)
    }

    /// Looks for changed labs for ever.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let catalog = self.clone();
            match tokio::task::spawn_blocking(move || catalog.reload()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the labs could not be looked at"),
                Err(error) => tracing::error!(%error, "looking at the labs failed"),
            }
        }
    }

    /// Loads what changed since it was loaded last, and forgets what is gone.
    ///
    /// # Errors
    /// [`CatalogError::Folder`].
    pub fn reload(&self) -> Result<(), CatalogError> {
        let folders = scan::list_lab_folders(&self.dir)
            .map_err(|source| CatalogError::Folder { path: self.dir.clone(), source })?;
        let mut known: BTreeMap<PathBuf, Signature> =
            self.read().values().map(|entry| (entry.folder.clone(), entry.signature)).collect();
        for folder in &folders {
            let signature = scan::signature(folder);
            if known.remove(folder) != Some(signature) {
                self.load_one(folder, signature);
            }
        }
        self.write().retain(|_, entry| folders.contains(&entry.folder));
        Ok(())
    }

    fn load_one(&self, folder: &Path, signature: Signature) {
        let loaded = Lab::load(folder);
        let mut entries = self.write();
        match loaded {
            Ok(lab) => {
                let slug = lab.slug.clone();
                if let Some(other) = entries.get(&slug).filter(|e| e.folder != folder) {
                    let message = format!("the lab {slug} is already in {}", other.folder.display());
                    tracing::warn!(lab.slug = %slug, lab.folder = %folder.display(), "{message}");
                    let problem = LabProblem {
                        file: folder.display().to_string(),
                        line: None,
                        message,
                        hint: Some("give one of them another name in resources/workshop.yaml".into()),
                    };
                    if let Some(entry) = entries.get_mut(&slug) {
                        entry.problems.retain(|p| p.file != problem.file);
                        entry.problems.push(problem);
                    }
                    return;
                }
                entries.retain(|_, e| e.folder != folder);
                tracing::info!(lab.slug = %slug, lab.pages = lab.pages.len(), "loaded a lab");
                let entry = Entry {
                    folder: folder.to_owned(),
                    signature,
                    lab: Some(Arc::new(lab)),
                    problems: vec![],
                };
                entries.insert(slug, entry);
            }
            Err(error) => {
                for diagnostic in &error.diagnostics {
                    tracing::warn!(lab.folder = %folder.display(), "a lab is broken: {diagnostic}");
                }
                let problems: Vec<LabProblem> = error.diagnostics.into_iter().map(LabProblem::from).collect();
                match entries.values_mut().find(|e| e.folder == folder) {
                    Some(entry) => {
                        entry.problems = problems;
                        entry.signature = signature;
                    }
                    None => {
                        let entry = Entry { folder: folder.to_owned(), signature, lab: None, problems };
                        entries.insert(scan::slug_of_folder(folder), entry);
                    }
                }
            }
        }
    }

    /// The labs by name. What is wrong with them is told to authors only, as are labs that never loaded.
    #[must_use]
    pub fn list_labs(&self, for_author: bool) -> Vec<LabSummary> {
        self.read()
            .iter()
            .filter_map(|(slug, entry)| {
                let errors = if for_author { entry.problems.clone() } else { vec![] };
                match &entry.lab {
                    Some(lab) => Some(summary(lab, errors)),
                    None if for_author => Some(LabSummary {
                        slug: slug.clone(),
                        title: slug.to_string(),
                        description: String::new(),
                        difficulty: None,
                        duration_minutes: None,
                        tags: vec![],
                        authors: vec![],
                        pages: vec![],
                        errors,
                    }),
                    None => None,
                }
            })
            .collect()
    }

    /// A lab that can be started: `None` where there is none, `Some(Err(()))` where it never loaded.
    #[must_use]
    pub fn find_lab(&self, slug: &LabSlug) -> Option<Result<Arc<Lab>, BrokenLab>> {
        self.read().get(slug).map(|entry| entry.lab.clone().ok_or(BrokenLab))
    }

    /// Reads a file that lies beside the lab's pages.
    pub async fn read_file(&self, slug: &LabSlug, path: &str) -> Option<LabAsset> {
        let lab = self.find_lab(slug)?.ok()?;
        let found = lab.asset(path)?;
        let size = tokio::fs::metadata(&found).await.ok()?.len();
        if size > FILE_BYTES {
            return None;
        }
        let bytes = tokio::fs::read(&found).await.ok()?;
        let mime = mime_guess::from_path(&found).first_or_octet_stream().to_string();
        Some(LabAsset { mime, bytes })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<LabSlug, Entry>> {
        // a panic while writing leaves whole entries, so what is there can still be read
        self.entries.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<LabSlug, Entry>> {
        self.entries.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A lab whose files never loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenLab;

fn summary(lab: &Lab, errors: Vec<LabProblem>) -> LabSummary {
    LabSummary {
        slug: lab.slug.clone(),
        title: lab.title.clone(),
        description: lab.spec.description.clone().unwrap_or_default(),
        difficulty: lab.spec.difficulty.map(|d| d.as_str().to_owned()),
        duration_minutes: lab.spec.duration_secs.map(|s| u32::try_from(s / 60).unwrap_or(u32::MAX)),
        tags: lab.spec.tags.clone(),
        authors: lab.spec.authors.clone(),
        pages: lab.pages.clone(),
        errors,
    }
}
