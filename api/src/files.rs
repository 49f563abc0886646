//! Files of a workbench.

use serde::{Deserialize, Serialize};

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, whatever it leads to.
    Link,
    /// A socket, a pipe or a device.
    Other,
}

/// One file or folder, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, without the folder that holds it.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Its length in bytes; of a folder without meaning.
    pub size_bytes: u64,
    /// Its permissions, such as `0o644`.
    pub mode: u32,
    /// When its content was last changed, in milliseconds since 1970.
    pub modified_ms: u64,
}

/// A file or folder, with where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStatus {
    /// Its absolute path, without symbolic links.
    pub path: String,
    /// What it is.
    pub entry: FileEntry,
    /// Changes whenever its content does; also sent as `ETag`.
    pub revision: String,
}

/// `GET /api/v1/sessions/{id}/files`: what is in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderListing {
    /// The folder's absolute path, without symbolic links.
    pub path: String,
    /// Its entries, sorted by name.
    pub entries: Vec<FileEntry>,
    /// Whether it has more entries than these.
    pub is_cut: bool,
}

/// A line that holds a text that was searched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMatch {
    /// The file's absolute path.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// Where the text begins in that line, from 1, in UTF-16 code units as browsers count them.
    pub column: u32,
    /// The line, or the part of it around the text.
    pub text: String,
}

/// `GET /api/v1/sessions/{id}/files/matches`: where a text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMatches {
    /// The matches, by file and line.
    pub matches: Vec<FileMatch>,
    /// Whether there may be more than these.
    pub is_cut: bool,
}

/// `POST /api/v1/sessions/{id}/files/folders`: the folder to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFolder {
    /// The path; missing folders above it are created too.
    pub path: String,
}

/// `POST /api/v1/sessions/{id}/files/copies` and `…/moves`: what becomes what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPlace {
    /// The path of what is there.
    pub from: String,
    /// The new path.
    pub to: String,
    /// Whether a file at the new path is replaced.
    #[serde(default)]
    pub overwrite: bool,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new, by creation or because it was moved here.
    Created,
    /// Its content or its permissions are others.
    Changed,
    /// It is gone, by removal or because it was moved away.
    Removed,
    /// More happened than could be told: what is known of the folder must be read again.
    Missed,
}

/// A change below a folder that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The whole path.
    pub path: String,
    /// What happened.
    pub change: ChangeKind,
}
