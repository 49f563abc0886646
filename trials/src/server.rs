//! A `lectern serve` of the trial's own, as its child: the trial chooses its numbers, measures its memory, and may kill it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use lectern_testbed::{Lectern, free_address, last_lines};

use crate::database::Database;
use crate::settings::Settings;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const SHOWN_LINES: usize = 20;

/// What it logs: the default, and each pass of the reconciler.
const LOGGED: &str = "info,lectern_server::http::log=warn,sqlx=warn,kube=warn,kube_client::client::builder=off,\
    lectern_server::sessions::reconciler=debug";

/// A server that can be started again and again, each time in the same way.
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    portal: PathBuf,
    ready_file: PathBuf,
    log: PathBuf,
    url: String,
    namespace: String,
    running: Option<Lectern>,
}

impl Server {
    /// Chooses an address and writes the operator's numbers into a file. It starts nothing. The server writes into `folder`.
    pub fn new(
        settings: &Settings,
        database: &Database,
        folder: &Path,
        labs: &Path,
        portal: &serde_json::Value,
    ) -> Result<Self> {
        let address = free_address()?;
        let namespace = format!("lectern-trial-{:08x}", rand::random::<u32>());
        let portal_file = folder.join("portal.yaml");
        let ready_file = folder.join("ready.json");
        let mut arguments = vec!["serve".to_owned()];
        for (option, value) in [
            ("--listen", address.clone()),
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
            running: None,
        };
        server.write_portal(portal)?;
        Ok(server)
    }

    /// Writes the operator's numbers into a file, for the next start.
    pub fn write_portal(&self, portal: &serde_json::Value) -> Result<()> {
        // JSON is YAML
        Ok(std::fs::write(&self.portal, portal.to_string())?)
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the namespace of its workbenches.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the path of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it and waits until it is ready. Returns the one-time link of its first administrator, if there is one.
    pub async fn start(&mut self) -> Result<Option<String>> {
        self.spawn()?;
        self.wait_until_ready().await
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "the server runs already");
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("LECTERN_PORTAL", &self.portal).env("RUST_LOG", LOGGED);
        self.running = Some(Lectern::spawn(command, &self.ready_file, &self.log, READY_WITHIN)?);
        Ok(())
    }

    /// Waits until a server that was started is ready.
    pub async fn wait_until_ready(&mut self) -> Result<Option<String>> {
        let running = self.running.as_mut().context("the server was not started")?;
        let ready = running.ready().await;
        ready.map(|ready| ready.sign_in_url).map_err(|error| {
            self.running = None;
            anyhow!("{error:#}:\n{}", self.last_words())
        })
    }

    /// Returns the id of its process.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.running.as_ref().context("the server does not run")?.pid())
    }

    /// Returns its resident memory, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        crate::proc::resident_kib(self.pid()?)
    }

    /// Kills it.
    pub async fn kill(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |mut running| running.kill())
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            Some(mut running) => running.stopped(STOPPED_WITHIN).await,
            None => Ok(()),
        }
    }

    /// Returns the end of its log.
    pub fn last_words(&self) -> String {
        last_lines(&self.log, SHOWN_LINES)
    }
}
