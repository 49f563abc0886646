//! A terminal's shells: one after another, each on its own PTY. When one exits, the next one starts in its folder.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::FutureExt;
use lectern_api::ids::TerminalName;
use lectern_api::terminal::TerminalFrame;
use nix::unistd::Pid;
use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::process::Child;

use super::backpressure::Backpressure;
use super::feed::write_input;
use super::input::InputReceiver;
use super::profile;
use super::state::Terminal;
use super::tty::Tty;
use crate::settings::{Settings, script_shell, shell, workshop};

/// The size of the read buffer, in bytes.
const PIECE: usize = 32 * 1024;
/// A shell that exits sooner than this counts as failed to start.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// The number of successive failures after which the next shell waits for a key.
const FAILED_STARTS: u32 = 3;
/// How long output is read after the shell exited: a process that it left behind may keep the PTY open forever.
const LINGER: Duration = Duration::from_millis(100);

/// A running shell.
struct Running {
    child: Child,
    reader: OwnedReadPty,
    writer: OwnedWritePty,
    tty: Arc<Tty>,
}

/// Runs a terminal's shells until the terminal ends.
pub async fn run_shells(
    terminal: Arc<Terminal>,
    name: TerminalName,
    settings: Arc<Settings>,
    mut input: InputReceiver,
) {
    let mut failed_starts = 0;
    let mut dir = None;
    while !terminal.is_ending() {
        let started = Instant::now();
        let ended = match start_shell(&name, &settings, dir.as_deref(), terminal.size()) {
            Ok(running) => run_shell(&terminal, running, &mut input, &mut dir).await,
            Err(error) => Err(error),
        };
        let outcome = match ended {
            Ok(status) => {
                terminal.announce(TerminalFrame::Exited { status });
                format!("the shell ended with status {status}")
            }
            Err(error) => format!("the shell could not be run: {error}"),
        };
        failed_starts = if started.elapsed() < SHORT_LIFE { failed_starts + 1 } else { 0 };
        if failed_starts >= FAILED_STARTS {
            terminal
                .print(format!("\r\n\x1b[2m[{outcome}; press a key for another one]\x1b[0m\r\n").as_bytes());
            tokio::select! {
                _ = input.next() => {}
                () = terminal.ending() => {}
            }
            failed_starts = 0;
        } else {
            terminal.print(format!("\r\n\x1b[2m[{outcome}; this is another one]\x1b[0m\r\n").as_bytes());
        }
    }
    terminal.set_ended();
}

fn start_shell(
    name: &TerminalName,
    settings: &Settings,
    dir: Option<&Path>,
    (cols, rows): (u16, u16),
) -> io::Result<Running> {
    let (pty, pts) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(Size::new(rows, cols)).map_err(io::Error::other)?;
    let own_script = workshop().join(format!("terminal/{name}.sh"));
    let command = if own_script.is_file() {
        Command::new(script_shell()).arg(own_script)
    } else {
        profile::with_profile(&shell())
    };
    let dir = dir.filter(|dir| dir.is_dir()).map_or_else(|| settings.working_dir(), PathBuf::from);
    let child = command
        .envs(settings.env())
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .env("LECTERN_TERMINAL", name.as_str())
        .current_dir(dir)
        .kill_on_drop(true)
        .spawn(pts)
        .map_err(io::Error::other)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let tty = Arc::new(Tty::new(&pty, pid)?);
    let (reader, writer) = pty.into_split();
    Ok(Running { child, reader, writer, tty })
}

/// Runs one shell to its end. Returns its exit status, or the negative number of the signal that killed it. Sets `dir` to
/// the folder in which the shell was when the last line was typed.
async fn run_shell(
    terminal: &Terminal,
    running: Running,
    input: &mut InputReceiver,
    dir: &mut Option<PathBuf>,
) -> io::Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    let Running { mut child, reader, writer, tty } = running;
    terminal.set_tty(Some(tty.clone()));
    let status = {
        // fused: polled again after the shell exits, and may already have completed
        let reading = read_output(terminal, reader).fuse();
        tokio::pin!(reading);
        let status = tokio::select! {
            status = child.wait() => Some(status?),
            never = forever(write_input(writer, &tty, input, dir)) => match never {},
            never = forever(resize(terminal, &tty)) => match never {},
            () = &mut reading => Some(child.wait().await?),
            () = terminal.ending() => None,
        };
        if status.is_some() {
            // the last output
            let _ = tokio::time::timeout(LINGER, reading).await;
        }
        status
    };
    // the PTY closes with the last handle on it, and the kernel hangs up on processes that still use it
    terminal.set_tty(None);
    drop(tty);
    let status = match status {
        Some(status) => status,
        None => child.wait().await?,
    };
    Ok(status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)))
}

/// Runs `work` and then waits forever: only the end of the shell ends the select.
async fn forever(work: impl Future<Output = ()>) -> Infallible {
    work.await;
    std::future::pending().await
}

async fn read_output(terminal: &Terminal, mut reader: OwnedReadPty) {
    let mut backpressure = Backpressure::new(terminal);
    let mut piece = vec![0; PIECE];
    // Linux reports an error when the last process has closed the other side
    while let Ok(read @ 1..) = read_more(&mut reader, &mut piece).await {
        terminal.print(&piece[..read]);
        backpressure.wait().await;
    }
}

/// Waits for output and reads all that is available: a single read returns at most a page.
async fn read_more(reader: &mut OwnedReadPty, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = reader.read(piece).await?;
    while filled > 0 && filled < piece.len() {
        let mut rest = ReadBuf::new(&mut piece[filled..]);
        let more = std::future::poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut *reader).poll_read(cx, &mut rest);
            Poll::Ready(matches!(polled, Poll::Ready(Ok(()))))
        });
        let more = more.await;
        let read = rest.filled().len();
        // an error occurs again at the next call
        if !more || read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

/// Keeps the PTY at the terminal's size.
async fn resize(terminal: &Terminal, tty: &Tty) {
    let mut sizes = terminal.sizes();
    loop {
        let (cols, rows) = *sizes.borrow_and_update();
        tty.resize(cols, rows);
        if sizes.changed().await.is_err() {
            return;
        }
    }
}
