//! The messages on one stream: JSON, content in pieces, frames.

use std::future::poll_fn;

use bytes::Bytes;
use lectern_api::agent::{MAX_FRAME_BYTES, MAX_MESSAGE_BYTES};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{ReadHalf, WriteHalf};

use crate::frames::{FrameReader, FrameWriter};
use crate::{LinkError, MuxStream};

/// One stream, as a sequence of messages.
pub struct Messages {
    stream: MuxStream,
    reader: FrameReader,
    writer: FrameWriter,
}

impl Messages {
    /// Wraps a stream on which nothing was sent yet.
    #[must_use]
    pub fn new(stream: MuxStream) -> Self {
        Self { stream, reader: FrameReader::default(), writer: FrameWriter::default() }
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        poll_fn(|cx| self.writer.poll_flush(&mut self.stream, cx)).await?;
        self.writer.start(&[frame])?;
        Ok(poll_fn(|cx| self.writer.poll_flush(&mut self.stream, cx)).await?)
    }

    async fn read(&mut self, max_bytes: usize) -> Result<Option<Bytes>, LinkError> {
        Ok(poll_fn(|cx| self.reader.poll_next(&mut self.stream, max_bytes, cx)).await?)
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// Fails if the stream is closed or broken.
    pub async fn send(&mut self, message: &impl Serialize) -> Result<(), LinkError> {
        let json = serde_json::to_vec(message).map_err(LinkError::BadMessage)?;
        self.write(&json).await
    }

    /// Waits for the next message. Returns `None` if the other side has closed the stream. Cancel-safe.
    ///
    /// # Errors
    /// Fails if the other side sends something else ([`LinkError::BadMessage`]), or the stream is broken.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LinkError> {
        match self.read(MAX_MESSAGE_BYTES).await? {
            None => Ok(None),
            Some(frame) => serde_json::from_slice(&frame).map(Some).map_err(LinkError::BadMessage),
        }
    }

    /// Sends a piece of content, which must not be empty.
    ///
    /// # Errors
    /// Fails if the stream is closed or broken.
    pub async fn send_piece(&mut self, piece: &[u8]) -> Result<(), LinkError> {
        for part in piece.chunks(MAX_FRAME_BYTES) {
            self.write(part).await?;
        }
        Ok(())
    }

    /// Marks the end of the content.
    ///
    /// # Errors
    /// Fails if the stream is closed or broken.
    pub async fn end_pieces(&mut self) -> Result<(), LinkError> {
        self.write(&[]).await
    }

    /// Waits for the next piece of content. Returns `None` at the end of the content.
    ///
    /// # Errors
    /// Fails if the stream ends before the content does ([`LinkError::Closed`]), or is broken.
    pub async fn receive_piece(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self.read(MAX_FRAME_BYTES).await? {
            None => Err(LinkError::Closed),
            Some(piece) if piece.is_empty() => Ok(None),
            Some(piece) => Ok(Some(piece)),
        }
    }

    /// Waits until the other side closes the stream, or sends something although nothing is expected from it.
    pub async fn closed(&mut self) {
        // in both cases it no longer waits for an answer
        let _ = self.read(0).await;
    }

    /// Continues with frames in both directions.
    #[must_use]
    pub fn into_frames(self) -> (FrameSink, FrameStream) {
        let (read, write) = tokio::io::split(self.stream);
        (FrameSink { io: write, writer: self.writer }, FrameStream { io: read, reader: self.reader })
    }

    /// Continues with plain bytes in both directions.
    #[must_use]
    pub fn into_stream(self) -> MuxStream {
        self.stream
    }
}

/// Sends frames to the other side of a stream.
pub struct FrameSink {
    io: WriteHalf<MuxStream>,
    writer: FrameWriter,
}

impl FrameSink {
    /// Sends one frame. Waits while the other side has no room for it.
    ///
    /// # Errors
    /// Fails if the stream is closed or broken.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        poll_fn(|cx| self.writer.poll_flush(&mut self.io, cx)).await?;
        self.writer.start(&[frame])?;
        Ok(poll_fn(|cx| self.writer.poll_flush(&mut self.io, cx)).await?)
    }
}

/// Receives frames from the other side of a stream.
pub struct FrameStream {
    io: ReadHalf<MuxStream>,
    reader: FrameReader,
}

impl FrameStream {
    /// Waits for the next frame. Returns `None` if the other side has closed the stream. Cancel-safe.
    ///
    /// # Errors
    /// Fails if the stream is broken or a frame is too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        Ok(poll_fn(|cx| self.reader.poll_next(&mut self.io, MAX_FRAME_BYTES, cx)).await?)
    }
}
