//! One terminal: a PTY with a shell, the ring of its output, and the sizes of its viewers.
//!
//! Output is read as fast as it comes and goes into the ring; viewers read the ring at their own pace. Input takes
//! another way, so an interrupt passes whatever the shell prints. When the shell ends, another one begins where it
//! was.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use lectern_api::ids::TerminalName;
use lectern_api::terminal::{RING_BYTES, TerminalFrame};
use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::{broadcast, mpsc, watch};

use crate::ring::Ring;
use crate::settings::Settings;

/// How many pieces of input may wait for the shell.
const INPUT_WAITING: usize = 8;
/// How much output is read at a time, in bytes.
const PIECE: usize = 64 * 1024;
/// A shell that lives shorter than this has failed to start.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// After so many that failed one after another, the next one waits for a key.
const FAILED_STARTS: u32 = 3;
/// Columns and rows of a terminal whose viewers have not said how large they are.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// One terminal.
pub struct Terminal {
    ring: Mutex<Ring>,
    /// Where the ring ends; changes when there is new output.
    grown: watch::Sender<u64>,
    input: mpsc::Sender<Vec<u8>>,
    sizes: Mutex<HashMap<u64, (u16, u16)>>,
    size: watch::Sender<(u16, u16)>,
    next_viewer: AtomicU64,
    /// What viewers are told besides output.
    news: broadcast::Sender<TerminalFrame>,
}

impl Terminal {
    /// Starts the shell.
    pub fn start(name: TerminalName, settings: Arc<Settings>, size: (u16, u16)) -> Arc<Self> {
        let (input, keys) = mpsc::channel(INPUT_WAITING);
        let terminal = Arc::new(Self {
            ring: Mutex::new(Ring::new(RING_BYTES)),
            grown: watch::Sender::new(0),
            input,
            sizes: Mutex::default(),
            size: watch::Sender::new(usable(size)),
            next_viewer: AtomicU64::new(0),
            news: broadcast::Sender::new(16),
        });
        tokio::spawn(run_shells(terminal.clone(), name, settings, keys));
        terminal
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // the ring's fields follow one another within one call, which does not panic
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, bytes: &[u8]) {
        let end = {
            let mut ring = self.ring();
            ring.push(bytes);
            ring.end()
        };
        self.grown.send_replace(end);
    }

    /// Up to `most` bytes from `offset` on, as [`Ring::read`].
    pub fn read(&self, offset: u64, most: usize) -> (u64, Vec<u8>) {
        self.ring().read(offset, most)
    }

    /// Offsets of the oldest byte that is kept and after the newest one.
    pub fn range(&self) -> (u64, u64) {
        let ring = self.ring();
        (ring.start(), ring.end())
    }

    /// Follows where the output ends.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Follows what is told besides output.
    pub fn news(&self) -> broadcast::Receiver<TerminalFrame> {
        self.news.subscribe()
    }

    /// Types; waits while the shell does not read.
    pub async fn type_in(&self, bytes: Vec<u8>) {
        // fails only when the agent ends
        let _ = self.input.send(bytes).await;
    }

    /// A number for a new viewer.
    pub fn enter(&self) -> u64 {
        self.next_viewer.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a viewer's size; the terminal takes the smallest of all.
    pub fn resize(&self, viewer: u64, size: (u16, u16)) {
        self.change_sizes(|sizes| _ = sizes.insert(viewer, usable(size)));
    }

    /// Forgets a viewer.
    pub fn leave(&self, viewer: u64) {
        self.change_sizes(|sizes| _ = sizes.remove(&viewer));
    }

    fn change_sizes(&self, change: impl FnOnce(&mut HashMap<u64, (u16, u16)>)) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sizes);
        let smallest = sizes.values().copied().reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
        // without viewers it stays as it was: programs need not draw for nobody
        let Some(smallest) = smallest else { return };
        let changed = self.size.send_if_modified(|size| std::mem::replace(size, smallest) != smallest);
        if changed {
            let (cols, rows) = smallest;
            // fails where nobody listens
            let _ = self.news.send(TerminalFrame::Size { cols, rows });
        }
    }

    /// Columns and rows now.
    pub fn size(&self) -> (u16, u16) {
        *self.size.borrow()
    }
}

/// A size of which no side is zero, which some programs take badly.
fn usable(size: (u16, u16)) -> (u16, u16) {
    if size.0 == 0 || size.1 == 0 { DEFAULT_SIZE } else { size }
}

