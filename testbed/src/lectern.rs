//! One `lectern` process: its start, the file that it writes once it is ready, and its end.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

const POLL_EVERY: Duration = Duration::from_millis(50);

/// The ready file: what `lectern` reports once it is ready. A field is `None` if the command has no such thing.
#[derive(Debug, Default, Deserialize)]
pub struct Ready {
    /// The server's address.
    pub url: Option<String>,
    /// The one-time link of the first administrator, unless that account has a password already.
    pub sign_in_url: Option<String>,
    /// The path of the cluster's kubeconfig.
    pub kubeconfig: Option<String>,
    /// The address of the database, with its password.
    pub database_url: Option<String>,
}

/// A running `lectern`. Dropping it kills it.
#[derive(Debug)]
pub struct Lectern {
    child: Child,
    ready_file: PathBuf,
    ready_before: Instant,
    ready_within: Duration,
}

impl Lectern {
    /// Starts `command`, appending its output to `log`. It must write its ready file to `ready_file`, from which an earlier
    /// one is removed first, and do so within `ready_within`.
    pub fn spawn(
        mut command: Command,
        ready_file: &Path,
        log: &Path,
        ready_within: Duration,
    ) -> Result<Self> {
        match fs::remove_file(ready_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not remove {}", ready_file.display()));
            }
            _ => {}
        }
        let log = File::options().create(true).append(true).open(log)?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        let ready_before = Instant::now() + ready_within;
        Ok(Self { child, ready_file: ready_file.to_owned(), ready_before, ready_within })
    }

    /// Returns what it reports once it is ready, or `None` if it is not ready yet.
    ///
    /// # Errors
    ///
    /// Fails if the process has ended, or its time to become ready is over.
    pub fn poll_ready(&mut self) -> Result<Option<Ready>> {
        if let Some(status) = self.child.try_wait()? {
            bail!("lectern ended with {status} before it was ready");
        }
        // a half-written file is not JSON yet
        let ready = fs::read(&self.ready_file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        ensure!(
            ready.is_some() || Instant::now() < self.ready_before,
            "lectern was not ready after {} s",
            self.ready_within.as_secs()
        );
        Ok(ready)
    }

    /// Blocks until it is ready. `while_waiting` runs again and again meanwhile; its error ends the wait.
    pub fn wait_until_ready(&mut self, while_waiting: &mut dyn FnMut() -> Result<()>) -> Result<Ready> {
        loop {
            while_waiting()?;
            if let Some(ready) = self.poll_ready()? {
                return Ok(ready);
            }
            thread::sleep(POLL_EVERY);
        }
    }

    /// Waits until it is ready.
    #[cfg(feature = "async")]
    pub async fn ready(&mut self) -> Result<Ready> {
        loop {
            if let Some(ready) = self.poll_ready()? {
                return Ok(ready);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Returns the id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            kill(Pid::from_raw(self.child.id().cast_signed()), signal)?;
        }
        Ok(())
    }

    /// Kills it.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end by SIGTERM, and blocks until it has.
    ///
    /// # Errors
    ///
    /// Fails if it was not done after `within`; then it was killed.
    pub fn stop(&mut self, within: Duration) -> Result<()> {
        let mut stopping = Stopping::begin(self, within)?;
        while !stopping.poll()? {
            thread::sleep(POLL_EVERY);
        }
        Ok(())
    }

    /// Like [`Lectern::stop`], without blocking.
    #[cfg(feature = "async")]
    pub async fn stopped(&mut self, within: Duration) -> Result<()> {
        let mut stopping = Stopping::begin(self, within)?;
        while !stopping.poll()? {
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(())
    }
}

impl Drop for Lectern {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A `lectern` that was asked to end.
struct Stopping<'a> {
    lectern: &'a mut Lectern,
    within: Duration,
    kill_at: Instant,
}

impl<'a> Stopping<'a> {
    fn begin(lectern: &'a mut Lectern, within: Duration) -> Result<Self> {
        lectern.signal(Signal::SIGTERM)?;
        Ok(Self { lectern, within, kill_at: Instant::now() + within })
    }

    /// Whether it has ended.
    fn poll(&mut self) -> Result<bool> {
        if self.lectern.child.try_wait()?.is_some() {
            return Ok(true);
        }
        if Instant::now() > self.kill_at {
            self.lectern.kill()?;
            bail!("lectern did not stop within {} s of SIGTERM", self.within.as_secs());
        }
        Ok(false)
    }
}

/// Returns an address of this machine on which nothing listens.
pub fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").context("there is no free port")?.local_addr()?.to_string())
}

/// Returns the last `count` lines of a log, or nothing if it cannot be read.
pub fn last_lines(log: &Path, count: usize) -> String {
    let log = fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    struct Script {
        folder: tempfile::TempDir,
    }

    impl Script {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn start(&self, script: &str, ready_within: Duration) -> Lectern {
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(self.folder.path());
            Lectern::spawn(command, &self.path("ready.json"), &self.path("log"), ready_within).unwrap()
        }
    }

    const PATIENT: Duration = Duration::from_secs(30);

    #[test]
    fn it_is_ready_once_its_file_is_whole() {
        let script = Script::new();
        fs::write(script.path("ready.json"), "{\"url\": \"an earlier one\"}").unwrap();
        let text = "printf '{\"url\": ' >ready.json; read line <go; echo '\"http://here\"}' >>ready.json; exec sleep 30";
        nix::unistd::mkfifo(&script.path("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut lectern = script.start(text, PATIENT);
        assert!(lectern.poll_ready().unwrap().is_none());
        fs::write(script.path("go"), "\n").unwrap();
        let ready = lectern.wait_until_ready(&mut || Ok(())).unwrap();
        assert_eq!(ready.url.as_deref(), Some("http://here"));
        assert!(ready.kubeconfig.is_none());
    }

    #[test]
    fn one_that_ends_or_takes_too_long_is_an_error() {
        let script = Script::new();
        let mut ended = script.start("echo last words; exit 3", PATIENT);
        let problem = ended.wait_until_ready(&mut || Ok(())).unwrap_err().to_string();
        assert!(problem.contains('3'), "{problem}");
        assert_eq!(last_lines(&script.path("log"), 5), "last words");

        let mut late = script.start("exec sleep 30", Duration::ZERO);
        let problem = late.wait_until_ready(&mut || Ok(())).unwrap_err().to_string();
        assert!(problem.contains("not ready after 0 s"), "{problem}");
    }

    #[test]
    fn stopping_asks_first_and_then_kills() {
        let script = Script::new();
        let mut polite = script.start("exec sleep 30", PATIENT);
        polite.stop(PATIENT).unwrap();
        polite.stop(PATIENT).unwrap();

        let mut deaf =
            script.start("trap '' TERM; echo >ready.json {}; while :; do sleep 0.1; done", PATIENT);
        deaf.wait_until_ready(&mut || Ok(())).unwrap();
        let problem = deaf.stop(Duration::from_millis(200)).unwrap_err().to_string();
        assert!(problem.contains("did not stop"), "{problem}");
        assert_eq!(deaf.child.try_wait().unwrap().and_then(|status| status.signal()), Some(9));
    }
}
