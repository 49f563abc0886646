//! Attaching to a terminal, and the frames that pass between its viewers and its agent.
//!
//! Frames are the same on the WebSocket between browser and server, where each is one binary message, and on the
//! stream between server and agent, where each has a 32-bit length in front. The server therefore forwards them
//! unchanged. It checks the tag and the length of every frame from a viewer ([`ViewerFrame::check`]), so that nothing
//! else reaches an agent, and does not read frames from terminals. The first byte of a frame is its tag; numbers are
//! big-endian.
//!
//! Output carries the offset of its first byte. Offsets grow by one with each byte. They begin at a number that no
//! earlier run of the terminal can have reached, so that an offset never means two different bytes: a viewer that
//! asks for an offset from before a restart gets the new run from its beginning, and learns from
//! [`TerminalFrame::Began`] that it is a new run. A viewer acknowledges the output that it has shown; the agent sends
//! at most the viewer's window beyond that, so a viewer that falls behind delays only its own view.
//!
//! A terminal is as large as the smallest of those viewers that may type. A viewer that only watches does not affect
//! the size.

use serde::{Deserialize, Serialize};

use crate::ids::TerminalName;

/// The largest window of a viewer: how many bytes of output may be sent to it without being acknowledged.
pub const WINDOW_BYTES: u64 = 256 * 1024;

/// The smallest window of a viewer, in bytes.
pub const LEAST_WINDOW_BYTES: u64 = 64 * 1024;

/// How much of each terminal's output the agent keeps, in bytes.
pub const RING_BYTES: usize = 1024 * 1024;

/// The longest payload of one frame, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// Parameters for attaching to a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// The terminal's name. It is started if it does not run yet.
    pub terminal: TerminalName,
    /// The offset of the first byte of output that the viewer lacks. `None` asks for all output that is kept.
    pub offset: Option<u64>,
    /// The width of the viewer's screen in characters.
    pub cols: u16,
    /// The height of the viewer's screen in characters.
    pub rows: u16,
    /// Whether the viewer may type and has a say in the terminal's size.
    pub can_type: bool,
    /// The viewer's window: how many bytes of output may be sent without being acknowledged. Values outside
    /// [`LEAST_WINDOW_BYTES`] to [`WINDOW_BYTES`] are clamped.
    pub window_bytes: u32,
}

/// The query of `GET /api/v1/sessions/{id}/terminals/{name}/attach`: the part of an [`AttachRequest`] that the browser
/// decides on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachQuery {
    /// See [`AttachRequest::offset`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// See [`AttachRequest::cols`].
    pub cols: u16,
    /// See [`AttachRequest::rows`].
    pub rows: u16,
    /// Whether the viewer only watches; the opposite of [`AttachRequest::can_type`].
    #[serde(default)]
    pub watch: bool,
}

impl AttachQuery {
    /// Returns the whole request, for this terminal and with this window.
    #[must_use]
    pub fn into_request(self, terminal: TerminalName, window_bytes: u32) -> AttachRequest {
        let Self { offset, cols, rows, watch } = self;
        AttachRequest { terminal, offset, cols, rows, can_type: !watch, window_bytes }
    }
}

/// A frame from a viewer to its terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewerFrame {
    /// Tag 0: bytes to type.
    Input(Vec<u8>),
    /// Tag 1: the viewer's size in characters, as two 16-bit numbers.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Tag 2: all output before this offset was shown; a 64-bit number.
    Ack {
        /// The offset of the first byte that was not shown.
        offset: u64,
    },
}

/// A frame from a terminal to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalFrame {
    /// Tag 0: output; a 64-bit offset, then the bytes. If the offset is beyond the end of the previous frame, the
    /// output in between was no longer kept: the viewer clears its screen and continues from here.
    Output {
        /// The offset of the first byte.
        offset: u64,
        /// The output itself.
        bytes: Vec<u8>,
    },
    /// Tag 1: the shell exited with this status, as a 32-bit signed number. A new one starts by itself.
    Exited {
        /// The exit status, or the negative number of the signal that killed the shell.
        status: i32,
    },
    /// Tag 2: the terminal's size in characters, as two 16-bit numbers.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Tag 3: where this run of the terminal began; a 64-bit number, then 1 or 0, which older agents leave out. It
    /// is sent before all output. A number other than on the previous connection means that the workbench was
    /// restarted, with new shells.
    Began {
        /// The offset of the first byte of this run.
        offset: u64,
        /// Whether the home directory was empty when the workbench was started: files of an earlier one are gone.
        is_home_new: bool,
    },
}

/// Why a sequence of bytes is not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There are no bytes at all.
    #[error("the frame is empty")]
    Empty,
    /// The first byte is not the tag of any frame in this direction.
    #[error("no frame has the tag {0}")]
    UnknownTag(u8),
    /// The length does not fit the tag.
    #[error("a frame with the tag {tag} cannot be {len} bytes long")]
    WrongLength {
        /// The tag.
        tag: u8,
        /// The length in bytes, with the tag.
        len: usize,
    },
}

fn take<const N: usize>(tag: u8, bytes: &[u8], at: usize, len: usize) -> Result<[u8; N], FrameError> {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or(FrameError::WrongLength { tag, len })
}

fn size_frame(tag: u8, cols: u16, rows: u16) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend(cols.to_be_bytes());
    out.extend(rows.to_be_bytes());
    out
}

