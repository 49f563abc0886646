//! The cache of fetched labs: a folder for each source, with one folder for each version that is still in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{FetchError, Version};
use crate::catalog::source::Source;

/// The folder of a version that contains the source's files.
pub(super) const FILES: &str = "files";
/// The file that names the present version.
const PRESENT: &str = "present.json";
const DRAFT: &str = "draft-";
const VERSION: &str = "version-";

/// The versions of one source.
pub(in crate::catalog) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Creates the folder if necessary, and removes drafts that an earlier run did not finish.
    pub fn open(cache: &Path, source: &Source) -> Result<Self, FetchError> {
        Self::open_at(cache.join(source.id()))
    }

    /// Does the same for a folder of any name.
    pub fn open_at(folder: PathBuf) -> Result<Self, FetchError> {
        fs::create_dir_all(&folder).map_err(FetchError::cache("make the folder", &folder))?;
        let folder = folder.canonicalize().map_err(FetchError::cache("find the folder", &folder))?;
        for draft in entries(&folder, DRAFT) {
            remove(&draft);
        }
        Ok(Self { folder })
    }

    /// Returns the version that was kept last. Returns `None` if there is none or it is incomplete.
    pub fn present(&self) -> Option<Version> {
        let text = fs::read(self.folder.join(PRESENT)).ok()?;
        let mut version: Version = serde_json::from_slice(&text).ok()?;
        // the cache may have been moved
        version.folder = self.version_folder(&version.revision).join(FILES);
        version.folder.is_dir().then_some(version)
    }

    /// Creates a folder in which to build a version. It is removed if it is not kept.
    pub fn draft(&self) -> Result<TempDir, FetchError> {
        tempfile::Builder::new()
            .prefix(DRAFT)
            .tempdir_in(&self.folder)
            .map_err(FetchError::cache("make a folder in", &self.folder))
    }

    /// Moves a finished draft into its place atomically, and makes it the present version.
    pub fn keep(&self, draft: TempDir, mut version: Version) -> Result<Version, FetchError> {
        let folder = self.version_folder(&version.revision);
        version.folder = folder.join(FILES);
        // the same version may still be in use from before
        if !version.folder.is_dir() {
            fs::rename(draft.path(), &folder).map_err(FetchError::cache("make the folder", &folder))?;
            let _ = draft.keep();
        }
        let present = self.folder.join(PRESENT);
        self.write_present(&version, &present).map_err(FetchError::cache("write", &present))?;
        Ok(version)
    }

    fn write_present(&self, version: &Version, present: &Path) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(DRAFT).tempfile_in(&self.folder)?;
        serde_json::to_writer(&mut file, version)?;
        file.persist(present).map_err(|error| error.error).map(drop)
    }

    /// Removes the versions that are not present and contain none of these paths.
    pub fn sweep(&self, in_use: &[PathBuf]) {
        let present = self.present().map(|version| version.folder);
        for folder in entries(&self.folder, VERSION) {
            let used = |path: &PathBuf| path.starts_with(&folder);
            if !in_use.iter().any(used) && !present.as_ref().is_some_and(used) {
                remove(&folder);
            }
        }
    }

    /// Removes the versions that are neither present nor the last one before.
    pub fn sweep_but_one(&self) {
        let present = self.present().map(|version| version.folder);
        let is_present = |path: &PathBuf| present.as_ref().is_some_and(|folder| folder.starts_with(path));
        let mut others: Vec<PathBuf> =
            entries(&self.folder, VERSION).into_iter().filter(|path| !is_present(path)).collect();
        others.sort_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
        others.pop();
        for folder in others {
            remove(&folder);
        }
    }

    fn version_folder(&self, revision: &str) -> PathBuf {
        self.folder.join(format!("{VERSION}{}", hex::encode(&Sha256::digest(revision)[..8])))
    }
}

fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "an old version of fetched labs could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(cache: &Cache, revision: &str) -> Version {
        let draft = cache.draft().unwrap();
        fs::create_dir(draft.path().join(FILES)).unwrap();
        fs::write(draft.path().join(FILES).join("name"), revision).unwrap();
        let version =
            Version { revision: revision.into(), tag: None, folder: PathBuf::new(), left_out: vec![] };
        cache.keep(draft, version).unwrap()
    }

    fn cache(folder: &Path) -> Cache {
        Cache::open(folder, &"git+https://host/x".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_version_that_was_kept_is_there_after_a_restart_and_a_draft_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let kept = version(&cache(folder.path()), "one");
        let unfinished = cache(folder.path()).draft().unwrap().keep();
        let again = cache(folder.path());
        assert_eq!(again.present(), Some(kept));
        assert!(!unfinished.exists());
    }

    #[test]
    fn a_version_goes_when_nothing_in_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let (one, two, three) = (version(&cache, "one"), version(&cache, "two"), version(&cache, "three"));
        cache.sweep(&[one.folder.join("lab")]);
        assert!(one.folder.is_dir() && !two.folder.exists() && three.folder.is_dir());
        cache.sweep(&[]);
        assert!(!one.folder.exists() && three.folder.is_dir());
    }

    #[test]
    fn going_back_to_a_version_that_is_still_here_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let one = version(&cache, "one");
        version(&cache, "two");
        assert_eq!(version(&cache, "one"), one);
        assert_eq!(cache.present(), Some(one));
    }
}
