//! The protocol between the server and the agents.
//!
//! The server runs `lectern-agent attach` in the workbench and `lectern-agent check` in the checks container
//! beside it. Standard input and output of either carry one yamux connection, on which the server is the client.
//! Each stream begins with one [`Request`], which is answered with one [`Reply`]; both are JSON with a 32-bit
//! big-endian length in front. What follows depends on the request.
//!
//! Content of any length is sent in *pieces*: frames with a 32-bit length in front, the last of which is empty, so
//! that the end of the content differs from a lost connection. Paths are absolute or relative to the home
//! directory. They must lie in the home directory, in `/opt/workshop` or in `/opt/packages`, and so must the targets of
//! their symbolic links.
//!
//! [`ProtocolRange`] says which versions work together, and how the protocol may change.

mod files;
mod protocol;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::FileEntry;
use crate::ids::CheckName;
use crate::terminal::AttachRequest;

pub use files::{Expected, FileRefusal, FileReply, FileRequest};
pub use protocol::{CONNECTS_SINCE, FILES_SINCE, PROTOCOLS, ProtocolRange};

/// The longest request or reply, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// The longest frame of a terminal and the longest piece of content, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The largest file that can be read or written, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The largest tar archive, in bytes.
pub const MAX_ARCHIVE_BYTES: u64 = 1024 * 1024 * 1024;

/// The largest file that a learner can send to or fetch from a workbench, in bytes.
pub const MAX_TRANSFER_BYTES: u64 = 1024 * 1024 * 1024;

/// The maximum number of folders that one watch covers.
pub const MAX_WATCHED: usize = 64;

/// The maximum number of matches of a search.
pub const MAX_MATCHES: usize = 500;

/// The maximum number of entries in the listing of a folder.
pub const MAX_ENTRIES: usize = 4096;

/// The maximum number of terminals in one workbench.
pub const MAX_TERMINALS: usize = 128;

/// The time that a set-up script has even if those before it used up the time of all, in seconds.
pub const LEAST_SET_UP_SECS: u32 = 5;

/// The folder of a lab's own files in a workbench. The lab's checks are not in it.
pub const WORKSHOP_DIR: &str = "/opt/workshop";

/// The folder in a workbench that holds the packages of a lab, each in a folder of its name.
pub const PACKAGES_DIR: &str = "/opt/packages";

/// The folder in the checks container that holds the files of the current run. Workbenches have no such folder.
pub const CHECKS_DIR: &str = "/run/lectern";

/// Returns the folder of the lab's files during one run of a check. Its name cannot be known before the run.
#[must_use]
pub fn run_workshop(run: Uuid) -> String {
    format!("{CHECKS_DIR}/{run}/workshop")
}

/// The first message on a stream, from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Asks which agent this is. Always the first stream of a connection; sent again to test whether the agent still
    /// answers. Answered with [`Reply::Hello`].
    Hello {
        /// The server's newest version, for agents that know no ranges.
        protocol: u32,
        /// The versions that the server speaks. `None` if it speaks `protocol` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocols: Option<ProtocolRange>,
    },
    /// Sets the environment of all shells and scripts that start from now on, in place of the one that was set
    /// before. May be sent again. Answered with [`Reply::Done`].
    Configure {
        /// Environment variables.
        env: BTreeMap<String, String>,
        /// The absolute path of the folder in which shells start. If it does not exist, they start in the home
        /// directory.
        working_dir: String,
    },
    /// Unpacks a tar archive, which follows in pieces. Answered with [`Reply::Done`] after the last piece.
    PutFiles {
        /// The folder to unpack into. It is created if it does not exist.
        directory: String,
    },
    /// Writes a file whose content follows in pieces, completely or not at all. Answered with [`Reply::Done`] after
    /// the last piece.
    Upload {
        /// The file's path. Missing folders are created.
        path: String,
        /// The file's permissions, such as `0o644`.
        mode: u32,
    },
    /// Packs a folder or a file. Answered with [`Reply::Done`], then a tar archive in pieces, then [`Reply::Done`]
    /// again, or [`Reply::Failed`] if something could not be read.
    Download {
        /// The path of the folder or file.
        path: String,
    },
    /// Lists a folder. Answered with [`Reply::Entries`].
    ListFiles {
        /// The folder's path.
        path: String,
    },
    /// Reads a file of up to [`MAX_FILE_BYTES`]. Answered with [`Reply::File`], then the content in pieces, then
    /// [`Reply::Done`] or [`Reply::Failed`].
    ReadFile {
        /// The file's path.
        path: String,
    },
    /// Watches a folder with everything below it, or a file. Answered with [`Reply::Done`]; then the stream carries
    /// [`crate::files::FileChange`] messages until one side closes it.
    Watch {
        /// The path of the folder or file.
        path: String,
    },
    /// Connects to a port of the workbench. Answered with [`Reply::Done`]; then the stream is that connection, and
    /// each direction can be closed on its own.
    Dial {
        /// A TCP port on the loopback address.
        port: u16,
    },
    /// Connects to a port of another host, as a program of the learner's could from the workbench. Answered and
    /// continued as [`Request::Dial`]. Since version 4.
    Connect {
        /// The host's name, which the workbench resolves, or its IP address.
        host: String,
        /// A TCP port of the host.
        port: u16,
    },
    /// Writes a small file, completely or not at all. Answered with [`Reply::Done`].
    WriteFile {
        /// The file's path. Missing folders are created.
        path: String,
        /// The file's new content.
        content: String,
        /// The file's permissions, such as `0o600`.
        mode: u32,
    },
    /// Runs the lab's set-up scripts, each even if one before it failed. They run once per workbench: when asked again,
    /// the agent repeats its first answer. Answered with [`Reply::Ran`], in which `passed` is false if a script failed.
    SetUp {
        /// The absolute paths of the scripts, in the order in which they run.
        scripts: Vec<String>,
        /// The time limit for all scripts together, in seconds. A script that begins after it gets
        /// [`LEAST_SET_UP_SECS`].
        timeout_secs: u32,
        /// The time limit for each script, in seconds, after which it and its descendants are killed. `None` if only
        /// the limit for all of them applies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script_timeout_secs: Option<u32>,
    },
    /// Runs a check; possible in the checks container only. The lab's files follow as a tar archive in pieces. They
    /// are unpacked into [`run_workshop`] and removed after the run. Answered with [`Reply::Ran`]. If the server
    /// closes the stream earlier, the check is killed.
    RunCheck {
        /// Identifies this run; random, so that nobody can guess the run's folder.
        run: Uuid,
        /// The check's name; its script is `examiner/tests/<name>` in the archive.
        name: CheckName,
        /// The script's arguments.
        args: Vec<String>,
        /// The script's standard input.
        stdin: String,
        /// Environment variables in addition to the container's own.
        env: BTreeMap<String, String>,
        /// The kubeconfig for the check, if it needs one.
        kubeconfig: Option<String>,
        /// The time limit in seconds, after which the check and its descendants are killed.
        timeout_secs: u32,
    },
    /// Attaches to a terminal, which is started if it does not run. Answered with [`Reply::Attached`]; then the
    /// stream carries the frames of [`crate::terminal`], each with a 32-bit length in front, until one side closes
    /// it.
    Attach(AttachRequest),
    /// Works on the learner's files. Since version 4. Answered with [`Reply::Files`].
    Files(FileRequest),
}

