//! Small helpers around files, with errors that name the path.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Makes a folder and those above it, open to its owner only unless they exist.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), Error> {
    create_dir(path, 0o700)
}

/// Makes a folder and those above it with these permissions unless they exist.
pub(crate) fn create_dir(path: &Path, mode: u32) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::file("create", path))
}

/// Replaces a file in one go, so that a reader sees the old or the new content; only its owner may read it.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = Path::new(&name);
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .and_then(|mut file| file.write_all(content.as_ref()))
        .map_err(Error::file("write", draft))?;
    fs::rename(draft, path).map_err(Error::file("write", path))
}

/// Writes a file of settings unless it holds just that already, and makes its folder.
pub(crate) fn settle(path: &Path, content: &str) -> Result<(), Error> {
    if fs::read_to_string(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        create_private_dir(folder)?;
    }
    replace(path, content)
}

/// Replaces a file by a value as JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|source| Error::Damaged { path: path.to_owned(), source })?;
    replace(path, text)
}

/// Reads a value from JSON; `None` when there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| Error::Damaged { path: path.to_owned(), source })
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_file(path)).map_err(Error::file("remove", path))
}

/// Removes a folder with all it holds; one that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(Error::file("remove", path))
}

fn absent_is_fine(outcome: std::io::Result<()>) -> std::io::Result<()> {
    match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
