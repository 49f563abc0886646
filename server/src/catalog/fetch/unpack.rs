//! Unpacks untrusted tar archives.
//!
//! Only folders, regular files and symbolic links are unpacked, all below one folder. Links are created last, so that
//! nothing is ever written through one. Links that lead out are left out and reported.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use lectern_api::labs::LabProblem;
use tar::{Archive, Entry, EntryType};

/// Maximum nesting of folders.
const MAX_DEPTH: usize = 40;
/// Maximum size of headers and padding, in bytes.
const HEADER_BYTES: u64 = 64 * 1024 * 1024;

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read.
    #[error("it is no tar archive, or a broken one")]
    Broken(#[source] io::Error),
    /// It is empty.
    #[error("there is nothing in it")]
    Empty,
    /// An entry's name is not allowed.
    #[error("it names {path:?}, which {what}; pack the labs from inside their folder")]
    Path { path: PathBuf, what: &'static str },
    /// An entry is neither a file, a folder nor a link.
    #[error("it holds {path:?}, a {kind}; only files, folders and links may be in it")]
    Special { path: PathBuf, kind: &'static str },
    /// There are too many files.
    #[error("it holds more than {max_files} files; name a folder of it behind the #")]
    TooMany { max_files: usize },
    /// The files are too large.
    #[error("it is larger than {max_mib} MiB")]
    TooLarge { max_mib: u64 },
    /// A file cannot be written.
    #[error("cannot write {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// How much may still be unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    max_mib: u64,
    max_files: usize,
    bytes: u64,
    files: usize,
}

impl Budget {
    /// Returns the full budget.
    pub const fn new(max_mib: u64, max_files: usize) -> Self {
        Self { max_mib, max_files, bytes: max_mib * 1024 * 1024, files: max_files }
    }

    /// Returns the full size, in MiB.
    pub const fn max_mib(&self) -> u64 {
        self.max_mib
    }

    /// Returns how many bytes may still be unpacked.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    const fn too_large(&self) -> UnpackError {
        UnpackError::TooLarge { max_mib: self.max_mib }
    }

    fn take_file(&mut self) -> Result<(), UnpackError> {
        self.files = self.files.checked_sub(1).ok_or(UnpackError::TooMany { max_files: self.max_files })?;
        Ok(())
    }

    fn take_bytes(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(self.too_large())?;
        Ok(())
    }
}

/// Unpacks an archive, which may be compressed with gzip, into a folder. Returns the links that were left out.
///
/// # Errors
/// Fails if the archive is invalid, too large, or cannot be written. The folder then contains parts of it.
pub fn unpack(input: impl Read, folder: &Path, budget: &mut Budget) -> Result<Vec<LabProblem>, UnpackError> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let is_gzip = input.fill_buf().map_err(UnpackError::Broken)?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    // limits the memory for names and headers, however well they are compressed
    let limit = Limit { inner: plain, left: budget.bytes + HEADER_BYTES };
    let mut archive = Archive::new(limit);
    let mut unpacker = Unpacker { folder, budget, links: vec![] };
    fs::create_dir_all(folder).map_err(|source| UnpackError::Write { path: folder.to_owned(), source })?;
    let mut anything = false;
    for entry in archive.entries().map_err(UnpackError::Broken)? {
        let entry = entry.map_err(|error| unpacker.broken(error))?;
        anything |= unpacker.entry(entry)?;
    }
    if !anything {
        return Err(UnpackError::Empty);
    }
    unpacker.make_links()
}

struct Unpacker<'a> {
    folder: &'a Path,
    budget: &'a mut Budget,
    links: Vec<(PathBuf, PathBuf)>,
}

