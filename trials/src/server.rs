//! A `lectern serve` of the trial's own, as its child: the trial may choose its numbers, watch its memory, and kill it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::database::Database;
use crate::settings::Settings;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// What its log tells: as without a word, and each pass of the reconciler.
const LOGGED: &str = "info,lectern_server::telemetry=warn,sqlx=warn,kube=warn,kube_client::client::builder=off,\
    lectern_server::sessions::reconciler=debug";

/// What the server writes once it is ready.
#[derive(Deserialize)]
struct Ready {
    sign_in_url: Option<String>,
}

/// How a server is started, each time in the same way.
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    portal: PathBuf,
    ready_file: PathBuf,
    log: PathBuf,
    url: String,
    namespace: String,
    child: Option<Child>,
}

impl Server {
    /// Chooses an address and writes down the numbers that the operator would; nothing runs yet. `folder` keeps
    /// what the server writes.
    pub fn new(
        settings: &Settings,
        database: &Database,
        folder: &Path,
        labs: &Path,
        portal: &serde_json::Value,
    ) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0").context("there is no free port")?.local_addr()?;
        let namespace = format!("lectern-trial-{:08x}", rand::random::<u32>());
        let portal_file = folder.join("portal.yaml");
        let ready_file = folder.join("ready.json");
        let mut arguments = vec!["serve".to_owned()];
        for (option, value) in [
            ("--listen", address.to_string()),
            ("--database-url", database.url().to_string()),
            ("--kubeconfig", settings.kubeconfig.display().to_string()),
            ("--labs-dir", labs.display().to_string()),
            ("--workbench-namespace", namespace.clone()),
            ("--ready-file", ready_file.display().to_string()),
        ] {
            arguments.extend([option.to_owned(), value]);
        }
        let server = Self {
            program: settings.program.clone(),
            arguments,
            portal: portal_file,
            ready_file,
            log: folder.join("server.log"),
            url: format!("http://{address}"),
            namespace,
            child: None,
        };
        server.write_portal(portal)?;
        Ok(server)
    }

    /// Writes the operator's numbers down, for the next start.
    pub fn write_portal(&self, portal: &serde_json::Value) -> Result<()> {
        // JSON is YAML
        Ok(std::fs::write(&self.portal, portal.to_string())?)
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The namespace of its workbenches.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Where its log lies.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it and waits until it is ready; the one-time link of its first administrator, if there is one.
    pub async fn start(&mut self) -> Result<Option<String>> {
        self.spawn()?;
        self.wait_until_ready().await
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server runs already");
        match std::fs::remove_file(&self.ready_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env("LECTERN_PORTAL", &self.portal)
            .env("RUST_LOG", LOGGED)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until a server that was started says that it is ready.
    pub async fn wait_until_ready(&mut self) -> Result<Option<String>> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.as_mut().context("the server was not started")?.try_wait()? {
                self.child = None;
                bail!("the server ended with {status}:\n{}", self.last_words());
            }
            // a half-written file is no JSON yet
            if let Some(ready) = std::fs::read(&self.ready_file)
                .ok()
                .and_then(|text| serde_json::from_slice::<Ready>(&text).ok())
            {
                return Ok(ready.sign_in_url);
            }
            ensure!(
                began.elapsed() < READY_WITHIN,
                "the server was not ready after {} s:\n{}",
                READY_WITHIN.as_secs(),
                self.last_words()
            );
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().and_then(Child::id).context("the server does not run")
    }

    /// Its resident memory, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        crate::proc::resident_kib(self.pid()?)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.pid()?.cast_signed()), signal)?)
    }

    /// Ends it with no time for a farewell.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to end.
    pub async fn stop(&mut self) -> Result<()> {
        if self.child.is_none() {
            return Ok(());
        }
        self.signal(Signal::SIGTERM)?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        match tokio::time::timeout(STOPPED_WITHIN, child.wait()).await {
            Ok(status) => drop(status?),
            Err(_) => {
                child.kill().await?;
                bail!("the server did not stop within {} s of SIGTERM", STOPPED_WITHIN.as_secs());
            }
        }
        Ok(())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}
