//! Unpacking tar archives that nobody vouches for.
//!
//! Only folders, regular files and symbolic links come out, all below one folder. Links are made last, so that
//! nothing is ever written through one; those that lead out are left out and named.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use lectern_api::labs::LabProblem;
use tar::{Archive, Entry, EntryType};

/// The deepest that folders may nest.
const MAX_DEPTH: usize = 40;
/// What headers and padding may take beside the files.
const HEADER_BYTES: u64 = 64 * 1024 * 1024;

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read.
    #[error("it is no tar archive, or a broken one")]
    Broken(#[source] io::Error),
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
    /// A name in it leads elsewhere.
    #[error("it names {path:?}, which {what}; pack the labs from inside their folder")]
    Path {
        /// The name.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Something in it is neither file, folder nor link.
    #[error("it holds {path:?}, a {kind}; only files, folders and links may be in it")]
    Special {
        /// Which.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// There are too many files.
    #[error("it holds more than {max_files} files; name a folder of it behind the #")]
    TooMany {
        /// The limit.
        max_files: usize,
    },
    /// The files are too large.
    #[error("it is larger than {max_mib} MiB")]
    TooLarge {
        /// The limit.
        max_mib: u64,
    },
    /// A file cannot be written.
    #[error("cannot write {path:?}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How much may still come.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    max_mib: u64,
    max_files: usize,
    bytes: u64,
    files: usize,
}

impl Budget {
    /// Begins with everything.
    pub const fn new(max_mib: u64, max_files: usize) -> Self {
        Self { max_mib, max_files, bytes: max_mib * 1024 * 1024, files: max_files }
    }

    /// The most that may come, in MiB.
    pub const fn max_mib(&self) -> u64 {
        self.max_mib
    }

    /// How many bytes may still come.
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

/// Unpacks an archive, compressed by gzip or not, into a folder. Returns what was left out.
///
/// # Errors
/// Then the folder holds a part of it.
pub fn unpack(input: impl Read, folder: &Path, budget: &mut Budget) -> Result<Vec<LabProblem>, UnpackError> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let is_gzip = input.fill_buf().map_err(UnpackError::Broken)?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    // bounds what names and headers can make the reader hold, however well they were compressed
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

    /// Takes one entry; says whether it was one that counts.
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

    /// Makes a folder and those above it; none of them may be a link.
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

    /// The place for a file or link, with the folders above it, and nothing there.
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

    /// A second name of a file that came before becomes a file of its own.
    fn copy_file(&mut self, path: &Path, target: &Path) -> Result<(), UnpackError> {
        let absent =
            || UnpackError::Path { path: path.to_owned(), what: "is a name of a file that is not in it" };
        let original = self.folder.join(relative(target)?.ok_or_else(absent)?);
        // never through a link, also not one of an earlier layer's
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
            // links that lead through others may mean something else than they say
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

/// A name as a path below a folder; none for the folder itself, and for what belongs to git.
fn relative(named: &Path) -> Result<Option<PathBuf>, UnpackError> {
    let refused = |what| Err(UnpackError::Path { path: named.to_owned(), what });
    let mut path = PathBuf::new();
    for part in named.components() {
        match part {
            // a working tree that was packed whole; its history is of no use here
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

/// Whether a link, read by itself, stays below the folder.
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

/// Fails when more is read than there may be, where `take` would pretend that the end was reached.
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
