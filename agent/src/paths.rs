//! Which paths may be spoken of: those in the home directory and in the lab's own folder, and what their symbolic
//! links lead to may not lie elsewhere.
//!
//! The agent runs as the learner, who may go anywhere in a shell: this keeps others from being led somewhere else
//! by a link or by two dots.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::settings::{home, workshop};

/// Why a path is not used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// It lies elsewhere.
    #[error("{0} lies neither in the home directory nor in the lab's folder")]
    Outside(String),
    /// There is no such thing, or no way to it.
    #[error("{path}: {source}")]
    Unreachable {
        /// The path as it was given.
        path: String,
        /// Why.
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
        Self::new(kind, error.to_string())
    }
}

/// Something that is there; the result names it without links.
pub fn find(path: &str) -> Result<PathBuf, PathError> {
    let wished = absolute(path)?;
    let found = wished.canonicalize().map_err(|error| PathError::unreachable(path, error))?;
    if is_inside(&found) { Ok(found) } else { Err(PathError::Outside(path.to_owned())) }
}

/// Something that may not be there yet. Of what is there, links are followed; what is not has no `..`.
pub fn place(path: &str) -> Result<PathBuf, PathError> {
    let wished = absolute(path)?;
    let mut there = wished.as_path();
    let mut missing = Vec::new();
    let found = loop {
        match there.canonicalize() {
            Ok(found) => break found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(PathError::unreachable(path, error)),
        }
        match (there.parent(), there.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                there = parent;
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
    let path = Path::new(path.strip_prefix("~/").unwrap_or(if path == "~" { "" } else { path }));
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(PathError::Outside(path.display().to_string()));
    }
    Ok(home().join(path))
}

fn is_inside(path: &Path) -> bool {
    [home(), workshop()].iter().any(|root| {
        // a home that is `/` is what is left where there is none: then nothing is inside
        root.parent().is_some() && root.canonicalize().is_ok_and(|root| path.starts_with(root))
    })
}
