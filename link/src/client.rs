//! The server's side of a connection: opening it, requests, terminals and ports.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{CONNECTS_SINCE, FileReply, PROTOCOLS, ProtocolRange, Reply, Request};
use lectern_api::terminal::AttachRequest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::messages::{FrameSink, FrameStream, Messages};
use crate::mux::{MuxStream, OpenRequest, STREAMS, drive_client};
use crate::{ANSWER_WITHIN, KEEP_ALIVE, LinkError, STEP_WITHIN, within};

/// The capacity of the queue of requests for a new stream.
const REQUESTS: usize = 16;
/// How much of an agent's error message is kept, in bytes.
const MESSAGE_BYTES: usize = 1024;
/// How much of a script's output is kept, in bytes: what an honest agent sends, with its note on what it left out.
const OUTPUT_BYTES: usize = 17 * 1024;
/// The maximum number of failed set-up scripts in a reply, and of the bytes that each printed.
const FAILURES: usize = 50;
const FAILURE_BYTES: usize = 4 * 1024;

/// A connection to an agent. Clones share it; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    opener: Opener,
    closed: watch::Receiver<bool>,
    driver: tokio::task::AbortHandle,
    protocol: u32,
    boot_id: String,
}

/// Opens streams, up to the limit of a link.
#[derive(Clone)]
struct Opener {
    requests: mpsc::Sender<OpenRequest>,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// An attached terminal, whose frames [`lectern_api::terminal`] describes.
pub struct AttachedTerminal {
    /// The offset of the first byte of output that will arrive.
    pub offset: u64,
    /// The offset after the last byte of output at the time of attaching.
    pub end: u64,
    to_terminal: FrameSink,
    from_terminal: FrameStream,
}

impl AttachedTerminal {
    /// Returns the stream of the terminal's frames and the sink for the viewer's. Dropping both detaches.
    #[must_use]
    pub fn split(self) -> (FrameStream, FrameSink) {
        (self.from_terminal, self.to_terminal)
    }
}

impl Link {
    /// Opens a connection to an agent that shares a version of the protocol with this release.
    ///
    /// A task drives the connection and sends a request every twenty seconds, so that a vanished agent is noticed
    /// within forty.
    ///
    /// # Errors
    /// Fails if the agent shares no version ([`LinkError::OtherProtocol`]), does not answer, or the connection
    /// breaks.
    pub async fn connect<T>(io: T) -> Result<Self, LinkError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::connect_speaking(PROTOCOLS, io).await
    }

    pub(crate) async fn connect_speaking<T>(spoken: ProtocolRange, io: T) -> Result<Self, LinkError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, requests) = mpsc::channel(REQUESTS);
        let opener = Opener { requests: sender, permits: Arc::new(Semaphore::new(STREAMS)) };
        let (report_closed, closed) = watch::channel(false);
        let driver = tokio::spawn(drive_client(io, requests, report_closed)).abort_handle();
        match opener.greet(spoken).await {
            Ok((protocol, boot_id)) => {
                let shared = Arc::new(Shared { opener, closed, driver, protocol, boot_id });
                tokio::spawn(keep_alive(Arc::downgrade(&shared)));
                Ok(Self { shared })
            }
            Err(error) => {
                driver.abort();
                Err(error)
            }
        }
    }

    /// Returns the newest protocol version that the agent and this server both speak. Nothing that came with a later
    /// one may be sent.
    #[must_use]
    pub fn protocol(&self) -> u32 {
        self.shared.protocol
    }

    /// Returns the id of the agent's current run; a new one means that the workbench was restarted.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.shared.boot_id
    }

    /// Returns whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.shared.closed.borrow() || self.shared.driver.is_finished()
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        // fails if the driver was aborted, which ends the connection too
        let _ = self.shared.closed.clone().wait_for(|closed| *closed).await;
    }

    /// Sends a request that is answered at once, and returns the answer. A [`Reply::Failed`] is not an error here.
    ///
    /// # Errors
    /// Fails if no answer arrives within a minute, or the connection breaks.
    pub async fn request(&self, request: Request) -> Result<Reply, LinkError> {
        self.request_within(request, STEP_WITHIN).await
    }

    /// Sends a request that may take up to `limit`, and returns the answer. A [`Reply::Failed`] is not an error here.
    ///
    /// # Errors
    /// Fails if no answer arrives within the limit, or the connection breaks.
    pub async fn request_within(&self, request: Request, limit: Duration) -> Result<Reply, LinkError> {
        self.shared.opener.ask(&request, limit).await
    }

    /// Opens a stream and sends a request on it; more follows on the same stream.
    pub(crate) async fn begin(&self, request: &Request) -> Result<Messages, LinkError> {
        within(STEP_WITHIN, async {
            let mut messages = self.shared.opener.open().await?;
            messages.send(request).await?;
            Ok(messages)
        })
        .await
    }

    /// Connects to a port of the workbench. Each connection there is one stream here.
    ///
    /// # Errors
    /// Fails if nothing listens on that port ([`LinkError::Refused`]), or the connection breaks.
    pub async fn dial(&self, port: u16) -> Result<MuxStream, LinkError> {
        let mut messages = self.begin(&Request::Dial { port }).await?;
        messages.receive_done().await?;
        Ok(messages.into_stream())
    }

    /// Connects to a port of another host, as a program in the workbench could. Each connection there is one stream
    /// here.
    ///
    /// # Errors
    /// Fails if the host cannot be reached ([`LinkError::Refused`]), the agent is of a release that knows no such request
    /// ([`LinkError::TooOld`]), or the connection breaks.
    pub async fn connect_to(&self, host: &str, port: u16) -> Result<MuxStream, LinkError> {
        if self.protocol() < CONNECTS_SINCE {
            return Err(LinkError::TooOld);
        }
        let mut messages = self.begin(&Request::Connect { host: host.to_owned(), port }).await?;
        messages.receive_done().await?;
        Ok(messages.into_stream())
    }

    /// Attaches to a terminal, which is started if it does not run.
    ///
    /// # Errors
    /// Fails if the workbench has too many terminals ([`LinkError::Refused`]), or the connection breaks.
    pub async fn attach(&self, request: AttachRequest) -> Result<AttachedTerminal, LinkError> {
        let mut messages = self.begin(&Request::Attach(request)).await?;
        match messages.receive_reply().await? {
            Reply::Attached { offset, end } => {
                let (to_terminal, from_terminal) = messages.into_frames();
                Ok(AttachedTerminal { offset, end, to_terminal, from_terminal })
            }
            _ => Err(LinkError::Unexpected),
        }
    }
}

