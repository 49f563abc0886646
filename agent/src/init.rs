//! Process 1 of the workbench: starts the agent proper, reaps what it and its shells leave behind, passes signals
//! on, and ends when the agent ends; all others get a moment to end before it. It is a process of its own so that reaping never takes away a child that the
//! agent itself waits for.

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long all others may take to end after the agent.
const FAREWELL: Duration = Duration::from_millis(200);

/// Runs until the agent ends; its exit status.
pub fn run() -> io::Result<u8> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    // blocked before the child exists, so that none is lost; the child unblocks them for itself
    signals.thread_block()?;
    let agent = Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).spawn()?;
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
