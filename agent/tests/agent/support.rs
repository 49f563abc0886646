//! An agent process of a test's own, and a viewer that reads a terminal.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use lectern_api::terminal::{TerminalFrame, ViewerFrame};
use lectern_link::{Link, TerminalInput, TerminalOutput};
use tokio::process::{Child, Command};

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(15);

pub struct TestAgent {
    pub home: tempfile::TempDir,
    child: Child,
}

impl TestAgent {
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".bashrc"), "PS1='$ '\n").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern-agent"));
        command
            .arg("serve")
            .arg("--socket")
            .arg(home.path().join("run/agent.sock"))
            .env("HOME", home.path())
            .env("SHELL", "/bin/bash")
            .env("LECTERN_EXAMINER_DIR", home.path().join("tests"))
            .env("HISTFILE", "/dev/null")
            .current_dir(home.path())
            .kill_on_drop(true);
        Self { child: command.spawn().unwrap(), home }
    }

    /// A link through `lectern-agent attach`, as the server's goes.
    pub async fn link(&self) -> Link {
        let mut attach = Command::new(env!("CARGO_BIN_EXE_lectern-agent"))
            .arg("attach")
            .arg("--socket")
            .arg(self.home.path().join("run/agent.sock"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let io = tokio::io::join(attach.stdout.take().unwrap(), attach.stdin.take().unwrap());
        // ends with its input, which ends with the link
        tokio::spawn(async move { attach.wait().await });
        Link::connect(io).await.unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }
}

/// Reads a terminal and acknowledges what it read, unless told not to.
pub struct Viewer {
    pub input: TerminalInput,
    output: TerminalOutput,
    pub text: Vec<u8>,
    pub next_offset: u64,
}

impl Viewer {
    pub async fn attach(link: &Link, terminal: &str, offset: Option<u64>) -> Self {
        let attached = link.attach(terminal.parse().unwrap(), offset, 80, 24, true).await.unwrap();
        let next_offset = attached.offset;
        let (output, input) = attached.split();
        Self { input, output, text: vec![], next_offset }
    }

    pub async fn type_in(&mut self, text: &str) {
        self.send(&ViewerFrame::Input(text.as_bytes().to_vec())).await;
    }

    pub async fn send(&mut self, frame: &ViewerFrame) {
        self.input.send(Bytes::from(frame.encode())).await.unwrap();
    }

    pub async fn next(&mut self) -> TerminalFrame {
        let frame = tokio::time::timeout(PATIENCE, self.output.next()).await.expect("a frame in time");
        let frame = TerminalFrame::decode(&frame.unwrap().expect("the terminal is still there")).unwrap();
        if let TerminalFrame::Output { offset, bytes } = &frame {
            self.next_offset = offset + bytes.len() as u64;
            self.text.extend(bytes);
            let offset = self.next_offset;
            self.send(&ViewerFrame::Ack { offset }).await;
        }
        frame
    }

    /// Reads until the text holds this, and returns all there is.
    pub async fn read_until(&mut self, wanted: &str) -> String {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let text = String::from_utf8_lossy(&self.text).into_owned();
                if text.contains(wanted) {
                    return text;
                }
                self.next().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("never saw {wanted:?} in {:?}", String::from_utf8_lossy(&self.text)))
    }
}
