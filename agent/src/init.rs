//! Process 1 of a container: reaps orphans. In a workbench it also starts the agent proper, forwards signals to it,
//! and ends when the agent ends, after all other processes had a moment to exit. It is a separate process so that it
//! never reaps a child that the agent itself waits for.
//!
//! It also creates the listening socket, which the agent takes over: a client learns from the kernel which process
//! called `listen`, and no process of a learner can be process 1.

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

use crate::socket::SOCKET;

/// How long all other processes may take to exit after the agent.
const FAREWELL: Duration = Duration::from_millis(200);

fn block_signals() -> io::Result<SigSet> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    signals.thread_block()?;
    Ok(signals)
}

/// Reaps orphans until a signal asks this process to end.
pub fn hold() -> io::Result<()> {
    let signals = block_signals()?;
    while signals.wait()? == Signal::SIGCHLD {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(ended) if ended != WaitStatus::StillAlive)
        {
        }
    }
    Ok(())
}

/// Runs the agent until it ends. Returns its exit status.
pub fn run() -> io::Result<u8> {
    // blocked before the child exists, so that no signal is lost; the child unblocks them for itself
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
                    end_others();
                    return Ok(status);
                }
            }
            // fails if the agent has just ended
            other => drop(kill(agent, other)),
        }
    }
}

/// Asks all remaining processes to exit and waits a moment. Once process 1 has ended, the kernel kills them.
fn end_others() {
    let everybody = Pid::from_raw(-1);
    // both fail if no process is left
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

/// Reaps all processes that have ended. Returns the agent's exit status if it is among them.
fn reap(agent: Pid) -> Option<u8> {
    let mut ended = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == agent => {
                ended = u8::try_from(status).ok().or(Some(1));
            }
            // as shells report it: 128 plus the number of the signal
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == agent => {
                ended = u8::try_from(128 + signal as i32).ok().or(Some(1));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            Ok(_) | Err(_) => {}
        }
    }
}
