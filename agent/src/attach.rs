//! `lectern-agent attach`: joins standard input and output to the agent. This is what the server runs in the pod;
//! it ends when either side does.
//!
//! Where they are pipes, which is how container runtimes make them, they are handed to the agent, which then reads
//! and writes them itself: a key then wakes one process less. Else they are copied.
//!
//! They are handed to process 1's listener only: where another process of the workbench listens in the agent's place,
//! the stream ends instead.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::SOCKET;

/// How long the agent may take to appear: the pod may be asked before its first process is up.
const WAIT: Duration = Duration::from_secs(10);
/// How much is copied at a time, in bytes.
const PIECE: usize = 64 * 1024;
/// What is said with the two descriptors: take them.
pub const OFFER: u8 = b'F';
/// The agent's answer: it took them.
pub const TAKEN: u8 = b'+';
/// The agent's answer: it cannot use them, and waits for bytes.
pub const COPY: u8 = b'-';

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
        // nothing more is said: the end of this connection is the end of the stream
        let _ = agent.read(&mut [0]);
        return Ok(());
    }
    let mut to_agent = agent.try_clone()?;
    std::thread::spawn(move || {
        // however it ends, the other direction ends with it
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

/// Refuses a listener that is not process 1's: the kernel keeps who began to listen.
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

/// Offers the agent standard input and output; whether it took them.
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
