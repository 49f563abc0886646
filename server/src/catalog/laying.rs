//! Lays a lab's own folder and what it names out in a folder of the cache, from which it is then loaded.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use lectern_api::labs::LabProblem;
use lectern_content::layers::{LaidContent, LaidFile, lay};
use lectern_content::spec::LabSource;
use lectern_content::{LAID_FILES, LAID_PACKAGES, LabSources};

use super::fetch::cache::Cache;
use super::fetch::{FetchError, Version};

/// The folder of the cache for what was laid out.
pub(super) const FOLDER: &str = "laid";

/// What was laid out.
pub(super) struct Laid {
    /// Its folder, as [`lectern_content::Lab::load_laid`] takes it.
    pub folder: PathBuf,
    /// What was left out.
    pub left_out: Vec<LabProblem>,
}

/// Lays a lab out. `key` names the versions of all that goes into it: what is there under that name is used again.
///
/// # Errors
/// Fails if the files cannot be written, or are more than `max_mib` together.
pub(super) fn lay_out(
    own: &Path,
    sources: &LabSources,
    find: impl Fn(&LabSource) -> Option<PathBuf>,
    cache: &Cache,
    (key, max_mib): (&str, u64),
) -> Result<Laid, FetchError> {
    if let Some(present) = cache.present().filter(|present| present.revision == key) {
        return Ok(laid(present));
    }
    let draft = cache.draft()?;
    let mut room = Room { left: max_mib * 1024 * 1024, subject: own, max_mib };
    let (files, mut diagnostics) = lay(Some(own), &sources.files, &find);
    write(&files, &draft.path().join(LAID_FILES), &mut room)?;
    for package in &sources.packages {
        let (files, more) = lay(None, &package.files, &find);
        write(&files, &draft.path().join(LAID_PACKAGES).join(&package.name), &mut room)?;
        diagnostics.extend(more);
    }
    let left_out = diagnostics.into_iter().map(LabProblem::from).collect();
    let version = Version { revision: key.to_owned(), tag: None, folder: PathBuf::new(), left_out };
    cache.keep(draft, version).map(laid)
}

fn laid(version: Version) -> Laid {
    let folder = version.folder.parent().map(Path::to_owned).unwrap_or_default();
    Laid { folder, left_out: version.left_out }
}

/// How much may still be written.
struct Room<'a> {
    left: u64,
    subject: &'a Path,
    max_mib: u64,
}

impl Room<'_> {
    fn take(&mut self, bytes: u64) -> Result<(), FetchError> {
        let too_large = || FetchError::TooLarge {
            subject: format!("the lab {} with all that it names", self.subject.display()),
            max_mib: self.max_mib,
        };
        self.left = self.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

fn write(files: &[LaidFile], folder: &Path, room: &mut Room<'_>) -> Result<(), FetchError> {
    fs::create_dir_all(folder).map_err(FetchError::cache("make the folder", folder))?;
    for file in files {
        let place = folder.join(&file.path);
        room.take(match &file.content {
            LaidContent::File(found) => found.size,
            LaidContent::Text(text) => text.len() as u64,
        })?;
        write_one(file, &place).map_err(FetchError::cache("write", &place))?;
    }
    Ok(())
}

/// Writes one file. None of the folders above it is a link: what is laid out has nothing below a file or link.
fn write_one(file: &LaidFile, place: &Path) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let found = match &file.content {
        LaidContent::Text(text) => return create(place, false)?.write_all(text.as_bytes()),
        LaidContent::File(found) => found,
    };
    if let Some(target) = &found.link {
        return symlink(target, place);
    }
    let mut source = found.open()?;
    io::copy(&mut source, &mut create(place, found.executable)?).map(drop)
}

fn create(place: &Path, executable: bool) -> io::Result<fs::File> {
    let mode = if executable { 0o755 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(place)
}
