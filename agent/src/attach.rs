//! `lectern-agent attach`: joins standard input and output to the agent's socket. This is what the server runs in
//! the pod; it ends when either side does.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::SOCKETS;

/// How long the agent may take to appear: the pod may be asked before its first process is up.
const WAIT: Duration = Duration::from_secs(10);
/// How much is copied at a time, in bytes.
const PIECE: usize = 128 * 1024;

pub fn run(socket: Option<PathBuf>) -> io::Result<()> {
    let places = socket.map_or_else(|| SOCKETS.map(PathBuf::from).to_vec(), |path| vec![path]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (mut from_agent, mut to_agent) = connect(&places).await?.into_split();
        let (mut input, mut output) = (tokio::io::stdin(), tokio::io::stdout());
        tokio::select! {
            done = copy(&mut input, &mut to_agent) => done,
            done = copy(&mut from_agent, &mut output) => done,
        }
    });
    // reading standard input cannot be cancelled: the thread that does it is left behind
    runtime.shutdown_background();
    result
}

async fn connect(places: &[PathBuf]) -> io::Result<UnixStream> {
    let started = Instant::now();
    loop {
        let mut last = None;
        for place in places {
            match UnixStream::connect(place).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some((place, error)),
            }
        }
        if started.elapsed() > WAIT {
            let reason = last.map_or_else(String::new, |(place, error)| format!(" at {}: {error}", place.display()));
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("the agent cannot be reached{reason}")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece).await? {
            0 => return Ok(()),
            read => {
                to.write_all(&piece[..read]).await?;
                to.flush().await?;
            }
        }
    }
}
