//! The server's side: ask, send files, attach.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{PROTOCOL, Reply, Request};
use lectern_api::ids::TerminalName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::messages::{FrameSink, FrameStream, Messages};
use crate::mux::{MuxStream, OpenRequest, STREAMS, drive_client};
use crate::{ANSWER_WITHIN, KEEP_ALIVE, LinkError, STEP_WITHIN, within};

/// How many requests for a stream may wait.
const REQUESTS: usize = 16;
/// The longest words of a failure that are kept, in bytes.
const MESSAGE_BYTES: usize = 1024;
/// The longest output of a script that is kept, in bytes: the agent's own measure and a note of what it left out.
const OUTPUT_BYTES: usize = 17 * 1024;

/// A connection to an agent. Clones share it; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    opener: Opener,
    closed: watch::Receiver<bool>,
    driver: tokio::task::AbortHandle,
    boot_id: String,
    version: String,
}

/// Opens streams, as long as there is a place for them.
#[derive(Clone)]
struct Opener {
    requests: mpsc::Sender<OpenRequest>,
    places: Arc<Semaphore>,
}

/// What a viewer wants of a terminal; see [`Request::Attach`].
#[derive(Clone, Debug)]
pub struct AttachWish {
    /// Which terminal.
    pub terminal: TerminalName,
    /// The first byte of output that it lacks; none: all there is.
    pub offset: Option<u64>,
    /// The viewer's columns.
    pub cols: u16,
    /// The viewer's rows.
    pub rows: u16,
    /// Whether what it types counts.
    pub can_type: bool,
    /// How many bytes may be under way to it without being acknowledged.
    pub window_bytes: u32,
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
        let (sender, requests) = mpsc::channel(REQUESTS);
        let opener = Opener { requests: sender, places: Arc::new(Semaphore::new(STREAMS)) };
        let (tell_closed, closed) = watch::channel(false);
        let driver = tokio::spawn(drive_client(io, requests, tell_closed)).abort_handle();
        let hello = Request::Hello { protocol: PROTOCOL };
        let asked = opener.ask(&hello, ANSWER_WITHIN).await;
        let failed = |error| {
            driver.abort();
            Err(error)
        };
        let (boot_id, version) = match asked {
            Ok(Reply::Hello { protocol, version, boot_id }) if protocol == PROTOCOL => (boot_id, version),
            Ok(Reply::Hello { protocol, .. }) => {
                return failed(LinkError::OtherProtocol { agent: protocol, server: PROTOCOL });
            }
            Ok(Reply::Failed { message }) => return failed(LinkError::Refused(message)),
            Ok(_) => return failed(LinkError::Unexpected),
            Err(error) => return failed(error),
        };
        let shared = Arc::new(Shared { opener, closed, driver, boot_id, version });
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

    /// Asks for something that one reply answers, at once.
    ///
    /// # Errors
    /// [`LinkError::NoAnswer`], or the connection's. A [`Reply::Failed`] is no error here.
    pub async fn request(&self, request: Request) -> Result<Reply, LinkError> {
        self.request_within(request, STEP_WITHIN).await
    }

    /// Asks for something that takes its time.
    ///
    /// # Errors
    /// As [`Link::request`].
    pub async fn request_within(&self, request: Request, limit: Duration) -> Result<Reply, LinkError> {
        self.shared.opener.ask(&request, limit).await
    }

    /// Begins a stream with a request that more follows on.
    pub(crate) async fn begin(&self, request: &Request) -> Result<Messages, LinkError> {
        within(STEP_WITHIN, async {
            let mut messages = self.shared.opener.open().await?;
            messages.send(request).await?;
            Ok(messages)
        })
        .await
    }

    /// Connects to a port of the workbench: one connection there is one stream here.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where nothing listens there, or the connection's.
    pub async fn dial(&self, port: u16) -> Result<MuxStream, LinkError> {
        let mut messages = self.begin(&Request::Dial { port }).await?;
        messages.receive_done().await?;
        Ok(messages.into_stream())
    }

    /// Attaches to a terminal; see [`Request::Attach`].
    ///
    /// # Errors
    /// [`LinkError::Refused`], or the connection's.
    pub async fn attach(&self, wish: AttachWish) -> Result<AttachedTerminal, LinkError> {
        let AttachWish { terminal, offset, cols, rows, can_type, window_bytes } = wish;
        let request = Request::Attach { terminal, offset, cols, rows, can_type, window_bytes };
        let mut messages = self.begin(&request).await?;
        match messages.receive_reply().await? {
            Reply::Attached { offset, end } => {
                let (input, output) = messages.into_frames();
                Ok(AttachedTerminal { offset, end, input, output })
            }
            _ => Err(LinkError::Unexpected),
        }
    }
}

impl Messages {
    /// The reply; [`Reply::Failed`] is an error here.
    pub(crate) async fn receive_reply(&mut self) -> Result<Reply, LinkError> {
        match within(STEP_WITHIN, self.receive()).await?.map(clipped).ok_or(LinkError::Closed)? {
            Reply::Failed { message } => Err(LinkError::Refused(message)),
            reply => Ok(reply),
        }
    }

    /// The reply where it can only be [`Reply::Done`].
    pub(crate) async fn receive_done(&mut self) -> Result<(), LinkError> {
        match self.receive_reply().await? {
            Reply::Done => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }
}

impl Opener {
    async fn open(&self) -> Result<Messages, LinkError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| LinkError::TooManyStreams)?;
        let (answer, answered) = oneshot::channel();
        self.requests.send(answer).await.map_err(|_| LinkError::Closed)?;
        let stream = answered.await.map_err(|_| LinkError::Closed)??;
        Ok(Messages::new(stream.with_place(place)))
    }

    async fn ask(&self, request: &Request, limit: Duration) -> Result<Reply, LinkError> {
        within(limit, async {
            let mut messages = self.open().await?;
            messages.send(request).await?;
            messages.receive().await?.map(clipped).ok_or(LinkError::Closed)
        })
        .await
    }
}

/// The reply with no more words than an honest agent needs: they go to logs, pages and the database.
pub(crate) fn clipped(mut reply: Reply) -> Reply {
    match &mut reply {
        Reply::Failed { message } => clip(message, MESSAGE_BYTES),
        Reply::Ran { output, .. } => clip(output, OUTPUT_BYTES),
        _ => {}
    }
    reply
}

fn clip(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

/// Tries the connection now and then, and ends it when it no longer answers: a peer that vanished without a word
/// would otherwise be waited for as long as the network stack likes.
async fn keep_alive(link: std::sync::Weak<Shared>) {
    loop {
        tokio::time::sleep(jittered(KEEP_ALIVE)).await;
        let Some(shared) = link.upgrade() else { return };
        let hello = Request::Hello { protocol: PROTOCOL };
        let answered = shared.opener.ask(&hello, ANSWER_WITHIN).await;
        // a link without a place for the question is busy, not dead
        if !matches!(answered, Ok(_) | Err(LinkError::TooManyStreams)) {
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
