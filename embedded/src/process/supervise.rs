//! Keeping a part running: starting, watching, restarting and stopping it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::data_dir::layout::Layout;
use crate::data_dir::status::{Board, Health, unix_secs};
use crate::error::Error;
use crate::host::probe::Probe;
use crate::process::command;
use crate::process::logs;
use crate::process::table::{self, ProcessId};

const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
/// A part that ran this long before it died is restarted after the shortest pause again.
const STEADY: Duration = Duration::from_secs(60);
/// A part that dies this often before it was ever ready counts as failed.
const DEATHS_BEFORE_READY: u32 = 5;
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// How a part is started, checked and stopped.
#[derive(Debug, Clone)]
pub(crate) struct PartSpec {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, OsString)>,
    /// The user and group that it runs as. `None` means root.
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) probe: Probe,
    /// The signal that asks it to exit.
    pub(crate) stop_signal: Signal,
    /// How long it may take to exit before it is killed.
    pub(crate) stop_limit: Duration,
    /// How long it may take to become ready.
    pub(crate) ready_limit: Duration,
}

impl PartSpec {
    pub(crate) fn new(name: &'static str, program: impl Into<PathBuf>, probe: Probe) -> Self {
        Self {
            name,
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            probe,
            stop_signal: Signal::SIGTERM,
            stop_limit: Duration::from_secs(3),
            ready_limit: Duration::from_secs(60),
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds an argument `--name=value`.
    pub(crate) fn flag(self, name: &str, value: impl fmt::Display) -> Self {
        self.arg(format!("--{name}={value}"))
    }

    /// Adds arguments `--name=path` for files of one folder.
    pub(crate) fn file_flags(self, folder: &Path, flags: &[(&str, &str)]) -> Self {
        flags.iter().fold(self, |spec, (name, file)| spec.flag(name, folder.join(file).display()))
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// A part that is being kept running.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Part {
    /// Starts a part and keeps it running. Returns once it is ready.
    pub(crate) async fn start(spec: PartSpec, layout: &Layout, board: &Board) -> Result<Self, Error> {
        let part = Self::spawn(spec.clone(), layout, board)?;
        match wait_ready(&spec, layout, board).await {
            Ok(()) => Ok(part),
            Err(error) => {
                part.stop().await;
                Err(error)
            }
        }
    }

    fn spawn(spec: PartSpec, layout: &Layout, board: &Board) -> Result<Self, Error> {
        let (stop, stopped) = watch::channel(false);
        let name = spec.name;
        // the first start happens here, so that a program that cannot be run is an error and not retried endlessly
        let child = launch(&spec, layout)?;
        let keeper = Keeper { spec, layout: layout.clone(), board: board.clone(), stopped };
        keeper.note_started(&child, false);
        Ok(Self { name, stop, task: tokio::spawn(keeper.keep(child)) })
    }

    /// Stops the part within its time limit, by force if needed.
    pub(crate) async fn stop(self) {
        // fails if the task has ended
        let _ = self.stop.send(true);
        if self.task.await.is_err() {
            tracing::error!(part = self.name, "the task that kept the part running panicked");
        }
    }
}

/// Stops several parts at the same time.
pub(crate) async fn stop_all(parts: impl IntoIterator<Item = Part>) {
    let mut stopping = tokio::task::JoinSet::new();
    for part in parts {
        stopping.spawn(part.stop());
    }
    stopping.join_all().await;
}

async fn wait_ready(spec: &PartSpec, layout: &Layout, board: &Board) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        if board.health(spec.name) != Some(Health::Restarting) && spec.probe.succeeds().await {
            board.change_part(spec.name, |part| part.health = Health::Healthy);
            return Ok(());
        }
        if began.elapsed() > spec.ready_limit || board.restarts(spec.name) >= DEATHS_BEFORE_READY {
            let log = layout.log(spec.name);
            return Err(Error::NotReady {
                part: spec.name.to_owned(),
                waited_secs: began.elapsed().as_secs(),
                last_words: logs::last_line(&log),
                log,
            });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn launch(spec: &PartSpec, layout: &Layout) -> Result<Child, Error> {
    let log = layout.log(spec.name);
    let stdout = logs::open(&log)?;
    let stderr = stdout.try_clone().map_err(Error::file("open", &log))?;
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env("PATH", command::PATH)
        .env("HOME", layout.home())
        .env(table::MARK, layout.root())
        .env_remove("KUBECONFIG")
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    if let Some((uid, gid)) = spec.user {
        command.uid(uid).gid(gid);
    }
    command.spawn().map_err(|source| Error::Spawn { program: spec.program.display().to_string(), source })
}

struct Keeper {
    spec: PartSpec,
    layout: Layout,
    board: Board,
    stopped: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self, first: Child) {
        let mut child = first;
        let mut backoff = FIRST_BACKOFF;
        loop {
            let began = Instant::now();
            let Some(end) = self.watch(&mut child).await else {
                self.end(child).await;
                return;
            };
            let reason = reason_of(&end);
            self.note_ended(&reason);
            if began.elapsed() > STEADY {
                backoff = FIRST_BACKOFF;
            }
            loop {
                if self.paused_until_stop(backoff).await {
                    self.board.change_part(self.spec.name, |part| part.health = Health::Stopped);
                    return;
                }
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                match launch(&self.spec, &self.layout) {
                    Ok(next) => {
                        child = next;
                        self.note_started(&child, true);
                        break;
                    }
                    Err(error) => {
                        tracing::error!(part = self.spec.name, error = %error, "could not restart the part");
                    }
                }
            }
        }
    }

    /// Watches the part. Returns how it ended, or `None` if it is to be stopped.
    async fn watch(&mut self, child: &mut Child) -> Option<std::io::Result<ExitStatus>> {
        let mut next_check = POLL_INTERVAL * 10;
        loop {
            tokio::select! {
                end = child.wait() => return Some(end),
                _ = self.stopped.wait_for(|stop| *stop) => return None,
                () = tokio::time::sleep(next_check) => {}
            }
            if self.check().await {
                next_check = HEALTH_INTERVAL;
            }
        }
    }

    /// Probes the part and rotates its log. Returns whether the part is healthy.
    async fn check(&self) -> bool {
        let healthy = self.spec.probe.succeeds().await;
        let before = self.board.health(self.spec.name);
        let now = match (healthy, before) {
            (true, _) => Health::Healthy,
            (false, Some(Health::Starting)) => Health::Starting,
            (false, _) => Health::Unhealthy,
        };
        if before != Some(now) {
            if now == Health::Unhealthy {
                tracing::warn!(part = self.spec.name, "the part runs but does not answer");
            }
            self.board.change_part(self.spec.name, |part| part.health = now);
        }
        if let Err(error) = logs::rotate(&self.layout.log(self.spec.name)) {
            tracing::warn!(part = self.spec.name, error = %error, "could not rotate the log");
        }
        healthy
    }

    async fn paused_until_stop(&mut self, pause: Duration) -> bool {
        tokio::select! {
            _ = self.stopped.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(pause) => false,
        }
    }

    async fn end(&self, mut child: Child) {
        let process = child.id().and_then(ProcessId::of);
        if let Some(process) = process {
            process.signal(self.spec.stop_signal);
        }
        let ended = tokio::time::timeout(self.spec.stop_limit, child.wait()).await;
        if ended.is_err() {
            tracing::warn!(part = self.spec.name, "the part did not exit when asked; killing it");
            if let Some(process) = process {
                process.signal_group(Signal::SIGKILL);
            }
            // only a process that is stuck in the kernel survives this; the clean-up reports it
            let _ = tokio::time::timeout(Duration::from_secs(2), child.wait()).await;
        }
        self.board.change_part(self.spec.name, |part| {
            part.health = Health::Stopped;
            part.process = None;
        });
    }

    fn note_started(&self, child: &Child, again: bool) {
        let process = child.id().and_then(ProcessId::of);
        self.board.change_part(self.spec.name, |part| {
            part.process = process;
            part.health = Health::Starting;
            part.since_unix_secs = unix_secs();
            part.restarts += u32::from(again);
        });
    }

    fn note_ended(&self, reason: &str) {
        let last_words = logs::last_line(&self.layout.log(self.spec.name));
        tracing::error!(part = self.spec.name, reason, last_words, "a part died; restarting it");
        self.board.change_part(self.spec.name, |part| {
            part.process = None;
            part.health = Health::Restarting;
            part.last_end = Some(format!("{reason}; last words: {last_words}"));
        });
    }
}

fn reason_of(end: &std::io::Result<ExitStatus>) -> String {
    match end {
        Ok(status) => status.to_string(),
        Err(error) => format!("could not be waited for: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn workplace() -> (tempfile::TempDir, Layout, Board) {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::new(folder.path());
        for path in [layout.run(), layout.logs()] {
            files::create_private_dir(&path).expect("folder");
        }
        let board = Board::new(&layout);
        (folder, layout, board)
    }

    fn shell(script: &str, layout: &Layout) -> PartSpec {
        let mut spec = PartSpec::new("shell", "/bin/sh", Probe::Unix(layout.run().join("socket")));
        spec.ready_limit = Duration::from_millis(200);
        spec.arg("-c").arg(script)
    }

    #[tokio::test]
    async fn a_part_that_never_answers_is_ended_and_its_last_words_are_told() {
        let (_folder, layout, board) = workplace();
        let spec = shell("echo a sad reason; exec sleep 1000", &layout);
        let error = Part::start(spec, &layout, &board).await.expect_err("no socket is served");
        assert!(error.to_string().contains("a sad reason"), "{error}");
        assert_eq!(board.health("shell"), Some(Health::Stopped));
    }

    #[tokio::test]
    async fn a_part_that_dies_again_and_again_before_it_is_ready_is_given_up_early() {
        let (_folder, layout, board) = workplace();
        let mut spec = shell("echo no such flag; exit 2", &layout);
        spec.ready_limit = Duration::from_secs(60);
        let began = Instant::now();
        let error = Part::start(spec, &layout, &board).await.expect_err("it never gets ready");
        assert!(error.to_string().contains("no such flag"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_part_that_dies_is_started_again_and_its_end_is_kept() {
        let (_folder, layout, board) = workplace();
        let part = Part::spawn(shell("echo going; exit 7", &layout), &layout, &board).expect("part");
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let status = crate::read_status(layout.root()).expect("status");
            if status.parts.first().is_some_and(|part| part.restarts >= 2) {
                let end = status.parts[0].last_end.clone().expect("an end");
                assert!(end.contains("exit status: 7") && end.contains("going"), "{end}");
                break;
            }
            assert!(Instant::now() < deadline, "not started again: {status:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        part.stop().await;
    }

    #[tokio::test]
    async fn a_part_that_ignores_the_request_to_end_is_killed() {
        let (_folder, layout, board) = workplace();
        let mut spec = shell("trap '' TERM; echo deaf; while :; do sleep 0.1; done", &layout);
        spec.stop_limit = Duration::from_millis(300);
        let part = Part::spawn(spec, &layout, &board).expect("part");
        while logs::last_line(&layout.log("shell")).is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        part.stop().await;
        assert_eq!(table::marked_with(layout.root()), []);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error_and_not_tried_for_ever() {
        let (_folder, layout, board) = workplace();
        let spec = PartSpec::new("ghost", "/nonexistent/ghost", Probe::Unix("/nonexistent".into()));
        assert!(matches!(Part::start(spec, &layout, &board).await, Err(Error::Spawn { .. })));
    }
}
