//! Connections to an application through the workbench's agent, as the HTTP client wants them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use lectern_link::LinkError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PreviewError;
use super::tls;
use crate::sessions::{SessionError, Workbenches};
use crate::store::sessions::SessionRow;

/// Opens connections for one session.
#[derive(Clone)]
pub(super) struct Dialler {
    pub workbenches: Workbenches,
    pub row: Arc<SessionRow>,
    /// One for each connection that may be open.
    pub places: Arc<Semaphore>,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One connection.
pub(super) struct Dialled {
    io: Box<dyn Io>,
    _place: OwnedSemaphorePermit,
}

impl Dialler {
    async fn dial(self, uri: Uri) -> Result<TokioIo<Dialled>, PreviewError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| PreviewError::TooMany)?;
        let is_https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let stream = self.workbenches.dial(&self.row, host, port).await.map_err(unreachable)?;
        let io: Box<dyn Io> = match is_https {
            false => Box::new(stream),
            true => Box::new(
                tls::connect(host, stream)
                    .await
                    .map_err(|error| PreviewError::BadAnswer(error.to_string()))?,
            ),
        };
        Ok(TokioIo::new(Dialled { io, _place: place }))
    }
}

fn unreachable(error: SessionError) -> PreviewError {
    match error {
        SessionError::Workbench(LinkError::Refused(reason)) => PreviewError::NotUp(reason),
        SessionError::Workbench(LinkError::TooManyStreams) => PreviewError::TooMany,
        SessionError::Workbench(error @ LinkError::TooOld) => PreviewError::NotUp(error.to_string()),
        other => other.into(),
    }
}

impl tower::Service<Uri> for Dialler {
    type Response = TokioIo<Dialled>;
    type Error = PreviewError;
    type Future = BoxFuture<'static, Result<Self::Response, PreviewError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PreviewError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

impl Connection for Dialled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Dialled {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
