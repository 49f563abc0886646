//! Messages on one stream: JSON or frames, each behind a 32-bit length.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use lectern_api::agent::MAX_MESSAGE_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::{LinkError, MuxStream};

pub(crate) type Frames = Framed<MuxStream, LengthDelimitedCodec>;

/// One stream, as messages.
pub struct Messages {
    frames: Frames,
}

impl Messages {
    /// Reads and writes messages on this stream.
    #[must_use]
    pub fn new(stream: MuxStream) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE_BYTES).new_codec();
        let mut frames = Framed::new(stream, codec);
        // a frame is sent when it is there, not when a buffer is full
        frames.set_backpressure_boundary(1);
        Self { frames }
    }

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, message: &impl Serialize) -> Result<(), LinkError> {
        let json = serde_json::to_vec(message).map_err(LinkError::BadMessage)?;
        Ok(self.frames.send(Bytes::from(json)).await?)
    }

    /// The next message; none where the other side has finished.
    ///
    /// # Errors
    /// [`LinkError::BadMessage`] where it is none, or the stream's.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LinkError> {
        match self.frames.next().await {
            None => Ok(None),
            Some(frame) => serde_json::from_slice(&frame?).map(Some).map_err(LinkError::BadMessage),
        }
    }

    /// Goes on with frames in both directions.
    #[must_use]
    pub fn into_frames(self) -> (FrameSink, FrameStream) {
        let (sink, stream) = self.frames.split();
        (FrameSink { sink }, FrameStream { stream })
    }

    /// Goes on with plain bytes: the stream, and what was read of it already.
    #[must_use]
    pub fn into_stream(self) -> (Bytes, MuxStream) {
        let parts = self.frames.into_parts();
        (parts.read_buf.freeze(), parts.io)
    }
}

/// Takes frames.
pub struct FrameSink {
    sink: futures::stream::SplitSink<Frames, Bytes>,
}

impl FrameSink {
    /// Sends one frame; waits while the other side has no room.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, frame: Bytes) -> Result<(), LinkError> {
        Ok(self.sink.send(frame).await?)
    }
}

/// Gives frames.
pub struct FrameStream {
    stream: futures::stream::SplitStream<Frames>,
}

impl FrameStream {
    /// The next frame; none where the other side has finished.
    ///
    /// # Errors
    /// The stream's.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        Ok(self.stream.next().await.transpose()?.map(bytes::BytesMut::freeze))
    }
}
