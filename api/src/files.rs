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
