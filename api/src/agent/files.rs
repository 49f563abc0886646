//! Working on the learner's files: what the editor and the files tab ask for. Since version 4 of the protocol.

use serde::{Deserialize, Serialize};

use crate::files::{FileEntry, FileMatch};

/// What is asked of the learner's files. It is done with the rights of the learner's shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum FileRequest {
    /// Describes a file or folder; links are followed. Answered with [`FileReply::Found`].
    Stat {
        /// The path.
        path: String,
    },
    /// Lists a folder. Answered with [`FileReply::Entries`].
    List {
        /// The folder's path.
        path: String,
    },
    /// Reads a file of up to [`MAX_TRANSFER_BYTES`](super::MAX_TRANSFER_BYTES). Answered with [`FileReply::Found`], then
    /// the content in pieces, then [`FileReply::Done`] or [`FileReply::Refused`].
    Read {
        /// The file's path.
        path: String,
    },
    /// Writes a file whose content follows in pieces, completely or not at all, up to
    /// [`MAX_TRANSFER_BYTES`](super::MAX_TRANSFER_BYTES). Missing folders are created. Answered with
    /// [`FileReply::Found`] after the last piece.
    Put {
        /// The file's path.
        path: String,
        /// What must be there for the file to be written. `None` if anything may be.
        expected: Option<Expected>,
    },
    /// Creates a folder and those above it. Answered with [`FileReply::Found`], also if it exists already.
    MakeFolder {
        /// The folder's path.
        path: String,
    },
    /// Renames or moves a file, folder or link. Answered with [`FileReply::Done`].
    Move {
        /// What to move.
        from: String,
        /// Its new path. Missing folders are created.
        to: String,
        /// Whether a file at the new path is replaced.
        overwrite: bool,
    },
    /// Copies a file, or a folder with everything in it. Answered with [`FileReply::Done`].
    Copy {
        /// What to copy.
        from: String,
        /// The path of the copy. Missing folders are created.
        to: String,
        /// Whether a file at that path is replaced.
        overwrite: bool,
    },
    /// Deletes a file, a link, or a folder with everything in it. Answered with [`FileReply::Done`].
    Delete {
        /// The path.
        path: String,
    },
    /// Finds a text in the files below a folder. Answered with [`FileReply::Matches`].
    Search {
        /// The folder's path.
        path: String,
        /// The text to find, within one line.
        text: String,
        /// Whether upper and lower case differ.
        match_case: bool,
    },
    /// Watches the entries of up to [`MAX_WATCHED`](super::MAX_WATCHED) folders, but not what is below these. Folders that
    /// do not exist are left out. Answered with [`FileReply::Done`]; then the stream carries
    /// [`crate::files::FileChange`] messages until one side closes it.
    Watch {
        /// The folders' paths.
        paths: Vec<String>,
    },
}

/// What must be at a path for a file to be written there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Nothing.
    Nothing,
    /// A file of this revision.
    Revision(String),
}

/// The answer to a [`FileRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "files", rename_all = "snake_case")]
pub enum FileReply {
    /// Describes a file or folder.
    Found {
        /// Its absolute path, without symbolic links.
        path: String,
        /// What it is.
        entry: FileEntry,
        /// Changes whenever its content does.
        revision: String,
    },
    /// Answers [`FileRequest::List`].
    Entries {
        /// The folder's absolute path, without symbolic links.
        path: String,
        /// Its entries, sorted by name; at most [`MAX_ENTRIES`](super::MAX_ENTRIES).
        entries: Vec<FileEntry>,
        /// Whether it has more entries than these.
        is_cut: bool,
    },
    /// Answers [`FileRequest::Search`].
    Matches {
        /// The matches; at most [`MAX_MATCHES`](super::MAX_MATCHES).
        matches: Vec<FileMatch>,
        /// Whether there may be more than these.
        is_cut: bool,
    },
    /// The request was carried out.
    Done,
    /// The request could not be carried out.
    Refused {
        /// Why, for programs.
        reason: FileRefusal,
        /// What failed and why, in a sentence for the learner.
        message: String,
    },
}

/// Why something could not be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRefusal {
    /// It does not exist.
    Absent,
    /// There is something already.
    Exists,
    /// It is not what was expected to be there.
    Changed,
    /// The learner has no right to it, or it is outside of the folders that may be named.
    Denied,
    /// It is a folder instead of a file, a file instead of a folder, or neither.
    WrongKind,
    /// It is larger than what may be sent.
    TooLarge,
    /// The disk is full.
    NoSpace,
    /// Anything else.
    #[serde(other)]
    Other,
}
