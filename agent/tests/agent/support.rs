//! An agent process for one test, and a viewer that reads a terminal.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use lectern_api::terminal::{AttachRequest, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use lectern_link::{FrameSink, FrameStream, Link};
use tokio::process::{Child, Command};

/// The time limit for every step of a test.
pub const PATIENCE: Duration = Duration::from_secs(15);

pub struct TestAgent {
    pub home: Arc<tempfile::TempDir>,
    child: Child,
    is_process_1: bool,
}

/// Returns the command that runs a subcommand of the agent as process 1 of new namespaces, with a matching /proc.
pub fn as_process_1(subcommand: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--pid",
        "--mount",
        "--net",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
    ]);
    command.arg(format!("mount -t proc proc /proc && exec \"$0\" {subcommand}"));
    command.arg(env!("CARGO_BIN_EXE_lectern-agent"));
    command
}

/// Returns the command that runs a subcommand of the agent in the namespaces that this `unshare` created, as a container
/// runtime does.
pub fn beside_process_1(unshare: u32, subcommand: &str) -> Command {
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    let started = std::time::Instant::now();
    let process_1 = loop {
        let child = std::fs::read_to_string(&children).unwrap().trim().to_owned();
        if std::fs::read_to_string(format!("/proc/{child}/comm"))
            .is_ok_and(|name| name.trim() == "lectern-agent")
        {
            break child;
        }
        assert!(started.elapsed() < PATIENCE, "process 1 never starts");
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut command = Command::new("nsenter");
    command.args(["--user", "--pid", "--mount", "--net", "--preserve-credentials", "--target", &process_1]);
    command.arg(env!("CARGO_BIN_EXE_lectern-agent")).arg(subcommand);
    command
}

impl TestAgent {
    pub fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), &[])
    }

    /// Starts an agent in an existing home directory, with additional variables.
    pub fn start_in(home: Arc<tempfile::TempDir>, env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern-agent"));
        command.arg("serve").arg("--socket").arg(home.path().join("run/agent.sock"));
        Self::run(command, home, env)
    }

    /// Starts an agent as process 1 of new namespaces, as in a container. `attach` runs in the same namespaces.
    pub fn start_as_process_1(home: Arc<tempfile::TempDir>) -> Self {
        let agent = Self::run(as_process_1("serve"), home, &[]);
        Self { is_process_1: true, ..agent }
    }

    fn run(mut command: Command, home: Arc<tempfile::TempDir>, env: &[(&str, &str)]) -> Self {
        let settings = "PS1='$ '\nbind 'set enable-bracketed-paste off'\n";
        std::fs::write(home.path().join(".bashrc"), settings).unwrap();
        command
            .env("HOME", home.path())
            .env("SHELL", "/bin/bash")
            .env("LECTERN_WORKSHOP_DIR", home.path().join("workshop"))
            .env("HISTFILE", "/dev/null")
            .envs(env.iter().copied())
            .current_dir(home.path())
            .kill_on_drop(true);
        Self { child: command.spawn().unwrap(), home, is_process_1: false }
    }

    /// Returns the command that connects a server to the agent.
    pub fn attach_command(&self) -> Command {
        if self.is_process_1 {
            return beside_process_1(self.pid(), "attach");
        }
        let mut attach = Command::new(env!("CARGO_BIN_EXE_lectern-agent"));
        attach.arg("attach").arg("--socket").arg(self.home.path().join("run/agent.sock"));
        attach
    }

    /// Opens a link through `lectern-agent attach`, as the server does.
    pub async fn link(&self) -> Link {
        let mut attach = self.attach_command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let io = tokio::io::join(attach.stdout.take().unwrap(), attach.stdin.take().unwrap());
        // exits when its input ends, which ends with the link
        tokio::spawn(async move { attach.wait().await });
        Link::connect(io).await.unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Asks the agent to exit and waits for it. Returns its exit status.
    pub async fn end(mut self) -> std::process::ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").unwrap()
    }
}

/// Returns the request of a viewer that may type and lacks all output.
pub fn attach_request(terminal: &str) -> AttachRequest {
    AttachRequest {
        terminal: terminal.parse().unwrap(),
        offset: None,
        cols: 80,
        rows: 24,
        can_type: true,
        window_bytes: u32::try_from(WINDOW_BYTES).unwrap(),
    }
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A viewer that reads a terminal and acknowledges what it has read.
pub struct Viewer {
    pub input: FrameSink,
    output: FrameStream,
    pub text: Vec<u8>,
    pub next_offset: u64,
    /// How often output did not continue at the expected offset.
    pub gaps: u32,
    /// Where this run of the terminal began.
    pub began: Option<u64>,
}

impl Viewer {
    pub async fn attach(link: &Link, terminal: &str, offset: Option<u64>) -> Self {
        let attached = link.attach(AttachRequest { offset, ..attach_request(terminal) }).await.unwrap();
        let next_offset = attached.offset;
        let (output, input) = attached.split();
        Self { input, output, text: vec![], next_offset, gaps: 0, began: None }
    }

    /// Returns a viewer on an attached terminal whose output starts at offset 0.
    pub fn of(output: FrameStream, input: FrameSink) -> Self {
        Self { input, output, text: vec![], next_offset: 0, gaps: 0, began: None }
    }

    pub async fn type_in(&mut self, text: &str) {
        self.send(&ViewerFrame::Input(text.as_bytes().to_vec())).await;
    }

    pub async fn send(&mut self, frame: &ViewerFrame) {
        self.input.send(&frame.encode()).await.unwrap();
    }

    pub async fn next(&mut self) -> TerminalFrame {
        let frame = tokio::time::timeout(PATIENCE, self.output.next()).await.expect("a frame in time");
        let frame = TerminalFrame::decode(&frame.unwrap().expect("the terminal is still there")).unwrap();
        if let TerminalFrame::Began { offset, .. } = &frame {
            self.began = Some(*offset);
        }
        if let TerminalFrame::Output { offset, bytes } = &frame {
            self.gaps += u32::from(*offset != self.next_offset);
            self.next_offset = offset + bytes.len() as u64;
            self.text.extend(bytes);
            let offset = self.next_offset;
            self.send(&ViewerFrame::Ack { offset }).await;
        }
        frame
    }

    /// Reads until the output contains this text, and returns all output so far.
    pub async fn read_until(&mut self, wanted: &str) -> String {
        let mut looked_at = 0;
        let reading = async {
            loop {
                let fresh = &self.text[looked_at..];
                if fresh.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
                    return String::from_utf8_lossy(&self.text).into_owned();
                }
                looked_at = self.text.len().saturating_sub(wanted.len());
                self.next().await;
            }
        };
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(text) => text,
            Err(_) => {
                let end = &self.text[self.text.len().saturating_sub(2000)..];
                panic!("never saw {wanted:?} in … {:?}", String::from_utf8_lossy(end))
            }
        }
    }
}

/// Returns the number of processes that sleep for exactly this long.
pub fn sleeps(marker: &str) -> usize {
    let sleeps = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        std::fs::read_to_string(entry.path().join("cmdline"))
            .is_ok_and(|line| line == format!("sleep\0{marker}\0"))
    });
    sleeps.count()
}