impl Messages {
    /// Waits for the reply. [`Reply::Failed`] is an error here.
    pub(crate) async fn receive_reply(&mut self) -> Result<Reply, LinkError> {
        match within(STEP_WITHIN, self.receive()).await?.map(clipped).ok_or(LinkError::Closed)? {
            Reply::Failed { message } => Err(LinkError::Refused(message)),
            Reply::Files(FileReply::Refused { reason, message }) => Err(LinkError::File { reason, message }),
            reply => Ok(reply),
        }
    }

    /// Waits for a reply that can only be [`Reply::Done`].
    pub(crate) async fn receive_done(&mut self) -> Result<(), LinkError> {
        match self.receive_reply().await? {
            Reply::Done => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }
}

impl Opener {
    async fn open(&self) -> Result<Messages, LinkError> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| LinkError::TooManyStreams)?;
        let (answer, answered) = oneshot::channel();
        self.requests.send(answer).await.map_err(|_| LinkError::Closed)?;
        let stream = answered.await.map_err(|_| LinkError::Closed)??;
        Ok(Messages::new(stream.with_permit(permit)))
    }

    /// Asks the agent for its versions. Returns the one to use and the agent's boot id.
    async fn greet(&self, spoken: ProtocolRange) -> Result<(u32, String), LinkError> {
        let (agent, version, boot_id) = match self.ask(&Request::hello(spoken), ANSWER_WITHIN).await? {
            Reply::Hello { protocol, protocols, version, boot_id } => {
                (ProtocolRange::of_hello(protocol, protocols), version, boot_id)
            }
            Reply::Failed { message } => return Err(LinkError::Refused(message)),
            _ => return Err(LinkError::Unexpected),
        };
        let protocol = agent.shared_with(spoken).ok_or(LinkError::OtherProtocol { agent, server: spoken })?;
        if agent != spoken {
            tracing::info!(
                agent.version = version,
                agent.protocols = %agent,
                protocol,
                "a workbench's agent is of another release"
            );
        }
        Ok((protocol, boot_id))
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

/// Cuts the texts of a reply to what an honest agent needs, because they go to logs, pages and the database.
pub(crate) fn clipped(mut reply: Reply) -> Reply {
    match &mut reply {
        Reply::Failed { message } | Reply::Files(FileReply::Refused { message, .. }) => {
            clip(message, MESSAGE_BYTES);
        }
        Reply::Ran { output, failures, .. } => {
            clip(output, OUTPUT_BYTES);
            failures.truncate(FAILURES);
            for failure in failures {
                clip(&mut failure.script, MESSAGE_BYTES);
                clip(&mut failure.output, FAILURE_BYTES);
            }
        }
        _ => {}
    }
    reply
}

fn clip(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
}

/// Sends a request now and then, and ends the connection when the agent no longer answers. Without it, a peer that
/// vanished would go unnoticed for as long as the network stack keeps trying.
async fn keep_alive(link: std::sync::Weak<Shared>) {
    loop {
        tokio::time::sleep(jittered(KEEP_ALIVE)).await;
        let Some(shared) = link.upgrade() else { return };
        let answered = shared.opener.ask(&Request::hello(PROTOCOLS), ANSWER_WITHIN).await;
        // a link that has no room for the request is busy, not dead
        if !matches!(answered, Ok(_) | Err(LinkError::TooManyStreams)) {
            tracing::warn!("a workbench no longer answers; closing its link");
            shared.driver.abort();
            return;
        }
    }
}

/// Shortens a period by up to a tenth at random, so that many links do not send at the same moment.
fn jittered(period: Duration) -> Duration {
    period.mul_f64(1.0 - fastrand::f64() / 10.0)
}