/// A set-up script that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFailure {
    /// The script's path, as it was requested.
    pub script: String,
    /// The exit status. `None` if the script was killed or could not be run.
    pub status: Option<i32>,
    /// The time limit that it reached, in seconds. `None` if it ended by itself.
    pub timed_out_secs: Option<u32>,
    /// What it printed, or why it could not be run: at most the last 4 KiB.
    pub output: String,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Answers [`Request::Hello`].
    Hello {
        /// The newest version that both sides speak, or the agent's newest one if there is none.
        protocol: u32,
        /// The versions that the agent speaks. `None` if it speaks `protocol` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocols: Option<ProtocolRange>,
        /// The agent's release, such as `0.1.0`.
        version: String,
        /// A random id that the agent generates when it starts: a new one means that the workbench was restarted.
        /// Empty in the checks container.
        boot_id: String,
    },
    /// The request was carried out.
    Done,
    /// Answers [`Request::ListFiles`].
    Entries {
        /// The folder's entries, sorted by name; at most [`MAX_ENTRIES`].
        entries: Vec<FileEntry>,
        /// Whether the folder has more entries than these.
        is_cut: bool,
    },
    /// Answers [`Request::ReadFile`].
    File(FileEntry),
    /// A check or the set-up scripts ran.
    Ran {
        /// Whether the program exited with status 0 within its time limit.
        passed: bool,
        /// The exit status. `None` if the program was killed.
        status: Option<i32>,
        /// Standard output and error in the order of writing: the first and the last 8 KiB.
        output: String,
        /// How long the run took, in milliseconds.
        duration_ms: u64,
        /// The variables that set-up scripts wrote to the file that `WORKSHOP_ENV` names.
        #[serde(default)]
        env: BTreeMap<String, String>,
        /// The set-up scripts that failed. Agents that know no such list stop at the first one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<ScriptFailure>,
    },
    /// Answers [`Request::Attach`].
    Attached {
        /// The offset of the first byte that will be sent.
        offset: u64,
        /// The offset after the last byte of output so far.
        end: u64,
    },
    /// Answers [`Request::Files`].
    Files(FileReply),
    /// The request could not be carried out.
    Failed {
        /// What failed, and why.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_an_attach_request_stand_beside_its_tag() {
        let json = r#"{"request":"attach","terminal":"1","offset":7,"cols":80,"rows":24,"can_type":true,"window_bytes":65536}"#;
        let request = Request::Attach(AttachRequest {
            terminal: "1".parse().unwrap(),
            offset: Some(7),
            cols: 80,
            rows: 24,
            can_type: true,
            window_bytes: 65536,
        });
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert_eq!(serde_json::from_str::<Request>(json).unwrap(), request);
    }
}
