//! kubectl, for comparison with what one does by hand, and for observing the cluster without Lectern.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use pty_process::{Pty, Size};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A kubectl for one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// A kubectl that uses `kubeconfig`. `program` is Lectern's cluster program, or any other that runs kubectl if its
    /// first argument is `kubectl`.
    pub fn new(program: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), kubeconfig: kubeconfig.into() }
    }

    /// Runs it to its end with `input` on its standard input, and returns what it printed.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("kubectl has no standard input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        checked(arguments, &output)
    }

    /// Runs it to its end, and returns its exit status and what it printed, whether it succeeded or not.
    pub async fn status(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let output = self.command(arguments).stdin(Stdio::null()).output().await?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, and returns what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).stdin(Stdio::null()).output().await;
        let output = output.with_context(|| format!("could not start {}", self.program.display()))?;
        checked(arguments, &output)
    }

    /// Starts it. Its standard output is piped to the caller.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("could not start {}", self.program.display()))
    }

    /// Returns the name of a session's workbench.
    pub async fn find_workbench(&self, namespace: &str, session: &str) -> Result<String> {
        let selector = format!("lectern.dev/session={session}");
        let name = self
            .run(&[
                "get",
                "pods",
                "-n",
                namespace,
                "-l",
                &selector,
                "-o",
                "jsonpath={.items[*].metadata.name}",
            ])
            .await?;
        ensure!(!name.is_empty() && !name.contains(' '), "session {session} has the workbenches {name:?}");
        Ok(name)
    }

    /// Starts it on a terminal of its own, with 80 columns and 24 rows.
    pub fn run_on_terminal(&self, arguments: &[&str]) -> Result<(Pty, Child)> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(Size::new(24, 80))?;
        let child = pty_process::Command::new(&self.program)
            .arg("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("TERM", "xterm-256color")
            .kill_on_drop(true)
            .spawn(pts)?;
        Ok((pty, child))
    }
}

/// Returns what it printed if it succeeded.
fn checked(arguments: &[&str], output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "kubectl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
