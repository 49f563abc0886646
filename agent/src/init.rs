//! Process 1 of the workbench: starts the agent proper, reaps what it and its shells leave behind, passes signals
//! on, and ends when the agent ends; all others get a moment to end before it. It is a process of its own so that
//! reaping never takes away a child that the agent itself waits for.
//!
//! It is also who begins to listen, and the agent takes that over: who connects hears from the kernel which process
//! listens, and no process of a learner's can be process 1.

use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::SOCKET;

/// How long all others may take to end after the agent.
const FAREWELL: Duration = Duration::from_millis(200);

fn block_signals() -> io::Result<SigSet> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    signals.thread_block()?;
    Ok(signals)
}

/// Reaps whatever ends until it is asked to end itself.
pub fn hold() -> io::Result<()> {
    let signals = block_signals()?;
    while signals.wait()? == Signal::SIGCHLD {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(ended) if ended != WaitStatus::StillAlive)
        {
        }
    }
    Ok(())
}

/// Runs until the agent ends; its exit status.
pub fn run() -> io::Result<u8> {
    // blocked before the child exists, so that none is lost; the child unblocks them for itself
    let signals = block_signals()?;
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(SOCKET)?)?;
    let agent = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn()?;
    let agent = Pid::from_raw(i32::try_from(agent.id()).map_err(io::Error::other)?);
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {
                if let Some(status) = reap(agent) {
                    take_leave();
                    return Ok(status);
                }
            }
            // fails where the agent is ending already
            other => drop(kill(agent, other)),
        }
    }
}

/// Asks all that is left to end, and waits a moment for it: after process 1 nothing is asked any more.
fn take_leave() {
    let everybody = Pid::from_raw(-1);
    // both fail where nobody is left
    let _ = kill(everybody, Signal::SIGTERM);
    let _ = kill(everybody, Signal::SIGCONT);
    let until = Instant::now() + FAREWELL;
    while Instant::now() < until {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(_) => return,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(5)),
            Ok(_) => {}
        }
    }
}

/// Reaps all that has ended; the agent's exit status where it is among them.
fn reap(agent: Pid) -> Option<u8> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == agent => {
                ended = u8::try_from(status).ok().or(Some(1));
            }
            // as shells put it: 128 and the signal's number
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == agent => {
                ended = u8::try_from(128 + signal as i32).ok().or(Some(1));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            Ok(_) | Err(_) => {}
        }
    }
}