async fn run_shells(
    terminal: Arc<Terminal>,
    name: TerminalName,
    settings: Arc<Settings>,
    mut keys: mpsc::Receiver<Vec<u8>>,
) {
    let mut failed_starts = 0;
    let mut dir = None;
    loop {
        let started = Instant::now();
        let ended = match start_shell(&name, &settings, dir.as_deref(), terminal.size()) {
            Ok((child, reader, writer)) => run_shell(&terminal, child, reader, writer, &mut keys, &mut dir).await,
            Err(error) => Err(error),
        };
        let words = match ended {
            Ok(status) => {
                let _ = terminal.news.send(TerminalFrame::Exited { status });
                format!("the shell ended with status {status}")
            }
            Err(error) => format!("the shell could not be run: {error}"),
        };
        failed_starts = if started.elapsed() < SHORT_LIFE { failed_starts + 1 } else { 0 };
        if failed_starts >= FAILED_STARTS {
            terminal.print(format!("\r\n\x1b[2m[{words}; press a key for another one]\x1b[0m\r\n").as_bytes());
            if keys.recv().await.is_none() {
                return;
            }
            failed_starts = 0;
        } else {
            terminal.print(format!("\r\n\x1b[2m[{words}; this is another one]\x1b[0m\r\n").as_bytes());
        }
    }
}

fn start_shell(
    name: &TerminalName,
    settings: &Settings,
    dir: Option<&std::path::Path>,
    (cols, rows): (u16, u16),
) -> io::Result<(Child, OwnedReadPty, OwnedWritePty)> {
    let (pty, pts) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(Size::new(rows, cols)).map_err(io::Error::other)?;
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/bash".to_owned());
    let own_script = PathBuf::from(format!("/opt/workshop/terminal/{name}.sh"));
    let command = if own_script.is_file() { Command::new("/bin/bash").arg(own_script) } else { Command::new(shell) };
    let dir = dir.filter(|dir| dir.is_dir()).map_or_else(|| settings.working_dir(), PathBuf::from);
    let child = command
        .envs(settings.env())
        .env("TERM", "xterm-256color")
        .env("LECTERN_TERMINAL", name.as_str())
        .current_dir(dir)
        .kill_on_drop(true)
        .spawn(pts)
        .map_err(io::Error::other)?;
    let (reader, writer) = pty.into_split();
    Ok((child, reader, writer))
}

/// Runs one shell to its end; its status, negative where a signal ended it. `dir` becomes where it was when the
/// last line was typed to it.
async fn run_shell(
    terminal: &Terminal,
    mut child: Child,
    mut reader: OwnedReadPty,
    mut writer: OwnedWritePty,
    keys: &mut mpsc::Receiver<Vec<u8>>,
    dir: &mut Option<PathBuf>,
) -> io::Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    let cwd = child.id().map(|pid| PathBuf::from(format!("/proc/{pid}/cwd")));
    let mut sizes = terminal.size.subscribe();
    let reading = async {
        let mut piece = vec![0; PIECE];
        // an error is how Linux says that the last process has closed the other side
        while let Ok(read @ 1..) = reader.read(&mut piece).await {
            terminal.print(&piece[..read]);
        }
    };
    let typing = async {
        loop {
            tokio::select! {
                key = keys.recv() => match key {
                    Some(bytes) => {
                        if bytes.contains(&b'\r') || bytes.contains(&b'\n') || bytes.contains(&4) {
                            *dir = cwd.as_ref().and_then(|link| std::fs::read_link(link).ok()).or(dir.take());
                        }
                        if writer.write_all(&bytes).await.is_err() {
                            return std::future::pending().await;
                        }
                    }
                    None => return std::future::pending().await,
                },
                changed = sizes.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    let (cols, rows) = *sizes.borrow_and_update();
                    // fails where the shell has just ended
                    let _ = writer.resize(Size::new(rows, cols));
                }
            }
        }
    };
    // fused: it is looked at again after the shell ended, and may have ended first
    let reading = reading.fuse();
    tokio::pin!(reading);
    let status = tokio::select! {
        status = child.wait() => status?,
        never = typing => never,
        () = &mut reading => child.wait().await?,
    };
    // what it printed last; a process that it left behind may keep the terminal open for ever
    let _ = tokio::time::timeout(Duration::from_millis(100), reading).await;
    Ok(status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)))
}
