//! `lectern-agent serve`: accepts connections from servers and answers their streams.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lectern_link::Incoming;
use nix::sys::signal::SigSet;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::log;
use crate::requests::{Agent, answer};
use crate::socket::{COPY, TAKEN};

/// How long shells may take to exit when the workbench ends.
const FAREWELL: Duration = Duration::from_millis(500);
/// The number of threads that wait for the disk.
const DISK_THREADS: usize = 8;
/// The capacity of the pipes to the server, in bytes; the kernel's default is smaller.
const PIPE_BYTES: i32 = 256 * 1024;

/// Serves until a signal asks the process to end.
pub fn run(socket: Option<PathBuf>) -> io::Result<()> {
    log::start();
    // process 1 blocks signals and waits for them; shells that inherited that would ignore Ctrl-C
    SigSet::all().thread_unblock()?;
    // one thread: the tasks that a key passes through are woken without involving another core
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS)
        .build()?;
    runtime.block_on(async {
        let mut ends =
            [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::quit())?];
        let listener = listen(socket)?;
        let agent = Arc::new(Agent::new());
        let end = futures::future::select_all(ends.iter_mut().map(|signal| Box::pin(signal.recv())));
        tokio::select! {
            failed = accept(listener, &agent) => failed,
            _ = end => {
                agent.end(FAREWELL).await;
                Ok(())
            }
        }
    })
}

async fn accept(listener: UnixListener, agent: &Arc<Agent>) -> io::Result<()> {
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // out of descriptors, for example: the terminals that are open continue
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let agent = agent.clone();
        tokio::spawn(async move {
            let served = serve(&agent, stream).await;
            // a server that closed the connection before the first answer has changed its mind
            if let Err(error) = served.or_else(|error| match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
                _ => Err(error),
            }) {
                tracing::warn!(%error, "could not serve a connection");
            }
        });
    }
}

/// Serves one connection, over the pipes that are offered with it if they can be used.
async fn serve(agent: &Arc<Agent>, mut stream: UnixStream) -> io::Result<()> {
    let offered = stream.async_io(Interest::READABLE, || receive_descriptors(&stream)).await?;
    let Some(pipes) = offered.and_then(|[input, output]| open_pipes(input, output).ok()) else {
        stream.write_all(&[COPY]).await?;
        answer_all(agent, Incoming::accept(stream)).await;
        return Ok(());
    };
    stream.write_all(&[TAKEN]).await?;
    let incoming = Incoming::accept(tokio::io::join(pipes.0, pipes.1));
    let mut nothing = [0];
    tokio::select! {
        () = answer_all(agent, incoming) => {}
        // the process that owns the pipes has ended
        _ = stream.read(&mut nothing) => {}
    }
    Ok(())
}

async fn answer_all(agent: &Arc<Agent>, mut incoming: Incoming) {
    while let Some(stream) = incoming.next().await {
        tokio::spawn(answer(agent.clone(), stream));
    }
}

/// Receives the two descriptors that come with the first byte. Returns `None` if there are not exactly two.
fn receive_descriptors(stream: &UnixStream) -> io::Result<Option<[OwnedFd; 2]>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0];
    recvmsg(stream, &mut [IoSliceMut::new(&mut word)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let rights = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
        _ => None,
    });
    Ok(rights.and_then(|rights| rights.try_into().ok()))
}

fn open_pipes(input: OwnedFd, output: OwnedFd) -> io::Result<(pipe::Receiver, pipe::Sender)> {
    for end in [&input, &output] {
        // a pipe that cannot be enlarged works as well
        let _ = nix::fcntl::fcntl(end, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    }
    Ok((pipe::Receiver::from_owned_fd(input)?, pipe::Sender::from_owned_fd(output)?))
}

fn listen(socket: Option<PathBuf>) -> io::Result<UnixListener> {
    socket.map_or_else(take_over, |path| listen_at(&path))
}

/// Takes over the listener that process 1 made and passed as standard input.
fn take_over() -> io::Result<UnixListener> {
    let listener = StdListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    listener.local_addr().map_err(|error| {
        io::Error::new(error.kind(), "without --socket the agent is to be process 1 of its container")
    })?;
    nix::unistd::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot listen at {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(named)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(named)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(named)?;
    Ok(listener)
}
