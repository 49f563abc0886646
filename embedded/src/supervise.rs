//! Keeps one part running: starts it, watches it, starts it again when it dies, ends it when told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::command;
use crate::error::Error;
use crate::layout::Layout;
use crate::logs;
use crate::probe::Probe;
use crate::process::{self, ProcessId};
use crate::status::{Board, Health, unix_secs};

const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
/// A part that ran this long before it died starts again at once.
const STEADY: Duration = Duration::from_secs(60);
/// A part that dies this often before it was ever ready is given up.
const DEATHS_BEFORE_READY: u32 = 5;
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Everything about a part that does not change while it is kept running.
#[derive(Debug, Clone)]
pub(crate) struct PartSpec {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, OsString)>,
    /// The user and group it runs as, when not root.
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) probe: Probe,
    /// How it is asked to end.
    pub(crate) stop_signal: Signal,
    /// How long it may take to end before it is killed.
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
    /// Starts a part and keeps it running; answers once it is ready.
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
        // the first start is made here, so that a program that cannot be run is an error and no endless retry
        let child = launch(&spec, layout)?;
        let keeper = Keeper { spec, layout: layout.clone(), board: board.clone(), stopped };
        keeper.note_started(&child, false);
        Ok(Self { name, stop, task: tokio::spawn(keeper.keep(child)) })
    }

    /// Ends the part within its limit, by force if it must be.
    pub(crate) async fn stop(self) {
        // the receiver is gone only when the task has ended
        let _ = self.stop.send(true);
        if self.task.await.is_err() {
            tracing::error!(part = self.name, "the task that kept the part running broke off");
        }
    }
}

/// Ends several parts at once.
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
        .env(process::MARK, layout.root())
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
                        tracing::error!(part = self.spec.name, error = %error, "could not start the part again");
                    }
                }
            }
        }
    }

    /// Watches until the part ends (how it ended) or shall stop (`None`).
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

    /// Asks the part how it is, and keeps its log short; answers whether it is healthy.
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
                tracing::warn!(part = self.spec.name, "the part runs and does not answer");
            }
            self.board.change_part(self.spec.name, |part| part.health = now);
        }
        if let Err(error) = logs::rotate(&self.layout.log(self.spec.name)) {
            tracing::warn!(part = self.spec.name, error = %error, "could not cut the log");
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
            tracing::warn!(part = self.spec.name, "the part did not end when asked and is killed");
            if let Some(process) = process {
                process.signal_group(Signal::SIGKILL);
            }
            // only a process stuck in the kernel does not end now; the clean-up names it
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
        tracing::error!(part = self.spec.name, reason, last_words, "a part died and is started again");
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

/// A part of the multi-call program.
pub(crate) fn cluster_part(program: &Path, name: &'static str, probe: Probe) -> PartSpec {
    PartSpec::new(name, program, probe).arg(name)
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
        assert_eq!(process::marked_with(layout.root()), []);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error_and_not_tried_for_ever() {
        let (_folder, layout, board) = workplace();
        let spec = PartSpec::new("ghost", "/nonexistent/ghost", Probe::Unix("/nonexistent".into()));
        assert!(matches!(Part::start(spec, &layout, &board).await, Err(Error::Spawn { .. })));
    }
}
