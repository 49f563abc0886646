//! The static files of a lab: those beside its pages, and those in `workshop/static`.

use std::path::PathBuf;

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
}

impl Assets {
    pub(crate) fn new(root: PathBuf, content: impl Into<String>) -> Self {
        Self { root, content: content.into() }
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
