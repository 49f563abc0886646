//! yamux over any stream of bytes, driven by one task.

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

/// How many streams a connection may have at once: terminals times viewers, files, checks and dialled ports.
pub(crate) const STREAMS: usize = 256;
/// How many the multiplexer takes, which ends the connection beyond that: more, because it hears of a stream's end
/// a moment later than who counts them.
const MUX_STREAMS: usize = STREAMS * 2;
/// How much all streams of a connection together may have under way to one side, in bytes: what yamux wants for
/// each stream, and so the window of none grows.
const CONNECTION_WINDOW: usize = MUX_STREAMS * 256 * 1024;
/// The largest piece that is sent in one go, in bytes: a full frame of a terminal is one piece, and no stream waits
/// long for another's.
const PIECE: usize = 36 * 1024;
/// How many new streams may wait to be taken.
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
    /// Its place among those that the connection may have.
    _place: Option<OwnedSemaphorePermit>,
}

impl MuxStream {
    fn new(stream: yamux::Stream) -> Self {
        Self { stream: stream.compat(), _place: None }
    }

    pub(crate) fn with_place(self, place: OwnedSemaphorePermit) -> Self {
        Self { _place: Some(place), ..self }
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

/// Asks the driver for a new stream.
pub(crate) type OpenRequest = oneshot::Sender<Result<MuxStream, LinkError>>;

/// Drives the client's side until nobody can ask for streams any more, or the connection ends.
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
                        // fails where the asker has given up; the stream is then closed by being dropped
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
            // this is also what moves the bytes of all streams
            match connection.poll_next_inbound(cx) {
                // agents open no streams: one that is opened all the same is closed
                Poll::Ready(Some(Ok(stream))) => drop(stream),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    // fails where nobody looks any more
    let _ = closed.send(true);
    let _ = poll_fn(|cx| connection.poll_close(cx)).await;
}

/// The agent's side: the streams that the server opens. Dropping it ends the connection.
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
    /// Takes the streams of a connection, which a task of its own drives until it ends.
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
                    // more than may wait is more than any server asks for at once: refused by being dropped
                    Some(Ok(stream)) => drop(sender.try_send(MuxStream::new(stream))),
                    Some(Err(ConnectionError::Closed)) | None => break,
                    Some(Err(error)) => {
                        tracing::warn!(%error, "a connection broke");
                        break;
                    }
                }
            }
            let _ = poll_fn(|cx| connection.poll_close(cx)).await;
        });
        Self { streams, driver: driving.abort_handle() }
    }

    /// The next stream; none when the connection is over.
    pub async fn next(&mut self) -> Option<MuxStream> {
        self.streams.recv().await
    }
}
