//! The static files of a lab: those beside its pages, and those in `workshop/static`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::files;

/// The extensions of the files that a page may show or offer for download.
const EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp", "mp4", "webm", "pdf", "txt", "csv",
    "zip", "tar", "tgz", "gz", "yaml", "yml", "json",
];

/// Finds a lab's static files.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    root: PathBuf,
    /// The content folder, relative to the lab's.
    content: String,
    /// What was asked for before: a page may name one file very often.
    seen: Arc<Mutex<HashMap<String, bool>>>,
}

impl Assets {
    pub(crate) fn new(root: PathBuf, content: impl Into<String>) -> Self {
        Self { root, content: content.into(), seen: Arc::default() }
    }

    /// Returns whether there is a file, as [`Assets::find`] does, but remembers the answer.
    pub(crate) fn has(&self, path: &str) -> bool {
        let Ok(mut seen) = self.seen.lock() else { return self.find(path).is_some() };
        if let Some(is_there) = seen.get(path) {
            return *is_there;
        }
        let is_there = self.find(path).is_some();
        seen.insert(path.to_owned(), is_there);
        is_there
    }

    /// Finds a file by its path below the base URL. Never returns a page or a file outside of these folders.
    pub(crate) fn find(&self, path: &str) -> Option<PathBuf> {
        let extension = path.rsplit_once('.')?.1.to_ascii_lowercase();
        if !EXTENSIONS.contains(&extension.as_str()) || path.split('/').any(|part| part.starts_with('.')) {
            return None;
        }
        [self.content.as_str(), "workshop/static"].into_iter().find_map(|folder| {
            let path = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
            files::inside(&self.root, &path).ok().filter(|found| found.is_file())
        })
    }
}
