//! The server's side: ask, send files, attach.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{PROTOCOL, Reply, Request};
use lectern_api::ids::TerminalName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};

use crate::messages::{FrameSink, FrameStream, Messages};
use crate::mux::{OpenRequest, drive_client};
use crate::{ANSWER_WITHIN, KEEP_ALIVE, LinkError};

/// How many requests for a stream may wait.
const REQUESTS: usize = 16;
/// How much of an archive is read at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// A connection to an agent. Clones share it; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    open: mpsc::Sender<OpenRequest>,
    closed: watch::Receiver<bool>,
    driver: tokio::task::AbortHandle,
    boot_id: String,
    version: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// An attached terminal: its frames in both directions, as [`lectern_api::terminal`] describes them.
pub struct AttachedTerminal {
    /// The offset of the first byte that will come.
    pub offset: u64,
    /// The offset after the last byte that there was on attaching.
    pub end: u64,
    input: TerminalInput,
    output: TerminalOutput,
}

/// Takes a viewer's frames.
pub type TerminalInput = FrameSink;
/// Gives the terminal's frames.
pub type TerminalOutput = FrameStream;

impl AttachedTerminal {
    /// The terminal's frames, and the place for the viewer's. Dropping both detaches.
    #[must_use]
    pub fn split(self) -> (TerminalOutput, TerminalInput) {
        (self.output, self.input)
    }
}

impl Link {
    /// Begins a connection and finds out who answers. A task drives it, and tries it whenever it was silent for
    /// twenty seconds: a peer that is gone is noticed within forty.
    ///
    /// # Errors
    /// [`LinkError::OtherProtocol`], [`LinkError::NoAnswer`], or the connection's.
    pub async fn connect<T>(io: T) -> Result<Self, LinkError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (open, requests) = mpsc::channel(REQUESTS);
        let (tell_closed, closed) = watch::channel(false);
        let driver = tokio::spawn(drive_client(io, requests, tell_closed)).abort_handle();
        let hello = Request::Hello { protocol: PROTOCOL };
        let asked = tokio::time::timeout(ANSWER_WITHIN, ask(&open, &hello)).await;
        let failed = |error| {
            driver.abort();
            Err(error)
        };
        let (boot_id, version) = match asked {
            Ok(Ok(Reply::Hello { protocol, version, boot_id })) if protocol == PROTOCOL => (boot_id, version),
            Ok(Ok(Reply::Hello { protocol, .. })) => {
                return failed(LinkError::OtherProtocol { agent: protocol, server: PROTOCOL });
            }
            Ok(Ok(Reply::Failed { message })) => return failed(LinkError::Refused(message)),
            Ok(Ok(_)) => return failed(LinkError::Unexpected),
            Ok(Err(error)) => return failed(error),
            Err(_) => return failed(LinkError::NoAnswer(ANSWER_WITHIN)),
        };
        let shared = Arc::new(Shared { open, closed, driver, boot_id, version });
        tokio::spawn(keep_alive(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Stands for one run of the agent: another one means that the workbench was started anew.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.shared.boot_id
    }

    /// The agent's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.shared.closed.borrow() || self.shared.driver.is_finished()
    }

    /// Resolves when the connection is over.
    pub async fn closed(&self) {
        // fails where the driver ended without a word, which is an end too
        let _ = self.shared.closed.clone().wait_for(|closed| *closed).await;
    }

    /// Asks for something that one reply answers.
    ///
    /// # Errors
    /// The connection's. A [`Reply::Failed`] is no error here.
    pub async fn request(&self, request: Request) -> Result<Reply, LinkError> {
        ask(&self.shared.open, &request).await
    }

    /// Sends a tar archive, to be unpacked below `directory`.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the agent could not unpack it, or the connection's or the archive's.
    pub async fn put_files(
        &self,
        directory: &str,
        mut archive: impl AsyncRead + Unpin,
    ) -> Result<(), LinkError> {
        let mut messages = open_stream(&self.shared.open).await?;
        messages.send(&Request::PutFiles { directory: directory.to_owned() }).await?;
        let (_, mut stream) = messages.into_stream();
        let mut piece = vec![0; PIECE];
        loop {
            let read = archive.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            stream.write_all(&piece[..read]).await?;
        }
        stream.shutdown().await?;
        match Messages::new(stream).receive().await?.ok_or(LinkError::Closed)? {
            Reply::Done => Ok(()),
            Reply::Failed { message } => Err(LinkError::Refused(message)),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// Attaches to a terminal; see [`Request::Attach`].
    ///
    /// # Errors
    /// [`LinkError::Refused`], or the connection's.
    pub async fn attach(
        &self,
        terminal: TerminalName,
        offset: Option<u64>,
        cols: u16,
        rows: u16,
        can_type: bool,
    ) -> Result<AttachedTerminal, LinkError> {
        let mut messages = open_stream(&self.shared.open).await?;
        messages.send(&Request::Attach { terminal, offset, cols, rows, can_type }).await?;
        match messages.receive().await?.ok_or(LinkError::Closed)? {
            Reply::Attached { offset, end } => {
                let (input, output) = messages.into_frames();
                Ok(AttachedTerminal { offset, end, input, output })
            }
            Reply::Failed { message } => Err(LinkError::Refused(message)),
            _ => Err(LinkError::Unexpected),
        }
    }
}

async fn open_stream(open: &mpsc::Sender<OpenRequest>) -> Result<Messages, LinkError> {
    let (answer, answered) = oneshot::channel();
    open.send(answer).await.map_err(|_| LinkError::Closed)?;
    Ok(Messages::new(answered.await.map_err(|_| LinkError::Closed)??))
}

async fn ask(open: &mpsc::Sender<OpenRequest>, request: &Request) -> Result<Reply, LinkError> {
    let mut messages = open_stream(open).await?;
    messages.send(request).await?;
    messages.receive().await?.ok_or(LinkError::Closed)
}

/// Tries the connection now and then, and ends it when it no longer answers: a peer that vanished without a word
/// would otherwise be waited for as long as the network stack likes.
async fn keep_alive(link: std::sync::Weak<Shared>) {
    loop {
        tokio::time::sleep(jittered(KEEP_ALIVE)).await;
        let Some(shared) = link.upgrade() else { return };
        let hello = Request::Hello { protocol: PROTOCOL };
        let answered = tokio::time::timeout(ANSWER_WITHIN, ask(&shared.open, &hello)).await;
        if !matches!(answered, Ok(Ok(_))) {
            tracing::warn!("a workbench no longer answers; its link is closed");
            shared.driver.abort();
            return;
        }
    }
}

/// Up to a tenth less, so that many links do not all speak at once.
fn jittered(period: Duration) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    period - period / 10 * (now.subsec_millis() % 100) / 100
}