impl Unpacker<'_> {
    fn broken(&self, error: io::Error) -> UnpackError {
        if error.kind() == io::ErrorKind::FileTooLarge {
            self.budget.too_large()
        } else {
            UnpackError::Broken(error)
        }
    }

    /// Unpacks one entry. Returns whether it counts as content.
    fn entry(&mut self, mut entry: Entry<'_, impl Read>) -> Result<bool, UnpackError> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(false);
        }
        let named = entry.path().map_err(UnpackError::Broken)?.into_owned();
        self.budget.take_file()?;
        let Some(path) = relative(&named)? else { return Ok(true) };
        match kind {
            EntryType::Directory => self.make_folder(&path)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.write_file(&path, &mut entry)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name().map_err(UnpackError::Broken)?;
                self.links.push((path, target.unwrap_or_default().into_owned()));
            }
            EntryType::Link => {
                let target = entry.link_name().map_err(UnpackError::Broken)?.unwrap_or_default().into_owned();
                self.copy_file(&path, &target)?;
            }
            other => return Err(UnpackError::Special { path: named, kind: kind_name(other) }),
        }
        Ok(true)
    }

    /// Creates a folder and its parents. None of them may be a link.
    fn make_folder(&self, path: &Path) -> Result<(), UnpackError> {
        let mut folder = self.folder.to_owned();
        for part in path {
            folder.push(part);
            match fs::symlink_metadata(&folder) {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => {
                    return Err(UnpackError::Path {
                        path: path.to_owned(),
                        what: "lies below a file or link",
                    });
                }
                Err(_) => {
                    fs::create_dir(&folder)
                        .map_err(|source| UnpackError::Write { path: path.to_owned(), source })?;
                }
            }
        }
        Ok(())
    }

    /// Returns the path for a file or link after creating its parents and removing what was there.
    fn clear(&self, path: &Path) -> Result<PathBuf, UnpackError> {
        if let Some(parent) = path.parent() {
            self.make_folder(parent)?;
        }
        let place = self.folder.join(path);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_dir() => {
                Err(UnpackError::Path { path: path.to_owned(), what: "is a folder and a file" })
            }
            Ok(_) => match fs::remove_file(&place) {
                Ok(()) => Ok(place),
                Err(source) => Err(UnpackError::Write { path: path.to_owned(), source }),
            },
            Err(_) => Ok(place),
        }
    }

    fn write_file(&mut self, path: &Path, entry: &mut Entry<'_, impl Read>) -> Result<(), UnpackError> {
        self.budget.take_bytes(entry.size())?;
        let mode = if entry.header().mode().unwrap_or(0) & 0o111 == 0 { 0o644 } else { 0o755 };
        let place = self.clear(path)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&place)
            .map_err(|source| UnpackError::Write { path: path.to_owned(), source })?;
        let written = io::copy(entry, &mut file).map_err(|error| self.broken(error))?;
        if written < entry.size() {
            return Err(UnpackError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    /// Copies an earlier file to its second name.
    fn copy_file(&mut self, path: &Path, target: &Path) -> Result<(), UnpackError> {
        let absent =
            || UnpackError::Path { path: path.to_owned(), what: "is a name of a file that is not in it" };
        let original = self.folder.join(relative(target)?.ok_or_else(absent)?);
        // never through a link, not even one of an earlier layer
        let inside = original
            .canonicalize()
            .is_ok_and(|found| self.folder.canonicalize().is_ok_and(|root| found.starts_with(root)));
        let meta = fs::symlink_metadata(&original).map_err(|_| absent())?;
        if !meta.is_file() || !inside {
            return Err(absent());
        }
        self.budget.take_bytes(meta.len())?;
        let place = self.clear(path)?;
        fs::copy(&original, &place)
            .map(drop)
            .map_err(|source| UnpackError::Write { path: path.to_owned(), source })
    }

    fn make_links(mut self) -> Result<Vec<LabProblem>, UnpackError> {
        let mut left_out = vec![];
        let links = std::mem::take(&mut self.links);
        let (good, bad): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|(path, target)| stays_inside(path, target));
        left_out.extend(bad);
        for (path, target) in &good {
            let place = self.clear(path)?;
            symlink(target, &place).map_err(|source| UnpackError::Write { path: path.clone(), source })?;
        }
        let root = self.folder.canonicalize().map_err(UnpackError::Broken)?;
        for (path, target) in good {
            let place = self.folder.join(&path);
            // links that lead through others may end elsewhere than they say
            if place.canonicalize().is_ok_and(|found| !found.starts_with(&root)) {
                fs::remove_file(&place)
                    .map_err(|source| UnpackError::Write { path: path.clone(), source })?;
                left_out.push((path, target));
            }
        }
        Ok(left_out.into_iter().map(|(path, target)| leads_out(&path, &target)).collect())
    }
}

fn leads_out(path: &Path, target: &Path) -> LabProblem {
    LabProblem {
        file: path.display().to_string(),
        line: None,
        message: format!("the link to {} leads out of what was fetched and was left out", target.display()),
        hint: Some("let it point to a file of the same lab, or put the file in its place".into()),
    }
}

/// Returns an entry's name as a relative path. Returns `None` for the folder itself and for git's own files.
fn relative(named: &Path) -> Result<Option<PathBuf>, UnpackError> {
    let refused = |what| Err(UnpackError::Path { path: named.to_owned(), what });
    let mut path = PathBuf::new();
    for part in named.components() {
        match part {
            // the archive of a whole working tree; its history is of no use here
            Component::Normal(part) if part == OsStr::new(".git") => return Ok(None),
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return refused("leads upwards"),
            Component::RootDir | Component::Prefix(_) => return refused("is absolute"),
        }
    }
    if path.components().count() > MAX_DEPTH {
        return refused("lies too deep");
    }
    Ok((path != Path::new("")).then_some(path))
}

/// Returns whether a link by itself stays below the folder.
fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return false,
            },
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    target != Path::new("")
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "pipe",
        _ => "special file",
    }
}

/// Fails if more is read than the limit, unlike `take`, which pretends that the end was reached.
struct Limit<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
