//! What server and agent say to each other.
//!
//! The server runs `lectern-agent attach` in the workbench; its standard input and output are one yamux
//! connection, the server being the client. Each stream begins with one [`Request`] and is answered with one
//! [`Reply`], both JSON behind a 32-bit big-endian length. What follows depends on the request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{CheckName, TerminalName};

/// The version of this protocol. A server refuses an agent with another one.
pub const PROTOCOL: u32 = 1;

/// The longest request or reply in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

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
    /// A tar archive follows, until the server closes its side; it is unpacked below `directory`.
    /// Answered with [`Reply::Done`] after the last byte.
    PutFiles {
        /// An absolute path; made where it does not exist.
        directory: String,
    },
    /// Writes one file, whole or not at all. Answered with [`Reply::Done`].
    WriteFile {
        /// An absolute path; its folders are made.
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
    /// Runs a check. Answered with [`Reply::Ran`].
    RunCheck {
        /// Its name; the script is `/opt/workshop/examiner/tests/<name>`.
        name: CheckName,
        /// Its arguments.
        args: Vec<String>,
        /// What it reads.
        stdin: String,
        /// How long it may take; then its whole process group is killed.
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
    /// A script or check ran.
    Ran {
        /// Whether it ended with status 0 in time.
        passed: bool,
        /// Its exit status; absent where it was killed.
        status: Option<i32>,
        /// What it printed, both streams, the first 16 KiB.
        output: String,
        /// How long it took.
        duration_ms: u64,
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
