//! A terminal's shells: one after another, each on a PTY of its own. When one ends, the next begins where it was.

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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::process::Child;

use crate::input::{Key, Keys};
use crate::pace::Pace;
use crate::settings::{Settings, script_shell, shell, workshop};
use crate::terminal::Terminal;
use crate::tty::Tty;

/// How much output is taken at a time, in bytes.
const PIECE: usize = 32 * 1024;
/// A shell that lives shorter than this has failed to start.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// After so many that failed one after another, the next one waits for a key.
const FAILED_STARTS: u32 = 3;
/// How long output is read after the shell ended, which a process that it left behind may hold open for ever.
const LINGER: Duration = Duration::from_millis(100);

/// A shell that runs.
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
    mut keys: Keys,
) {
    let mut failed_starts = 0;
    let mut dir = None;
    while !terminal.is_ending() {
        let started = Instant::now();
        let ended = match start_shell(&name, &settings, dir.as_deref(), terminal.size()) {
            Ok(running) => run_shell(&terminal, running, &mut keys, &mut dir).await,
            Err(error) => Err(error),
        };
        let words = match ended {
            Ok(status) => {
                terminal.tell(TerminalFrame::Exited { status });
                format!("the shell ended with status {status}")
            }
            Err(error) => format!("the shell could not be run: {error}"),
        };
        failed_starts = if started.elapsed() < SHORT_LIFE { failed_starts + 1 } else { 0 };
        if failed_starts >= FAILED_STARTS {
            terminal
                .print(format!("\r\n\x1b[2m[{words}; press a key for another one]\x1b[0m\r\n").as_bytes());
            tokio::select! {
                _ = keys.next() => {}
                () = terminal.ending() => {}
            }
            failed_starts = 0;
        } else {
            terminal.print(format!("\r\n\x1b[2m[{words}; this is another one]\x1b[0m\r\n").as_bytes());
        }
    }
    terminal.note_end();
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
        Command::new(shell())
    };
    let dir = dir.filter(|dir| dir.is_dir()).map_or_else(|| settings.working_dir(), PathBuf::from);
    let child = command
        .envs(settings.env())
        .env("TERM", "xterm-256color")
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

/// Runs one shell to its end; its status, negative where a signal ended it. `dir` becomes where it was when the
/// last line was typed to it.
async fn run_shell(
    terminal: &Terminal,
    running: Running,
    keys: &mut Keys,
    dir: &mut Option<PathBuf>,
) -> io::Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    let Running { mut child, reader, writer, tty } = running;
    terminal.note_shell(Some(tty.clone()));
    let status = {
        // fused: it is looked at again after the shell ended, and may have ended first
        let reading = read_output(terminal, reader).fuse();
        tokio::pin!(reading);
        let status = tokio::select! {
            status = child.wait() => Some(status?),
            never = forever(type_to(writer, &tty, keys, dir)) => match never {},
            never = forever(resize(terminal, &tty)) => match never {},
            () = &mut reading => Some(child.wait().await?),
            () = terminal.ending() => None,
        };
        if status.is_some() {
            // what it printed last
            let _ = tokio::time::timeout(LINGER, reading).await;
        }
        status
    };
    // with the last handle on it the terminal closes, and the kernel hangs up on who still uses it
    terminal.note_shell(None);
    drop(tty);
    let status = match status {
        Some(status) => status,
        None => child.wait().await?,
    };
    Ok(status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)))
}

/// Does something, and never ends: the shell does.
async fn forever(work: impl Future<Output = ()>) -> Infallible {
    work.await;
    std::future::pending().await
}

async fn read_output(terminal: &Terminal, mut reader: OwnedReadPty) {
    let mut pace = Pace::new(terminal);
    let mut piece = vec![0; PIECE];
    // an error is how Linux says that the last process has closed the other side
    while let Ok(read @ 1..) = read_more(&mut reader, &mut piece).await {
        terminal.print(&piece[..read]);
        pace.keep().await;
    }
}

/// Waits for output and takes what there is of it: one read gives no more than a page.
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
        // what was an error is one again at the next call
        if !more || read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

/// Passes on what is typed, as long as there is somebody to read it.
async fn type_to(mut writer: OwnedWritePty, tty: &Tty, keys: &mut Keys, dir: &mut Option<PathBuf>) {
    loop {
        let key = keys.next().await;
        let typed = match &key {
            Some(Key::Typed(typed)) => typed.bytes(),
            Some(Key::Interrupt(byte)) => {
                keys.clear();
                tty.forget_input();
                std::slice::from_ref(byte)
            }
            None => return,
        };
        if typed.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 4)) {
            *dir = tty.shells_directory().or(dir.take());
        }
        let mut rest = typed;
        while !rest.is_empty() {
            tokio::select! {
                written = writer.write(rest) => match written {
                    Ok(written) => rest = &rest[written..],
                    // nobody reads any more: the shell is about to end
                    Err(_) => return,
                },
                Some(byte) = keys.interrupt() => {
                    // what is left of this goes with all that waits behind it
                    keys.clear();
                    tty.forget_input();
                    if writer.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

/// Gives the shell the terminal's size.
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
