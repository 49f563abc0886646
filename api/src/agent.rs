//! What server and agent say to each other.
//!
//! The server runs `lectern-agent attach` in the workbench, and `lectern-agent check` in the container of checks
//! beside it; standard input and output of either are one yamux connection, the server being the client. Each
//! stream begins with one [`Request`] and is answered with one
//! [`Reply`], both JSON behind a 32-bit big-endian length. What follows depends on the request.
//!
//! Content of any length is sent as *pieces*: frames behind a 32-bit length of which an empty one is the last, so
//! that an end is told from a loss. Paths are absolute, or relative to the home directory; they lie in the home
//! directory or in `/opt/workshop`, and so does whatever their symbolic links lead to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::FileEntry;
use crate::ids::{CheckName, TerminalName};

/// The version of this protocol. A server refuses an agent with another one.
pub const PROTOCOL: u32 = 3;

/// The longest request or reply in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// The longest frame of a terminal and the longest piece of content, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The largest file that is read or written in one go, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How much an archive may hold, packed as tar, in bytes.
pub const MAX_ARCHIVE_BYTES: u64 = 1024 * 1024 * 1024;

/// How many entries of a folder are listed.
pub const MAX_ENTRIES: usize = 4096;

/// How many terminals a workbench has at most.
pub const MAX_TERMINALS: usize = 128;

/// Where a lab's own files lie in a workbench, its checks aside.
pub const WORKSHOP_DIR: &str = "/opt/workshop";

/// Where the container of checks keeps what belongs to a run. Learners have no such folder.
pub const CHECKS_DIR: &str = "/run/lectern";

/// Where the lab's files lie during a run of a check: a place that nobody can name before.
#[must_use]
pub fn run_workshop(run: Uuid) -> String {
    format!("{CHECKS_DIR}/{run}/workshop")
}

/// The first message on a stream, from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Who are you? Answered with [`Reply::Hello`]; always the first stream of a connection.
    Hello {
        /// The server's [`PROTOCOL`].
        protocol: u32,
    },
    /// Sets the environment of all shells, checks and scripts that start from now on, replacing what was set
    /// before. May be sent again. Answered with [`Reply::Done`].
    Configure {
        /// Variables.
        env: BTreeMap<String, String>,
        /// Where shells start, absolute; where it does not exist they start in the home directory.
        working_dir: String,
    },
    /// A tar archive follows in pieces; it is unpacked below `directory`. Answered with [`Reply::Done`] after the
    /// last piece.
    PutFiles {
        /// A path; made where it does not exist.
        directory: String,
    },
    /// The content of a file follows in pieces; it is written whole or not at all. Answered with [`Reply::Done`]
    /// after the last piece.
    Upload {
        /// A path; its folders are made.
        path: String,
        /// Its permissions, such as `0o644`.
        mode: u32,
    },
    /// Packs a folder or a file. Answered with [`Reply::Done`], a tar archive in pieces, and after the last one
    /// again with [`Reply::Done`], or [`Reply::Failed`] where something could not be read.
    Download {
        /// A path.
        path: String,
    },
    /// What does a folder hold? Answered with [`Reply::Entries`].
    ListFiles {
        /// A path.
        path: String,
    },
    /// Reads a file of up to [`MAX_FILE_BYTES`]. Answered with [`Reply::File`], its content in pieces, and after
    /// the last one with [`Reply::Done`] or [`Reply::Failed`].
    ReadFile {
        /// A path.
        path: String,
    },
    /// Tells what changes below a folder, or of a file. Answered with [`Reply::Done`]; after that the stream
    /// carries [`crate::files::FileChange`] messages until one side closes.
    Watch {
        /// A path.
        path: String,
    },
    /// Connects to a port of the workbench itself. Answered with [`Reply::Done`]; after that the stream is that
    /// connection, each direction with an end of its own.
    Dial {
        /// A TCP port on which something listens on the loopback address.
        port: u16,
    },
    /// Writes one file, whole or not at all. Answered with [`Reply::Done`].
    WriteFile {
        /// A path; its folders are made.
        path: String,
        /// What to write.
        content: String,
        /// Its permissions, such as `0o600`.
        mode: u32,
    },
    /// Runs the lab's set-up scripts, once per workbench: a second time it answers at once with the first
    /// result. Answered with [`Reply::Ran`]; `passed` is false where one script failed.
    SetUp {
        /// Absolute paths in their order.
        scripts: Vec<String>,
        /// How long all together may take.
        timeout_secs: u32,
    },
    /// Runs a check, in the container of checks only. The lab's files follow as a tar archive in pieces; they are
    /// unpacked into [`run_workshop`] and removed after the run. Answered with [`Reply::Ran`]. A server that closes
    /// the stream before ends the check.
    RunCheck {
        /// Stands for this run; unguessable.
        run: Uuid,
        /// Its name; the script is `examiner/tests/<name>` among the files.
        name: CheckName,
        /// Its arguments.
        args: Vec<String>,
        /// What it reads.
        stdin: String,
        /// Variables on top of the container's own.
        env: BTreeMap<String, String>,
        /// The kubeconfig that it uses; absent: none.
        kubeconfig: Option<String>,
        /// How long it may take; then all that it started is killed.
        timeout_secs: u32,
    },
    /// Attaches to a terminal, which is started where it does not run. Answered with [`Reply::Attached`]; after
    /// that the stream carries [`crate::terminal`] frames, each behind a 32-bit length, until one side closes.
    Attach {
        /// Which terminal.
        terminal: TerminalName,
        /// The first byte of output that is wanted; absent: all that the ring holds.
        offset: Option<u64>,
        /// The viewer's columns.
        cols: u16,
        /// The viewer's rows.
        rows: u16,
        /// Whether what this viewer types counts.
        can_type: bool,
        /// How many bytes of output may be under way without being acknowledged; no more than
        /// [`crate::terminal::WINDOW_BYTES`].
        window_bytes: u32,
    },
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello {
        /// The agent's [`PROTOCOL`].
        protocol: u32,
        /// The agent's version.
        version: String,
        /// Random, made when the agent started: another one means that the workbench was restarted.
        boot_id: String,
    },
    /// It was done.
    Done,
    /// To [`Request::ListFiles`].
    Entries {
        /// What the folder holds, by name, up to [`MAX_ENTRIES`].
        entries: Vec<FileEntry>,
        /// Whether there is more.
        is_cut: bool,
    },
    /// To [`Request::ReadFile`].
    File(FileEntry),
    /// A script or check ran.
    Ran {
        /// Whether it ended with status 0 in time.
        passed: bool,
        /// Its exit status; absent where it was killed.
        status: Option<i32>,
        /// What it printed, both streams: the first and the last 8 KiB.
        output: String,
        /// How long it took.
        duration_ms: u64,
        /// The variables that set-up scripts wrote to the file that `WORKSHOP_ENV` names.
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// To [`Request::Attach`].
    Attached {
        /// The offset of the first byte that will be sent.
        offset: u64,
        /// The offset after the last byte that the ring holds now.
        end: u64,
    },
    /// It could not be done.
    Failed {
        /// What and why.
        message: String,
    },
}
