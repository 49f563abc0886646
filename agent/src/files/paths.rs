//! Which paths a server may name: those in the home directory, in the lab's own folder and in that of its packages. The
//! targets of their symbolic links must lie there too.
//!
//! The agent runs as the learner, who may go anywhere in a shell. This protects everybody else from being led to other
//! files by a link or by `..`.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::settings::{home, packages, workshop};

/// Why a path is refused.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// It lies outside of these folders.
    #[error("{0} is neither in the home directory nor in the lab's folders")]
    Outside(String),
    /// It does not exist or cannot be reached.
    #[error("{path}: {source}")]
    Unreachable {
        /// The path as the server gave it.
        path: String,
        source: io::Error,
    },
}

impl PathError {
    fn unreachable(path: &str, source: io::Error) -> Self {
        Self::Unreachable { path: path.to_owned(), source }
    }
}

impl From<PathError> for io::Error {
    fn from(error: PathError) -> Self {
        let kind = match &error {
            PathError::Outside(_) => io::ErrorKind::PermissionDenied,
            PathError::Unreachable { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

/// Resolves the path of something that exists. The result contains no symbolic links.
pub fn find(path: &str) -> Result<PathBuf, PathError> {
    let wanted = absolute(path)?;
    let found = wanted.canonicalize().map_err(|error| PathError::unreachable(path, error))?;
    if is_inside(&found) { Ok(found) } else { Err(PathError::Outside(path.to_owned())) }
}

/// Resolves the path of something that may not exist yet. Symbolic links in the part that exists are followed.
pub fn place(path: &str) -> Result<PathBuf, PathError> {
    place_of(path, &absolute(path)?)
}

/// Resolves the path of an entry of a folder, which may be a symbolic link or not exist yet. Links on the way to it are
/// followed, but not the last one: it is the link that is moved or deleted.
pub fn entry(path: &str) -> Result<PathBuf, PathError> {
    let wanted = absolute(path)?;
    let (Some(folder), Some(name)) = (wanted.parent(), wanted.file_name()) else {
        return Err(PathError::Outside(path.to_owned()));
    };
    Ok(place_of(path, folder)?.join(name))
}

fn place_of(path: &str, wanted: &Path) -> Result<PathBuf, PathError> {
    let mut existing = wanted;
    let mut missing = Vec::new();
    let found = loop {
        match existing.canonicalize() {
            Ok(found) => break found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(PathError::unreachable(path, error)),
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                existing = parent;
            }
            _ => return Err(PathError::Outside(path.to_owned())),
        }
    };
    if !is_inside(&found) {
        return Err(PathError::Outside(path.to_owned()));
    }
    Ok(missing.into_iter().rev().fold(found, |path, name| path.join(name)))
}

fn absolute(path: &str) -> Result<PathBuf, PathError> {
    let below_home = ["~", "$HOME", "${HOME}"].iter().find_map(|home| {
        let rest = path.strip_prefix(home)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    });
    // `~//x` is no absolute path
    let path = Path::new(below_home.map_or(path, |rest| rest.trim_start_matches('/')));
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(PathError::Outside(path.display().to_string()));
    }
    Ok(home().join(path))
}

fn is_inside(path: &Path) -> bool {
    [home(), workshop(), packages()].iter().any(|root| {
        // the home is `/` if there is none: then nothing is inside
        root.parent().is_some() && root.canonicalize().is_ok_and(|root| path.starts_with(root))
    })
}
