//! Programs with a time limit: checks and set-up scripts. The beginning and the end of their output are kept.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::FutureExt;
use lectern_api::agent::Reply;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::Command;

/// How much of the beginning and of the end of an output is kept, in bytes each.
const KEPT_BYTES: usize = 8 * 1024;
/// How much of an output is kept in all, in bytes.
pub const OUTPUT_BYTES: usize = 2 * KEPT_BYTES;
/// How long output is read after the program exited: a process that it left behind may keep the pipe open.
const LINGER: Duration = Duration::from_millis(200);

/// A program to run.
pub struct ScriptRun {
    /// The absolute path of the program.
    pub program: PathBuf,
    pub args: Vec<String>,
    pub stdin: String,
    /// Variables in addition to the agent's own environment.
    pub env: BTreeMap<String, String>,
    pub working_dir: PathBuf,
    pub timeout_secs: u32,
    /// Whether what it started in the background goes on when it ends in time, such as a server that a set-up script starts.
    pub leaves_background: bool,
}

/// Kills a process group when it is dropped, so that a cancelled run leaves nothing behind.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // fails if no process of the group is left
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The beginning and the end of an output.
#[derive(Default)]
struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: usize,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(KEPT_BYTES - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT_BYTES);
        self.tail.drain(..over);
        self.left_out += over;
    }

    fn into_text(mut self) -> String {
        if self.left_out > 0 {
            self.head.extend(format!("\n[{} bytes are left out]\n", self.left_out).into_bytes());
        }
        self.head.extend(self.tail);
        String::from_utf8_lossy(&self.head).trim_end().to_owned()
    }
}

/// Runs a program. At the time limit, it is killed with its whole process group.
pub async fn run(script: ScriptRun) -> Reply {
    let program = script.program.clone();
    match try_run(script).await {
        Ok(reply) => reply,
        Err(error) => Reply::Failed { message: explain(&program, &error) },
    }
}

fn explain(program: &Path, error: &io::Error) -> String {
    let shown = program.display();
    match error.kind() {
        io::ErrorKind::NotFound if program.exists() => {
            format!("{shown} names an interpreter in its first line that is not in this workbench")
        }
        io::ErrorKind::NotFound => format!("{shown} does not exist"),
        io::ErrorKind::PermissionDenied => format!("{shown} is not executable; set its x permission"),
        _ => format!("{shown} cannot be run: {error}"),
    }
}

async fn try_run(script: ScriptRun) -> io::Result<Reply> {
    let started = Instant::now();
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(&script.program);
    command
        .args(&script.args)
        .envs(&script.env)
        .current_dir(&script.working_dir)
        .stdin(Stdio::piped())
        // one pipe for both streams, so that their lines stay in order
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    // the command holds the writing ends of the pipe, which must be closed for the end of the output to be seen
    drop(command);
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let mut stdin = child.stdin.take();
    let feed = async move {
        if let Some(stdin) = &mut stdin {
            // fails if the program does not read all of it, which is up to the program
            let _ = stdin.write_all(script.stdin.as_bytes()).await;
        }
    };
    let mut output = Output::default();
    let mut reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let outcome = {
        // fused: polled again after the program exits, and may already have completed
        let mut reading = Box::pin(collect(&mut reader, &mut output)).fuse();
        let ending = async {
            let ((), status) = tokio::join!(feed, child.wait());
            status
        };
        let limit = Duration::from_secs(u64::from(script.timeout_secs));
        let outcome = tokio::time::timeout(limit, async {
            tokio::pin!(ending);
            tokio::select! {
                status = &mut ending => status,
                () = &mut reading => ending.await,
            }
        })
        .await;
        if outcome.is_ok() {
            let _ = tokio::time::timeout(LINGER, reading).await;
        }
        outcome
    };
    if script.leaves_background && outcome.is_ok() {
        group.0 = None;
    }
    // kills what the program left behind
    drop(group);
    let status = match outcome {
        Ok(status) => status?.code(),
        Err(_) => {
            let note = format!("\n[stopped after {} s, its time limit]", script.timeout_secs);
            output.add(note.as_bytes());
            // reaps the killed program
            child.wait().await?;
            None
        }
    };
    Ok(Reply::Ran {
        passed: status == Some(0),
        status,
        output: output.into_text(),
        duration_ms: millis(started),
        env: BTreeMap::new(),
        failures: Vec::new(),
    })
}

/// Reads the output to its end.
async fn collect(reader: &mut pipe::Receiver, output: &mut Output) {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = reader.read(&mut piece).await {
        output.add(&piece[..read]);
    }
}

/// Returns how long ago an instant was.
pub fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_kept() {
        let mut output = Output::default();
        output.add(b"first ");
        for _ in 0..100 {
            output.add(&[b'x'; 1000]);
        }
        output.add(b" last\n");
        let text = output.into_text();
        assert!(text.starts_with("first xxx") && text.ends_with("xxx last"), "{text}");
        assert!(text.contains("bytes are left out") && text.len() < OUTPUT_BYTES + 100);
    }
}