impl ViewerFrame {
    /// Encodes the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Input(bytes) => [&[0], bytes.as_slice()].concat(),
            Self::Resize { cols, rows } => size_frame(1, *cols, *rows),
            Self::Ack { offset } => [&[2], offset.to_be_bytes().as_slice()].concat(),
        }
    }

    /// Checks that the bytes are a frame, without copying them.
    ///
    /// # Errors
    /// Fails if [`ViewerFrame::decode`] would, with the same error.
    pub fn check(bytes: &[u8]) -> Result<(), FrameError> {
        let (&tag, rest) = bytes.split_first().ok_or(FrameError::Empty)?;
        match (tag, rest.len()) {
            (0, ..=MAX_PAYLOAD_BYTES) | (1, 4) | (2, 8) => Ok(()),
            (0..=2, _) => Err(FrameError::WrongLength { tag, len: bytes.len() }),
            _ => Err(FrameError::UnknownTag(tag)),
        }
    }

    /// Decodes a frame.
    ///
    /// # Errors
    /// Fails if the bytes are not a frame from a viewer.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (&tag, rest) = bytes.split_first().ok_or(FrameError::Empty)?;
        let len = bytes.len();
        match (tag, len) {
            (0, _) if rest.len() <= MAX_PAYLOAD_BYTES => Ok(Self::Input(rest.to_vec())),
            (1, 5) => Ok(Self::Resize {
                cols: u16::from_be_bytes(take(tag, rest, 0, len)?),
                rows: u16::from_be_bytes(take(tag, rest, 2, len)?),
            }),
            (2, 9) => Ok(Self::Ack { offset: u64::from_be_bytes(take(tag, rest, 0, len)?) }),
            (0..=2, _) => Err(FrameError::WrongLength { tag, len }),
            _ => Err(FrameError::UnknownTag(tag)),
        }
    }
}

impl TerminalFrame {
    /// Encodes the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Output { offset, bytes } => {
                let mut out = Vec::with_capacity(9 + bytes.len());
                out.push(0);
                out.extend(offset.to_be_bytes());
                out.extend(bytes);
                out
            }
            Self::Exited { status } => [&[1], status.to_be_bytes().as_slice()].concat(),
            Self::Size { cols, rows } => size_frame(2, *cols, *rows),
            Self::Began { offset, is_home_new } => {
                [&[3], offset.to_be_bytes().as_slice(), &[u8::from(*is_home_new)]].concat()
            }
        }
    }

    /// Decodes a frame.
    ///
    /// # Errors
    /// Fails if the bytes are not a frame from a terminal.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (&tag, rest) = bytes.split_first().ok_or(FrameError::Empty)?;
        let len = bytes.len();
        match (tag, len) {
            (0, 9..) if len <= 9 + MAX_PAYLOAD_BYTES => Ok(Self::Output {
                offset: u64::from_be_bytes(take(tag, rest, 0, len)?),
                bytes: rest[8..].to_vec(),
            }),
            (1, 5) => Ok(Self::Exited { status: i32::from_be_bytes(take(tag, rest, 0, len)?) }),
            (2, 5) => Ok(Self::Size {
                cols: u16::from_be_bytes(take(tag, rest, 0, len)?),
                rows: u16::from_be_bytes(take(tag, rest, 2, len)?),
            }),
            (3, 9 | 10) => Ok(Self::Began {
                offset: u64::from_be_bytes(take(tag, rest, 0, len)?),
                is_home_new: rest.get(8).is_some_and(|flag| *flag != 0),
            }),
            (0..=3, _) => Err(FrameError::WrongLength { tag, len }),
            _ => Err(FrameError::UnknownTag(tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_frame_reads_back_as_it_was_written() {
        for frame in [
            ViewerFrame::Input(b"ls\r".to_vec()),
            ViewerFrame::Input(vec![]),
            ViewerFrame::Resize { cols: 80, rows: 24 },
            ViewerFrame::Ack { offset: u64::MAX },
        ] {
            assert_eq!(ViewerFrame::decode(&frame.encode()), Ok(frame));
        }
        for frame in [
            TerminalFrame::Output { offset: 7, bytes: vec![0xff, 0] },
            TerminalFrame::Exited { status: -9 },
            TerminalFrame::Size { cols: 1, rows: 2 },
            TerminalFrame::Began { offset: 1 << 40, is_home_new: false },
            TerminalFrame::Began { offset: 1 << 40, is_home_new: true },
        ] {
            assert_eq!(TerminalFrame::decode(&frame.encode()), Ok(frame));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_that_reads_back_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(ViewerFrame::check(&bytes), ViewerFrame::decode(&bytes).map(drop));
            if let Ok(frame) = ViewerFrame::decode(&bytes) {
                prop_assert_eq!(&frame.encode(), &bytes);
            }
            if let Ok(frame) = TerminalFrame::decode(&bytes) {
                prop_assert_eq!(&frame.encode(), &bytes);
            }
        }

        #[test]
        fn content_of_any_length_and_kind_reads_back(
            bytes in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD_BYTES),
            offset: u64,
        ) {
            let input = ViewerFrame::Input(bytes.clone());
            prop_assert_eq!(ViewerFrame::decode(&input.encode()), Ok(input));
            let output = TerminalFrame::Output { offset, bytes };
            prop_assert_eq!(TerminalFrame::decode(&output.encode()), Ok(output));
        }
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_refused() {
        for bytes in [&[][..], &[1, 0], &[2, 0, 0], &[9, 1], &[1, 0, 0, 0, 0, 0]] {
            assert!(ViewerFrame::decode(bytes).is_err(), "{bytes:?}");
            assert!(TerminalFrame::decode(bytes).is_err(), "{bytes:?}");
        }
        for len in [MAX_PAYLOAD_BYTES + 1, MAX_PAYLOAD_BYTES + 2] {
            let bytes = vec![0; len];
            assert_eq!(ViewerFrame::check(&bytes), ViewerFrame::decode(&bytes).map(drop), "{len}");
        }
        assert!(ViewerFrame::decode(&vec![0; MAX_PAYLOAD_BYTES + 2]).is_err());
    }
}
