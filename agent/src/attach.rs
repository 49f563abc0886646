//! `lectern-agent attach`: connects standard input and output to the agent. The server runs this in the pod; it ends
//! when either side does.
//!
//! If standard input and output are pipes, as container runtimes make them, they are handed over to the agent, which
//! then reads and writes them itself: each key wakes one process fewer. Otherwise the bytes are copied.
//!
//! They are handed over to a listener of process 1 only. If another process of the workbench listens in the agent's
//! place, the command fails instead.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::socket::{OFFER, SOCKET, TAKEN};

/// How long to wait for the agent's socket: the server may exec into the pod before its first process is up.
const WAIT: Duration = Duration::from_secs(10);
/// The size of the copy buffer, in bytes.
const PIECE: usize = 64 * 1024;
/// Connects standard input and output to the agent at this path, or by default to process 1.
pub fn run(socket: Option<PathBuf>) -> io::Result<()> {
    let mut agent = match socket {
        Some(path) => connect(&SocketAddr::from_pathname(path)?)?,
        None => {
            let agent = connect(&SocketAddr::from_abstract_name(SOCKET)?)?;
            require_process_1(&agent)?;
            agent
        }
    };
    if hand_over(&mut agent)? {
        // nothing more is sent: the end of this connection is the end of the stream
        let _ = agent.read(&mut [0]);
        return Ok(());
    }
    let mut to_agent = agent.try_clone()?;
    std::thread::spawn(move || {
        // however this direction ends, the other one ends with it
        let _ = copy(&mut io::stdin().lock(), &mut to_agent);
        let _ = to_agent.shutdown(std::net::Shutdown::Both);
    });
    copy(&mut agent, &mut io::stdout().lock())
}

fn connect(place: &SocketAddr) -> io::Result<UnixStream> {
    let started = Instant::now();
    loop {
        match UnixStream::connect_addr(place) {
            Ok(stream) => return Ok(stream),
            Err(error) if started.elapsed() > WAIT => {
                let message = format!("the agent cannot be reached at {place:?}: {error}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Fails if the listener is not process 1. The kernel records which process called `listen`.
fn require_process_1(agent: &UnixStream) -> io::Result<()> {
    let listener = getsockopt(agent, PeerCredentials)?.pid();
    if listener == 1 {
        return Ok(());
    }
    let message = format!(
        "process {listener} listens in place of the agent, which is process 1; nothing is sent to it"
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Offers standard input and output to the agent. Returns whether the agent took them.
fn hand_over(agent: &mut UnixStream) -> io::Result<bool> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let descriptors = [stdin.as_fd(), stdout.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(&*agent, &[IoSlice::new(&[OFFER])], &mut ancillary, SendFlags::empty())?;
    let mut answer = [0];
    agent.read_exact(&mut answer)?;
    Ok(answer[0] == TAKEN)
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            read => {
                to.write_all(&piece[..read])?;
                to.flush()?;
            }
        }
    }
}
