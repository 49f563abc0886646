//! The byte stream to a workbench's agent: an exec over WebSocket, read and written without tasks or pipes in
//! between. A reader that stops reading stops the remote side and nothing else. Keeping an idle stream open is up to
//! its user.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, SinkExt, Stream, StreamExt, future};
use k8s_openapi::api::core::v1::Pod;
use kube::api::AttachParams;
use kube::core::{Request, Resource, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::agent_log::AgentLog;
use super::manifests::workbench;
use super::upgrade::{self, Socket};
use super::{Cluster, ClusterError, SessionNames};

/// The channels of Kubernetes' remote command protocol: the first byte of each frame.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// Limit on the bytes in one frame: large enough for little overhead, small enough not to hold up a keystroke.
const MAX_FRAME: usize = 64 * 1024;

trait Frames: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send {}
impl<T: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send> Frames for T {}

/// The standard input and output of `lectern-agent attach` in a workbench. Dropping it ends the remote process.
pub struct AgentStream {
    frames: Pin<Box<dyn Frames>>,
    /// Output that has been received and not read yet.
    unread: Bytes,
    ended: bool,
    /// Whether the protocol can signal the end of standard input.
    closes_stdin: bool,
    stdin_closed: bool,
    log: Arc<AgentLog>,
    workbench: String,
}

impl Cluster {
    /// Opens a stream to the agent of a workbench. Several may be open at once.
    ///
    /// # Errors
    /// Returns an error if the workbench does not exist or is not running, or the cluster does not answer.
    pub async fn open_agent(&self, names: &SessionNames) -> Result<AgentStream, ClusterError> {
        self.open_exec(names, workbench::CONTAINER, [workbench::AGENT, "attach"]).await
    }

    /// Runs a command in a container of a workbench, with its standard input and output as the stream.
    pub(super) async fn open_exec(
        &self,
        names: &SessionNames,
        container: &str,
        command: [&str; 2],
    ) -> Result<AgentStream, ClusterError> {
        let place = (self.workbench_namespace(), &names.workbench);
        let action = format!("open the agent of {}/{}, container {container}", place.0, place.1);
        let params = AttachParams::default().container(container).stdin(true).stdout(true).stderr(true);
        let request = Request::new(Pod::url_path(&(), Some(self.workbench_namespace())))
            .exec(&names.workbench, command, &params)
            .map_err(|error| ClusterError::of(kube::Error::BuildRequest(error), &action))?;
        let Socket { stream, closes_stdin } =
            upgrade::open(&self.client, request).await.map_err(|error| ClusterError::of(error, &action))?;
        let frames = stream
            .filter_map(|message| {
                future::ready(match message {
                    Ok(message) if message.is_binary() => Some(Ok(message.into_data())),
                    Ok(_) => None,
                    Err(error) => Some(Err(io::Error::other(error))),
                })
            })
            .sink_map_err(io::Error::other)
            .with(|frame: Bytes| future::ready(Ok::<_, io::Error>(frame.into())));
        let log = self.shared.agent_log.clone();
        Ok(AgentStream::new(Box::pin(frames), closes_stdin, &names.workbench, log))
    }
}

impl AgentStream {
    fn new(frames: Pin<Box<dyn Frames>>, closes_stdin: bool, workbench: &str, log: Arc<AgentLog>) -> Self {
        let workbench = workbench.to_owned();
        Self { frames, unread: Bytes::new(), ended: false, closes_stdin, stdin_closed: false, log, workbench }
    }

    fn accept(&mut self, mut frame: Bytes) -> io::Result<()> {
        if frame.is_empty() {
            return Ok(());
        }
        match frame.get_u8() {
            STDOUT => self.unread = frame,
            STDERR => self.log.write(&self.workbench, &frame),
            STATUS => {
                self.ended = true;
                let status: Status = serde_json::from_slice(&frame)?;
                if status.is_failure() {
                    return Err(io::Error::other(format!("the agent's stream ended: {}", status.message)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl AsyncRead for AgentStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            match ready!(this.frames.as_mut().poll_next(cx)) {
                Some(frame) => this.accept(frame?)?,
                None => this.ended = true,
            }
        }
        let len = this.unread.len().min(buf.remaining());
        buf.put_slice(&this.unread.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AgentStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.stdin_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(this.frames.as_mut().poll_ready(cx))?;
        let data = &data[..data.len().min(MAX_FRAME)];
        let mut frame = Vec::with_capacity(1 + data.len());
        frame.push(STDIN);
        frame.extend_from_slice(data);
        this.frames.as_mut().start_send(frame.into())?;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().frames.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closes_stdin {
            this.stdin_closed = true;
            return this.frames.as_mut().poll_close(cx);
        }
        if !this.stdin_closed {
            ready!(this.frames.as_mut().poll_ready(cx))?;
            this.frames.as_mut().start_send(Bytes::from_static(&[CLOSE, STDIN]))?;
            this.stdin_closed = true;
        }
        this.frames.as_mut().poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A remote side made of two channels: what it sends, what it received.
    fn pair() -> (AgentStream, mpsc::Sender<io::Result<Bytes>>, mpsc::Receiver<Bytes>) {
        let (to_us, incoming) = mpsc::channel(16);
        let (outgoing, from_us) = mpsc::channel(16);
        let frames = Duplex { incoming, outgoing: Box::pin(outgoing.sink_map_err(io::Error::other)) };
        (AgentStream::new(Box::pin(frames), true, "wb", Arc::default()), to_us, from_us)
    }

    struct Duplex {
        incoming: mpsc::Receiver<io::Result<Bytes>>,
        outgoing: Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>,
    }

    impl Stream for Duplex {
        type Item = io::Result<Bytes>;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.incoming.poll_next_unpin(cx)
        }
    }

    impl Sink<Bytes> for Duplex {
        type Error = io::Error;
        fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.outgoing.as_mut().poll_ready(cx)
        }
        fn start_send(mut self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
            self.outgoing.as_mut().start_send(frame)
        }
        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.outgoing.as_mut().poll_flush(cx)
        }
        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.outgoing.as_mut().poll_close(cx)
        }
    }

    #[tokio::test]
    async fn output_arrives_in_order_and_stderr_is_not_mixed_in() {
        let (mut stream, mut remote, _) = pair();
        for frame in [&b"\x01he"[..], b"\x02oops", b"\x01", b"\x01llo", b"\x03{\"status\":\"Success\"}"] {
            remote.try_send(Ok(Bytes::from_static(frame))).unwrap();
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_an_error_with_its_reason() {
        let (mut stream, mut remote, _) = pair();
        let status = b"\x03{\"status\":\"Failure\",\"message\":\"no such container\"}";
        remote.try_send(Ok(Bytes::from_static(status))).unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("no such container"), "{error}");
    }

    #[tokio::test]
    async fn input_is_cut_into_frames_and_its_end_is_sent() {
        let (mut stream, _remote, received) = pair();
        let data = vec![7; MAX_FRAME + 10];
        stream.write_all(&data).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        let frames: Vec<Bytes> = received.collect().await;
        assert_eq!(frames.iter().map(Bytes::len).collect::<Vec<_>>(), [MAX_FRAME + 1, 11, 2]);
        assert_eq!(&frames[2][..], [CLOSE, STDIN]);
    }
}
