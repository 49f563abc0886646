//! Reads a lab's files: with a size limit, and never from outside its folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{Mode, OFlags};

use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::severity::Severity;

/// Maximum size of a page, in bytes.
pub const MAX_PAGE_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum size of a manifest, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// Maximum size of a file for a learner's home directory, in bytes.
pub const MAX_HOME_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum number of files in a lab.
pub const MAX_FILES: usize = 20_000;

/// A file of a lab that is copied into sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabFile {
    /// Its path below the destination, with `/` between its parts.
    pub path: String,
    /// Its path on this machine.
    pub source: PathBuf,
    /// Its size in bytes; 0 for a link.
    pub size: u64,
    pub executable: bool,
    /// The target, if it is a symbolic link: always a relative path that stays inside the lab.
    pub link: Option<String>,
}

impl LabFile {
    /// Reads the present content of the file.
    ///
    /// # Errors
    /// Fails if the file is gone, or if it or a folder above it was replaced by a link. Links are not followed.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        read_exactly(&self.source, MAX_HOME_FILE_BYTES)
    }

    /// Opens the file to read its present content piece by piece.
    ///
    /// # Errors
    /// Fails as [`LabFile::read`] does.
    pub fn open(&self) -> io::Result<File> {
        let file = open_exactly(&self.source)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
    }
}

/// Opens the file at an absolute path without following links. Nobody who can change the lab can replace a file that was
/// found to be inside it by one that is not.
pub(crate) fn open_exactly(path: &Path) -> io::Result<File> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // opening a pipe would block
    let file = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts = path.components();
    if parts.next() != Some(Component::RootDir) {
        return Err(io::Error::other("the path is not absolute"));
    }
    let mut at = rustix::fs::open("/", folder, Mode::empty())?;
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(io::Error::other("the path is not the plain one"));
        };
        let flags = if parts.peek().is_some() { folder } else { file };
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(File::from(at))
}

/// Reads the regular file at an absolute path without following links. Fails if it is larger than `limit`.
pub(crate) fn read_exactly(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_exactly(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    // it may have grown since
    file.take(limit + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes),
        _ => Err(io::Error::other(format!("it has more than {limit} bytes"))),
    }
}

/// Returns whether a path is a link that belongs neither to this process's user nor to root.
#[must_use]
pub fn is_others_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| {
        meta.is_symlink() && meta.uid() != 0 && meta.uid() != rustix::process::geteuid().as_raw()
    })
}

/// Reads a text file below a lab's folder.
pub(crate) fn read_text(root: &Path, path: &str, limit: u64) -> Result<String, Diagnostic> {
    let unreadable = |reason: &str| unreadable(path, reason);
    let found = inside(root, path).map_err(|refusal| refusal.diagnostic(path))?;
    let meta = fs::metadata(&found).map_err(|error| unreadable(&why(&error)))?;
    if !meta.is_file() {
        return Err(unreadable("it is not a regular file"));
    }
    if meta.len() > limit {
        let message = format!("The file has {} bytes; at most {limit} are read", meta.len());
        return Err(Diagnostic::new(Rule::TooLong, path, message).hint("split it"));
    }
    let bytes = read_exactly(&found, limit).map_err(|error| unreadable(&why(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        Diagnostic::new(Rule::NotUtf8, path, "The file is not UTF-8 text")
            .at(u32::try_from(line).unwrap_or(1), 1)
            .hint("save it as UTF-8")
    })
}

/// Says why a file or folder cannot be read, as the end of a sentence.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "whoever runs Lectern may not read it".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is a file, not a folder".to_owned(),
        // one that is made here is a whole sentence already
        io::ErrorKind::Other => error.to_string(),
        _ => "reading it failed".to_owned(),
    }
}

fn unreadable(path: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(Rule::Unreadable, path, format!("The file cannot be read: {reason}"))
}

/// Why a path is refused.
pub(crate) enum Refusal {
    /// It does not exist.
    Absent,
    /// It leads out of the lab.
    Outside,
}

impl Refusal {
    fn diagnostic(&self, path: &str) -> Diagnostic {
        match self {
            Self::Absent => {
                Diagnostic::new(Rule::MissingFile, path, "The file is not there").severity(Severity::Error)
            }
            Self::Outside => outside(path),
        }
    }
}

