//! Doing the harm.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lectern_testbed::Kubectl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::Instant;

use super::desk::Desk;
use super::plan::{Fault, Kind};
use crate::stage::Stage;

/// How long the cluster may be unable to take a command.
const CLUSTER_WITHIN: Duration = Duration::from_secs(60);
/// How long the supervisor may take to start a part again.
const AGAIN_WITHIN: Duration = Duration::from_secs(90);
const POLL_EVERY: Duration = Duration::from_millis(100);

/// The parts that database and cluster consist of, as `lectern status` tells of them.
pub struct Parts {
    program: PathBuf,
    data_dir: PathBuf,
}

#[derive(Deserialize)]
struct Status {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    pid: Option<u32>,
}

impl Parts {
    /// Those of this data folder.
    pub fn new(program: PathBuf, data_dir: PathBuf) -> Self {
        Self { program, data_dir }
    }

    async fn pid(&self, name: &str) -> Result<Option<u32>> {
        let output = Command::new(&self.program)
            .args(["status", "--json", "--data-dir"])
            .arg(&self.data_dir)
            .output()
            .await?;
        let status: Status =
            serde_json::from_slice(&output.stdout).context("`lectern status --json` prints no status")?;
        let part = status.parts.into_iter().find(|part| part.name == name);
        Ok(part.with_context(|| format!("no part is called {name}"))?.pid)
    }

    /// Kills a part and waits until the supervisor has started it again.
    async fn kill(&self, name: &str) -> Result<()> {
        let killed = self.pid(name).await?.with_context(|| format!("{name} does not run"))?;
        kill(Pid::from_raw(killed.cast_signed()), Signal::SIGKILL)?;
        let deadline = Instant::now() + AGAIN_WITHIN;
        loop {
            if self.pid(name).await?.is_some_and(|pid| pid != killed) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{name} was not started again within {} s", AGAIN_WITHIN.as_secs());
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}

/// Does what the plan says. Returns when the harm is done and, where that is the trial's business, the killed
/// program runs again.
pub async fn strike(stage: &mut Stage, parts: &Parts, fault: Fault, desk: &Desk) -> Result<()> {
    match fault.kind {
        Kind::Server => {
            stage.server.kill().await?;
            tokio::time::sleep(fault.away).await;
            stage.server.start().await.map(drop)
        }
        Kind::Stream => {
            let (namespace, pod) = workbench(stage, desk).await?;
            insist(
                &stage.kubectl,
                &[
                    "exec",
                    "-n",
                    &namespace,
                    &pod,
                    "--",
                    "pkill",
                    "-KILL",
                    "-f",
                    "^/opt/lectern/bin/lectern-agent attach",
                ],
            )
            .await
        }
        Kind::Workbench => {
            let (_, pod) = workbench(stage, desk).await?;
            kill_first_process(&pod)
        }
        Kind::Pod => {
            let (namespace, pod) = workbench(stage, desk).await?;
            insist(
                &stage.kubectl,
                &["delete", "pod", "-n", &namespace, &pod, "--grace-period=0", "--force", "--wait=false"],
            )
            .await
        }
        Kind::ApiServer => parts.kill("kube-apiserver").await,
        Kind::Postgres => parts.kill("postgres").await,
    }
}

/// Kills the first process of a container on this machine, and with it all others of the container.
fn kill_first_process(pod: &str) -> Result<()> {
    let host_name = format!("HOSTNAME={pod}");
    for process in std::fs::read_dir("/proc")? {
        let folder = process?.path();
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
        // what has ended meanwhile has nothing to read
        if !read("environ").split(|byte| *byte == 0).any(|one| one == host_name.as_bytes()) {
            continue;
        }
        let status = String::from_utf8_lossy(&read("status")).into_owned();
        let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        if inside.is_some_and(|ids| ids.split_whitespace().last() == Some("1"))
            && let Some(pid) = folder.file_name().and_then(|name| name.to_str()?.parse().ok())
        {
            return Ok(kill(Pid::from_raw(pid), Signal::SIGKILL)?);
        }
    }
    bail!("the first process of {pod} is not on this machine")
}

async fn workbench(stage: &Stage, desk: &Desk) -> Result<(String, String)> {
    let namespace = stage.server.namespace().to_owned();
    let session = desk.session.id.to_string();
    let deadline = Instant::now() + CLUSTER_WITHIN;
    loop {
        match stage.kubectl.find_workbench(&namespace, &session).await {
            Ok(pod) => return Ok((namespace, pod)),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(POLL_EVERY).await,
        }
    }
}

/// Gives a command until the cluster takes it.
async fn insist(kubectl: &Kubectl, arguments: &[&str]) -> Result<()> {
    let deadline = Instant::now() + CLUSTER_WITHIN;
    loop {
        match kubectl.run(arguments).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(POLL_EVERY).await,
        }
    }
}
