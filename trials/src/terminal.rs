//! One attached terminal, handled as the browser does: offsets, acknowledgements, and attaching again.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use lectern_api::sessions::Session;
use lectern_api::terminal::{MAX_PAYLOAD_BYTES, TerminalFrame, ViewerFrame};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::learner::Learner;
use crate::tracker::Tracker;

/// How long output must pause before the browser acknowledges the rest.
const PAUSE: Duration = Duration::from_millis(100);

/// One viewer of one terminal.
pub struct Terminal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Which output came.
    pub tracker: Tracker,
    /// Output that nobody has looked at yet.
    unread: Vec<u8>,
}

impl Terminal {
    /// Attaches to a terminal from its first byte on.
    pub async fn attach(learner: &Learner, session: &Session, name: &str) -> Result<Self> {
        Self::attach_with(learner, session, name, Tracker::default()).await
    }

    /// Attaches again, from where the tracker is.
    pub async fn attach_with(
        learner: &Learner,
        session: &Session,
        name: &str,
        mut tracker: Tracker,
    ) -> Result<Self> {
        let mut address = format!(
            "{}/api/v1/sessions/{}/terminals/{name}/attach?cols=80&rows=24",
            learner.base().replacen("http", "ws", 1),
            session.id
        );
        if let Some(offset) = tracker.resume_at() {
            address.push_str(&format!("&offset={offset}"));
        }
        let mut request = address.into_client_request()?;
        request.headers_mut().insert("cookie", learner.cookie().parse()?);
        request.headers_mut().insert("origin", learner.base().parse()?);
        // keystrokes leave at once, as a browser's do
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true)
            .await
            .with_context(|| format!("terminal {name} of session {} cannot be attached", session.id))?;
        tracker.reattach();
        Ok(Self { socket, tracker, unread: vec![] })
    }

    /// Types.
    pub async fn type_in(&mut self, keys: &[u8]) -> Result<()> {
        for piece in keys.chunks(MAX_PAYLOAD_BYTES) {
            self.send(&ViewerFrame::Input(piece.to_vec())).await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: &ViewerFrame) -> Result<()> {
        Ok(self.socket.send(Message::Binary(Bytes::from(frame.encode()))).await?)
    }

    /// The next piece of output. May be dropped and called again.
    pub async fn read(&mut self) -> Result<Vec<u8>> {
        if !self.unread.is_empty() {
            return Ok(std::mem::take(&mut self.unread));
        }
        loop {
            let message = if self.tracker.unacknowledged().is_some() {
                match timeout(PAUSE, self.socket.next()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.acknowledge().await?;
                        continue;
                    }
                }
            } else {
                self.socket.next().await
            };
            match message.context("the socket ended")?? {
                Message::Binary(frame) => match TerminalFrame::decode(&frame)? {
                    TerminalFrame::Output { offset, bytes } => {
                        self.tracker.receive(offset, bytes.len());
                        if self.tracker.is_acknowledgement_due() {
                            self.acknowledge().await?;
                        }
                        return Ok(bytes);
                    }
                    TerminalFrame::Began { offset, .. } => self.tracker.begin(offset),
                    TerminalFrame::Exited { .. } | TerminalFrame::Size { .. } => {}
                },
                Message::Close(reason) => bail!("the socket was closed: {reason:?}"),
                // pings are answered by the library, with the next thing sent
                Message::Ping(_) => self.socket.flush().await?,
                _ => {}
            }
        }
    }

    async fn acknowledge(&mut self) -> Result<()> {
        if let Some(offset) = self.tracker.unacknowledged() {
            self.send(&ViewerFrame::Ack { offset }).await?;
            // only now: sending may be dropped half way
            self.tracker.acknowledge(offset);
        }
        Ok(())
    }

    /// Reads until some text comes; how many bytes came before its end. What follows is kept.
    pub async fn wait_for(&mut self, text: &str, patience: Duration) -> Result<u64> {
        let deadline = Instant::now() + patience;
        let finder = memchr::memmem::Finder::new(text);
        let (mut seen, mut tail) = (0, vec![]);
        loop {
            let piece = match timeout_at(deadline, self.read()).await {
                Ok(piece) => piece?,
                Err(_) => bail!(
                    "{text:?} did not come within {} s; last: {:?}",
                    patience.as_secs(),
                    String::from_utf8_lossy(&tail)
                ),
            };
            let before = tail.len();
            tail.extend_from_slice(&piece);
            if let Some(at) = finder.find(&tail) {
                let end = at + text.len();
                self.unread = tail.split_off(end);
                return Ok(seen + (end - before) as u64);
            }
            seen += piece.len() as u64;
            let kept = tail.len().min(text.len().max(200) - 1);
            tail.drain(..tail.len() - kept);
        }
    }

    /// Reads until output pauses.
    pub async fn settle(&mut self) -> Result<()> {
        while let Ok(piece) = timeout(PAUSE, self.read()).await {
            piece?;
        }
        Ok(())
    }

    /// Reads for ever, as a terminal that is looked at does; ends with the reason why it broke.
    pub async fn watch(&mut self) -> anyhow::Error {
        loop {
            if let Err(error) = self.read().await {
                return error;
            }
        }
    }

    /// Leaves.
    pub async fn detach(mut self) -> Result<Tracker> {
        self.socket.close(None).await?;
        Ok(self.tracker)
    }

    /// Leaves without a word; what came so far.
    pub fn into_tracker(self) -> Tracker {
        self.tracker
    }
}