fn outside(path: &str) -> Diagnostic {
    Diagnostic::new(Rule::Outside, path, "The path leads out of the lab's folder")
        .hint("a lab may hold only its own files, and links between them")
}

/// Resolves a path below a lab's folder. Links are followed as long as they stay inside.
pub(crate) fn inside(root: &Path, path: &str) -> Result<PathBuf, Refusal> {
    let plain =
        Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || path.contains('\0') {
        return Err(Refusal::Outside);
    }
    let root = root.canonicalize().map_err(|_| Refusal::Absent)?;
    let found = root.join(path).canonicalize().map_err(|_| Refusal::Absent)?;
    if found.starts_with(&root) { Ok(found) } else { Err(Refusal::Outside) }
}

/// Lists the files that are not copied into sessions.
const IGNORE_FILE: &str = ".eduk8signore";

/// Reads `.eduk8signore`: patterns as in `.gitignore`, except that `./x` matches only at the top.
fn ignore_rules(root: &Path) -> (Gitignore, Vec<Diagnostic>) {
    let (mut builder, mut diagnostics) = (GitignoreBuilder::new(root), Vec::new());
    if root.join(IGNORE_FILE).exists() {
        match read_text(root, IGNORE_FILE, MAX_MANIFEST_BYTES) {
            Ok(text) => {
                for (line, number) in text.lines().zip(1..) {
                    let pattern = match line.strip_prefix("./") {
                        Some(rest) => format!("/{rest}"),
                        None => line.to_owned(),
                    };
                    if builder.add_line(None, &pattern).is_err() {
                        let message = format!("`{line}` is not a pattern, and leaves nothing out");
                        let finding = Diagnostic::new(Rule::BadPattern, IGNORE_FILE, message).at(number, 1);
                        diagnostics.push(
                            finding.hint("check its brackets, and write `\\` before signs that are meant"),
                        );
                    }
                }
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    let rules = builder.build().unwrap_or_else(|_| {
        let message = "The patterns are too many or too long, and leave nothing out";
        diagnostics.push(Diagnostic::new(Rule::BadPattern, IGNORE_FILE, message).hint("write fewer of them"));
        Gitignore::empty()
    });
    (rules, diagnostics)
}

/// Lists what is wrong with `.eduk8signore`.
pub(crate) fn check_ignore_file(root: &Path) -> Vec<Diagnostic> {
    ignore_rules(root).1
}

/// Lists the files below a folder of a lab, sorted, except those for which `skip` returns true.
///
/// Files that `.eduk8signore` lists and those of version control are left out too.
pub(crate) fn list(
    root: &Path,
    below: &str,
    skip: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Vec<LabFile>, Vec<Diagnostic>) {
    list_within(root, below, MAX_HOME_FILE_BYTES, skip)
}

/// Lists them with another limit for the size of one file, in bytes.
pub(crate) fn list_within(
    root: &Path,
    below: &str,
    limit: u64,
    skip: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Vec<LabFile>, Vec<Diagnostic>) {
    let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
    let base = if below.is_empty() { root.to_owned() } else { root.join(below) };
    let (prefix, top, (rules, _)) = (base.clone(), root.to_owned(), ignore_rules(root));
    let walk = WalkBuilder::new(&base)
        .standard_filters(false)
        .follow_links(false)
        .max_depth(Some(32))
        .filter_entry(move |entry| {
            let name = entry.file_name().to_string_lossy();
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let ignored =
                || entry.path() != top && rules.matched(relative(&top, entry.path()), is_folder).is_ignore();
            !matches!(name.as_ref(), ".git" | ".hg" | ".svn" | IGNORE_FILE)
                && !skip(&relative(&prefix, entry.path()))
                && !ignored()
        })
        .build();
    for entry in walk.flatten() {
        let path = relative(&base, entry.path());
        if path.is_empty() || entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        if files.len() == MAX_FILES {
            let message = format!("The lab holds more than {MAX_FILES} files");
            diagnostics.push(
                Diagnostic::new(Rule::TooManyFiles, below, message)
                    .hint("name the needless ones in .eduk8signore"),
            );
            break;
        }
        match describe(root, entry.path(), &path, limit) {
            Ok(file) => files.push(file),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    files.sort();
    (files, diagnostics)
}

fn describe(root: &Path, source: &Path, path: &str, limit: u64) -> Result<LabFile, Diagnostic> {
    let shown = relative(root, source);
    let unreadable = |error: io::Error| unreadable(&shown, &why(&error));
    let meta = fs::symlink_metadata(source).map_err(unreadable)?;
    let file = |size, executable, link| LabFile {
        path: path.to_owned(),
        source: source.to_owned(),
        size,
        executable,
        link,
    };
    if meta.is_symlink() {
        let target = fs::read_link(source).map_err(unreadable)?;
        return match inside(root, &shown) {
            Ok(_) if target.is_relative() => Ok(file(0, false, Some(target.to_string_lossy().into_owned()))),
            Err(Refusal::Absent) => {
                Err(Diagnostic::new(Rule::MissingFile, &shown, "The link points to nothing")
                    .severity(Severity::Error))
            }
            Ok(_) | Err(Refusal::Outside) => Err(outside(&shown)),
        };
    }
    if !meta.is_file() {
        return Err(Diagnostic::new(Rule::Unreadable, &shown, "This is neither a file nor a folder"));
    }
    if meta.len() > limit {
        let message = format!("The file has {} bytes; at most {limit} go into a session", meta.len());
        return Err(Diagnostic::new(Rule::TooLong, &shown, message)
            .hint("name it in .eduk8signore, or fetch it in workshop/setup.d"));
    }
    Ok(file(meta.len(), is_executable(&meta), None))
}

fn is_executable(meta: &fs::Metadata) -> bool {
    meta.mode() & 0o111 != 0
}

/// Returns a path relative to another, with `/` between its parts.
pub(crate) fn relative(base: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ignore_file_names_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let ignored = ["LICENSE", "resources/a.yaml", "docs/x.tmp", "deep/notes/a.txt"];
        let kept = ["docs/LICENSE", "docs/a.md", "deep/a.txt"];
        for path in ignored.iter().chain(&kept) {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "x").unwrap();
        }
        fs::write(root.join(IGNORE_FILE), "# of no use to learners\n./LICENSE\n./resources\n*.tmp\nnotes\n")
            .unwrap();
        let (found, diagnostics) = list(&root, "", |_| false);
        let found: Vec<_> = found.into_iter().map(|file| file.path).collect();
        assert_eq!(found, ["deep/a.txt", "docs/LICENSE", "docs/a.md"]);
        assert!(diagnostics.is_empty() && check_ignore_file(&root).is_empty());
    }

    #[test]
    fn what_is_swapped_for_a_link_after_it_was_listed_is_not_read() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (root, outside) = (dir.path().canonicalize().unwrap(), elsewhere.path().canonicalize().unwrap());
        for folder in [&root, &outside] {
            fs::create_dir(folder.join("deep")).unwrap();
            for file in ["deep/a.txt", "b.txt", "c.txt", "d.txt"] {
                fs::write(folder.join(file), folder.display().to_string()).unwrap();
            }
        }
        let (files, _) = list(&root, "", |_| false);
        let file = |path: &str| files.iter().find(|file| file.path == path).unwrap();
        assert_eq!(file("d.txt").read().unwrap(), root.display().to_string().into_bytes());
        // the file itself, a folder above it, and something that is no file
        fs::remove_file(root.join("b.txt")).unwrap();
        std::os::unix::fs::symlink(outside.join("b.txt"), root.join("b.txt")).unwrap();
        fs::remove_dir_all(root.join("deep")).unwrap();
        std::os::unix::fs::symlink(outside.join("deep"), root.join("deep")).unwrap();
        fs::remove_file(root.join("c.txt")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("c.txt"), rustix::fs::FileType::Fifo, Mode::RWXU, 0)
            .unwrap();
        for path in ["b.txt", "deep/a.txt", "c.txt"] {
            assert!(file(path).read().is_err(), "{path}");
        }
        assert!(read_exactly(&root.join("deep/../d.txt"), 100).is_err());
        assert!(read_exactly(Path::new("d.txt"), 100).is_err());
        assert!(read_exactly(&root.join("d.txt"), 3).is_err());
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(IGNORE_FILE), "a\n[z-a]\n").unwrap();
        let found = check_ignore_file(dir.path());
        assert_eq!(found.iter().map(|one| one.line).collect::<Vec<_>>(), [2]);
    }
}
