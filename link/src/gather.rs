//! Combines small writes until the next flush: the multiplexer writes the head and the body of each frame separately,
//! and below it every write is a message to the cluster or a system call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The capacity of the buffer, in bytes.
const CAPACITY: usize = 64 * 1024;

/// A stream that combines small writes. It allocates its buffer only while there is something in it.
pub(crate) struct Gather<T> {
    io: T,
    waiting: BytesMut,
}

impl<T> Gather<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, waiting: BytesMut::new() }
    }
}

impl<T: AsyncWrite + Unpin> Gather<T> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.has_remaining() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.waiting.advance(written),
            }
        }
        self.waiting = BytesMut::new();
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gather<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.waiting.len() + data.len() > CAPACITY {
            ready!(self.poll_drain(cx))?;
            if data.len() > CAPACITY {
                return Pin::new(&mut self.io).poll_write(cx, data);
            }
        }
        self.waiting.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Records the length of each write.
    #[derive(Default)]
    struct Writes(Vec<usize>);

    impl AsyncWrite for Writes {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(data.len());
            Poll::Ready(Ok(data.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn head_and_body_leave_together_and_nothing_stays_behind() {
        let mut gather = Gather::new(Writes::default());
        for len in [12, 1] {
            gather.write_all(&vec![0; len]).await.unwrap();
        }
        assert!(gather.io.0.is_empty());
        gather.flush().await.unwrap();
        for len in [12, CAPACITY - 20, 12, CAPACITY + 1] {
            gather.write_all(&vec![0; len]).await.unwrap();
        }
        gather.flush().await.unwrap();
        assert_eq!(gather.io.0, [13, CAPACITY - 8, 12, CAPACITY + 1]);
        assert_eq!(gather.waiting.capacity(), 0);
    }
}
