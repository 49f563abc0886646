//! A lab's files: read with a limit, never from outside its folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use crate::diagnostic::Diagnostic;

/// The longest page that is read, in bytes.
pub const MAX_PAGE_BYTES: u64 = 16 * 1024 * 1024;
/// The longest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// The longest file that goes into a learner's home, in bytes.
pub const MAX_HOME_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The most files that a lab may hold.
pub const MAX_FILES: usize = 20_000;

/// One file of a lab that a session receives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabFile {
    /// Its path below where it goes, with `/` between its parts.
    pub path: String,
    /// Where it lies now.
    pub source: PathBuf,
    /// Its length in bytes; 0 for a link.
    pub size: u64,
    /// Whether it may be executed.
    pub executable: bool,
    /// What it points to, if it is a symbolic link; always a relative path that stays inside the lab.
    pub link: Option<String>,
}

/// Reads a text file below a lab's folder.
pub(crate) fn read_text(root: &Path, path: &str, limit: u64) -> Result<String, Diagnostic> {
    let unreadable = |reason: &dyn std::fmt::Display| {
        Diagnostic::error("unreadable", path, format!("The file cannot be read: {reason}"))
    };
    let found = inside(root, path).map_err(|refusal| refusal.diagnostic(path))?;
    let meta = fs::metadata(&found).map_err(|error| unreadable(&error))?;
    if !meta.is_file() {
        return Err(unreadable(&"it is not a regular file"));
    }
    if meta.len() > limit {
        let message = format!("The file has {} bytes; at most {limit} are read", meta.len());
        return Err(Diagnostic::error("too-long", path, message).hint("split it"));
    }
    let bytes = fs::read(&found).map_err(|error| unreadable(&error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        Diagnostic::error("not-utf8", path, "The file is not UTF-8 text")
            .at(u32::try_from(line).unwrap_or(1), 1)
            .hint("save it as UTF-8")
    })
}

/// Why a path is not given out.
pub(crate) enum Refusal {
    /// Nothing is there.
    Absent,
    /// It leads out of the lab.
    Outside,
}

impl Refusal {
    fn diagnostic(&self, path: &str) -> Diagnostic {
        match self {
            Self::Absent => Diagnostic::error("missing-file", path, "The file is not there"),
            Self::Outside => outside(path),
        }
    }
}

fn outside(path: &str) -> Diagnostic {
    Diagnostic::error("outside", path, "The path leads out of the lab's folder")
        .hint("a lab may hold only its own files, and links between them")
}

/// Finds a path below a lab's folder, through links, as long as it stays there.
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

/// Lists the files below a folder of a lab, sorted; `skip` says which relative paths to leave out.
///
/// What `.eduk8signore` names and what belongs to version control is left out.
pub(crate) fn list(
    root: &Path,
    below: &str,
    skip: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Vec<LabFile>, Vec<Diagnostic>) {
    let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
    let base = if below.is_empty() { root.to_owned() } else { root.join(below) };
    let prefix = base.clone();
    let walk = WalkBuilder::new(&base)
        .standard_filters(false)
        .follow_links(false)
        .add_custom_ignore_filename(".eduk8signore")
        .max_depth(Some(32))
        .filter_entry(move |entry| {
            let name = entry.file_name().to_string_lossy();
            let relative = relative(&prefix, entry.path());
            !matches!(name.as_ref(), ".git" | ".hg" | ".svn" | ".eduk8signore") && !skip(&relative)
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
                Diagnostic::error("too-many-files", below, message)
                    .hint("name the needless ones in .eduk8signore"),
            );
            break;
        }
        match describe(root, entry.path(), &path) {
            Ok(file) => files.push(file),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    files.sort();
    (files, diagnostics)
}

fn describe(root: &Path, source: &Path, path: &str) -> Result<LabFile, Diagnostic> {
    let shown = relative(root, source);
    let unreadable = |error: std::io::Error| {
        Diagnostic::error("unreadable", &shown, format!("The file cannot be read: {error}"))
    };
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
                Err(Diagnostic::error("missing-file", &shown, "The link points to nothing"))
            }
            Ok(_) | Err(Refusal::Outside) => Err(outside(&shown)),
        };
    }
    if !meta.is_file() {
        return Err(Diagnostic::error("unreadable", &shown, "This is neither a file nor a folder"));
    }
    if meta.len() > MAX_HOME_FILE_BYTES {
        let message =
            format!("The file has {} bytes; at most {MAX_HOME_FILE_BYTES} go into a session", meta.len());
        return Err(Diagnostic::error("too-long", &shown, message)
            .hint("name it in .eduk8signore, or fetch it in workshop/setup.d"));
    }
    Ok(file(meta.len(), is_executable(&meta), None))
}

#[cfg(unix)]
fn is_executable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

/// Returns a path relative to another, with `/` between its parts.
pub(crate) fn relative(base: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
