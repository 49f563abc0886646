//! Frames on a byte stream, each with a 32-bit big-endian length in front.
//!
//! An idle reader or writer holds no buffer: most terminals are idle, and there are many.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Reads frames. A frame that was read in part is kept between calls, so every call may be cancelled.
#[derive(Default)]
pub(crate) struct FrameReader {
    head: [u8; 4],
    head_len: usize,
    body: Option<(BytesMut, usize)>,
}

impl FrameReader {
    /// Polls for the next frame of up to `max_bytes`. Yields `None` if the stream ends between two frames.
    pub(crate) fn poll_next(
        &mut self,
        mut io: impl AsyncRead + Unpin,
        max_bytes: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if let Some((body, len)) = &mut self.body {
                while body.len() < *len {
                    let lacking = *len - body.len();
                    let mut room = (&mut *body).limit(lacking);
                    if ready!(poll_read_buf(Pin::new(&mut io), cx, &mut room))? == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                let body = std::mem::take(body).freeze();
                self.body = None;
                return Poll::Ready(Ok(Some(body)));
            }
            let mut head = ReadBuf::new(&mut self.head[self.head_len..]);
            ready!(Pin::new(&mut io).poll_read(cx, &mut head))?;
            match head.filled().len() {
                0 if self.head_len == 0 => return Poll::Ready(Ok(None)),
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                read => self.head_len += read,
            }
            if self.head_len == self.head.len() {
                self.head_len = 0;
                let len = u32::from_be_bytes(self.head) as usize;
                if len > max_bytes {
                    let message = format!("a frame of {len} bytes exceeds the limit of {max_bytes} bytes");
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
                }
                self.body = Some((BytesMut::with_capacity(len), len));
            }
        }
    }
}

/// Writes frames. A frame that was written in part is kept between calls, so every call may be cancelled.
#[derive(Default)]
pub(crate) struct FrameWriter {
    waiting: Bytes,
}

impl FrameWriter {
    /// Takes a frame, given in parts, for [`Self::poll_flush`] to write. The frame before must have been written.
    pub(crate) fn start(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        debug_assert!(self.waiting.is_empty(), "the frame before is not written yet");
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let head = u32::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut frame = Vec::with_capacity(4 + len);
        frame.extend(head.to_be_bytes());
        for part in parts {
            frame.extend_from_slice(part);
        }
        self.waiting = frame.into();
        Ok(())
    }

    /// Polls until the frame is written.
    pub(crate) fn poll_flush(
        &mut self,
        mut io: impl AsyncWrite + Unpin,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            match ready!(Pin::new(&mut io).poll_write(cx, &self.waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.waiting.split_to(written)),
            }
        }
        // releases the buffer
        self.waiting = Bytes::new();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Reads all frames from these bytes, which arrive in pieces of these lengths.
    fn read_all(bytes: &[u8], pieces: &[usize], longest: usize) -> (Vec<Bytes>, io::Result<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut far, mut near) = tokio::io::duplex(16);
            let bytes = bytes.to_vec();
            let pieces = pieces.to_vec();
            tokio::spawn(async move {
                let mut lengths = pieces.into_iter().cycle();
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let len = lengths.next().unwrap_or(1).clamp(1, rest.len());
                    // fails if the reader has stopped
                    let _ = far.write_all(&rest[..len]).await;
                    rest = &rest[len..];
                }
            });
            let mut reader = FrameReader::default();
            let mut frames = vec![];
            loop {
                match poll_fn(|cx| reader.poll_next(&mut near, longest, cx)).await {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => return (frames, Ok(())),
                    Err(error) => return (frames, Err(error)),
                }
            }
        })
    }

    proptest! {
        #[test]
        fn frames_read_as_they_were_written_however_they_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            pieces in prop::collection::vec(1usize..20, 1..5),
            cut in 0usize..500,
        ) {
            let mut writer = FrameWriter::default();
            let mut bytes = vec![];
            for frame in &frames {
                let (first, second) = frame.split_at(frame.len() / 2);
                writer.start(&[first, second]).unwrap();
                let mut cx = Context::from_waker(std::task::Waker::noop());
                prop_assert!(matches!(writer.poll_flush(&mut bytes, &mut cx), Poll::Ready(Ok(()))));
            }
            let (read, ended) = read_all(&bytes, &pieces, 64);
            prop_assert!(ended.is_ok());
            prop_assert_eq!(&read, &frames);
            // an end within a frame is an error, one between two frames is not
            let cut = cut.min(bytes.len());
            let (read, ended) = read_all(&bytes[..cut], &pieces, 64);
            prop_assert!(frames.starts_with(&read.iter().map(|frame| frame.to_vec()).collect::<Vec<_>>()));
            let whole: usize = read.iter().map(|frame| frame.len() + 4).sum();
            prop_assert_eq!(ended.is_ok(), whole == cut);
        }

        #[test]
        fn any_bytes_end_in_frames_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            pieces in prop::collection::vec(1usize..20, 1..5),
        ) {
            let (frames, _) = read_all(&bytes, &pieces, 64);
            prop_assert!(frames.iter().all(|frame| frame.len() <= 64));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_is_read() {
        let (frames, ended) = read_all(&[0, 0, 0, 65, 1, 2, 3], &[3], 64);
        assert!(frames.is_empty());
        assert!(ended.unwrap_err().to_string().contains("65 bytes"));
    }
}
