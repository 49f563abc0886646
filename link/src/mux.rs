//! yamux over any byte stream, driven by one task per connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Config, Connection, ConnectionError, Mode};

use crate::LinkError;
use crate::gather::Gather;

/// The maximum number of streams of one connection: terminals times viewers, files, checks and dialled ports.
pub(crate) const STREAMS: usize = 256;
/// The multiplexer's own limit, beyond which it ends the connection. It is higher, because the multiplexer learns of
/// the end of a stream a moment later than the permits do.
const MUX_STREAMS: usize = STREAMS * 2;
/// The receive window of all streams of a connection together, in bytes: yamux's default window for each stream, so
/// that no stream's window grows.
const CONNECTION_WINDOW: usize = MUX_STREAMS * 256 * 1024;
/// The largest yamux frame, in bytes: a full frame of a terminal fits into one, and no stream waits long for another.
const PIECE: usize = 36 * 1024;
/// The capacity of the queue of new streams that the agent has not accepted yet.
const WAITING: usize = 64;

fn config() -> Config {
    let mut config = Config::default();
    config
        .set_max_num_streams(MUX_STREAMS)
        .set_max_connection_receive_window(Some(CONNECTION_WINDOW))
        .set_split_send_size(PIECE);
    config
}

/// One stream of a connection.
pub struct MuxStream {
    stream: Compat<yamux::Stream>,
    /// Counts this stream against the connection's limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl MuxStream {
    fn new(stream: yamux::Stream) -> Self {
        Self { stream: stream.compat(), _permit: None }
    }

    pub(crate) fn with_permit(self, permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }
}

impl AsyncRead for MuxStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for MuxStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request to the driver for a new stream.
pub(crate) type OpenRequest = oneshot::Sender<Result<MuxStream, LinkError>>;

/// Drives the server's side, which is yamux's client, until the connection ends or every [`crate::Link`] is dropped.
pub(crate) async fn drive_client<T>(
    io: T,
    mut requests: mpsc::Receiver<OpenRequest>,
    closed: watch::Sender<bool>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Connection::new(Gather::new(io).compat(), config(), Mode::Client);
    let mut waiting: Option<OpenRequest> = None;
    poll_fn(|cx| {
        loop {
            if waiting.is_none() {
                match requests.poll_recv(cx) {
                    Poll::Ready(Some(request)) => waiting = Some(request),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            if let Some(request) = waiting.take() {
                match connection.poll_new_outbound(cx) {
                    Poll::Ready(Ok(stream)) => {
                        // fails if the requester has given up; the stream is then closed by being dropped
                        let _ = request.send(Ok(MuxStream::new(stream)));
                        continue;
                    }
                    Poll::Ready(Err(error)) => {
                        let _ = request.send(Err(LinkError::Broken(error)));
                        return Poll::Ready(());
                    }
                    Poll::Pending => waiting = Some(request),
                }
            }
            // this call also moves the bytes of all streams
            match connection.poll_next_inbound(cx) {
                // agents open no streams; if one does, the stream is closed
                Poll::Ready(Some(Ok(stream))) => drop(stream),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    // fails if nobody waits for it
    let _ = closed.send(true);
    let _ = poll_fn(|cx| connection.poll_close(cx)).await;
}

/// The agent's side of a connection: the streams that the server opens. Dropping it ends the connection.
pub struct Incoming {
    streams: mpsc::Receiver<MuxStream>,
    driver: tokio::task::AbortHandle,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Incoming {
    /// Accepts the streams of a connection, which a task drives until it ends.
    #[must_use]
    pub fn accept<T>(io: T) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, streams) = mpsc::channel(WAITING);
        let driving = tokio::spawn(async move {
            let mut connection = Connection::new(Gather::new(io).compat(), config(), Mode::Server);
            loop {
                match poll_fn(|cx| connection.poll_next_inbound(cx)).await {
                    // no server opens so many at once: what does not fit into the queue is refused by being dropped
                    Some(Ok(stream)) => drop(sender.try_send(MuxStream::new(stream))),
                    Some(Err(ConnectionError::Closed)) | None => break,
                    Some(Err(error)) => {
                        tracing::warn!(%error, "the connection to a server broke");
                        break;
                    }
                }
            }
            let _ = poll_fn(|cx| connection.poll_close(cx)).await;
        });
        Self { streams, driver: driving.abort_handle() }
    }

    /// Waits for the next stream. Returns `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<MuxStream> {
        self.streams.recv().await
    }
}
