//! kubectl: what one does by hand, for comparison, and for looking at the cluster without Lectern.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use pty_process::{Pty, Size};
use tokio::process::{Child, Command};

use crate::settings::Settings;

/// A kubectl for one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// For the cluster of these settings.
    pub fn new(settings: &Settings) -> Self {
        Self { program: settings.cluster_program.clone(), kubeconfig: settings.kubeconfig.clone() }
    }

    /// Runs it to its end; what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .arg("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("could not start {}", self.program.display()))?;
        ensure!(
            output.status.success(),
            "kubectl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Starts it, with its output for the caller.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Child> {
        Command::new(&self.program)
            .arg("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", self.program.display()))
    }

    /// The name of a session's workbench.
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

    /// Runs it on a terminal of its own, of 80 columns and 24 rows.
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
