//! Messages on one stream: JSON or plain frames, and content in pieces.

use std::future::poll_fn;

use bytes::Bytes;
use lectern_api::agent::{MAX_FRAME_BYTES, MAX_MESSAGE_BYTES};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{ReadHalf, WriteHalf};

use crate::frames::{FrameReader, FrameWriter};
use crate::{LinkError, MuxStream};

/// One stream, as messages.
pub struct Messages {
    stream: MuxStream,
    reader: FrameReader,
    writer: FrameWriter,
}

impl Messages {
    /// Reads and writes messages on this stream.
    #[must_use]
    pub fn new(stream: MuxStream) -> Self {
        Self { stream, reader: FrameReader::default(), writer: FrameWriter::default() }
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        poll_fn(|cx| self.writer.poll_flush(&mut self.stream, cx)).await?;
        self.writer.start(&[frame])?;
        Ok(poll_fn(|cx| self.writer.poll_flush(&mut self.stream, cx)).await?)
    }

    async fn read(&mut self, longest: usize) -> Result<Option<Bytes>, LinkError> {
        Ok(poll_fn(|cx| self.reader.poll_next(&mut self.stream, longest, cx)).await?)
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, message: &impl Serialize) -> Result<(), LinkError> {
        let json = serde_json::to_vec(message).map_err(LinkError::BadMessage)?;
        self.write(&json).await
    }

    /// The next message; none where the other side has finished. May be given up and called again.
    ///
    /// # Errors
    /// [`LinkError::BadMessage`] where it is none, or the stream's.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LinkError> {
        match self.read(MAX_MESSAGE_BYTES).await? {
            None => Ok(None),
            Some(frame) => serde_json::from_slice(&frame).map(Some).map_err(LinkError::BadMessage),
        }
    }

    /// Sends a piece of content, which is not empty.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send_piece(&mut self, piece: &[u8]) -> Result<(), LinkError> {
        for part in piece.chunks(MAX_FRAME_BYTES) {
            self.write(part).await?;
        }
        Ok(())
    }

    /// Says that there are no more pieces.
    ///
    /// # Errors
    /// The stream's.
    pub async fn end_pieces(&mut self) -> Result<(), LinkError> {
        self.write(&[]).await
    }

    /// The next piece of content; none after the last one.
    ///
    /// # Errors
    /// [`LinkError::Closed`] where the stream ended before the content did, or the stream's.
    pub async fn receive_piece(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self.read(MAX_FRAME_BYTES).await? {
            None => Err(LinkError::Closed),
            Some(piece) if piece.is_empty() => Ok(None),
            Some(piece) => Ok(Some(piece)),
        }
    }

    /// Resolves when the other side has finished or sends something that nobody expects.
    pub async fn closed(&mut self) {
        // whatever it is, nobody waits for an answer any more
        let _ = self.read(0).await;
    }

    /// Goes on with frames in both directions.
    #[must_use]
    pub fn into_frames(self) -> (FrameSink, FrameStream) {
        let (input, output) = tokio::io::split(self.stream);
        (FrameSink { io: output, writer: self.writer }, FrameStream { io: input, reader: self.reader })
    }

    /// Goes on with plain bytes.
    #[must_use]
    pub fn into_stream(self) -> MuxStream {
        self.stream
    }
}

/// Takes frames.
pub struct FrameSink {
    io: WriteHalf<MuxStream>,
    writer: FrameWriter,
}

impl FrameSink {
    /// Sends one frame; waits while the other side has no room.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        poll_fn(|cx| self.writer.poll_flush(&mut self.io, cx)).await?;
        self.writer.start(&[frame])?;
        Ok(poll_fn(|cx| self.writer.poll_flush(&mut self.io, cx)).await?)
    }
}

/// Gives frames.
pub struct FrameStream {
    io: ReadHalf<MuxStream>,
    reader: FrameReader,
}

impl FrameStream {
    /// The next frame; none where the other side has finished. May be given up and called again.
    ///
    /// # Errors
    /// The stream's.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        Ok(poll_fn(|cx| self.reader.poll_next(&mut self.io, MAX_FRAME_BYTES, cx)).await?)
    }
}
