//! The frames of one attached terminal.
//!
//! They are the same on the WebSocket between browser and server (one binary message each) and on the
//! stream between server and agent (each behind a 32-bit length), so that the hub passes them on unread.
//! The first byte says which frame it is; numbers are big-endian.
//!
//! Output carries the offset of its first byte. Offsets grow by one with each byte and begin at a number that no
//! earlier run of the terminal has reached, so that an offset never means two things: one of before a restart is
//! answered from where the new run begins, and [`TerminalFrame::Began`] says that it is another. A viewer
//! acknowledges what it has shown; the agent sends no more than
//! the viewer's window beyond that, so a viewer that does not keep up slows only its own view.
//!
//! The terminal has the columns and the rows of the smallest of those viewers that may type. Who only watches
//! takes the size as it is.

/// How many bytes of output may be under way to one viewer without being acknowledged.
pub const WINDOW_BYTES: u64 = 256 * 1024;

/// The smallest window that a viewer gets.
pub const LEAST_WINDOW_BYTES: u64 = 64 * 1024;

/// How many bytes of output the agent keeps of each terminal.
pub const RING_BYTES: usize = 1024 * 1024;

/// The longest payload of one frame, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// From the viewer to the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewerFrame {
    /// Tag 0: bytes to type.
    Input(Vec<u8>),
    /// Tag 1: the viewer's size in characters; two 16-bit numbers.
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

/// From the terminal to the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalFrame {
    /// Tag 0: output; a 64-bit offset, then the bytes. An offset beyond the end of the frame before means that
    /// the ring no longer held what lies between: the viewer clears its screen and goes on from here.
    Output {
        /// Offset of the first byte.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Tag 1: the shell ended with this status; a new one starts by itself. A 32-bit signed number.
    Exited {
        /// The exit status; negative: the signal that ended it.
        status: i32,
    },
    /// Tag 2: the terminal's size, which is that of its smallest viewer; two 16-bit numbers.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Tag 3: where this run of the terminal began; a 64-bit number, then 1 or 0, which older agents leave out. It
    /// comes before all output. Another number than on the connection before means that the workbench was started
    /// anew, with other shells.
    Began {
        /// The offset of the first byte ever.
        offset: u64,
        /// Whether the home was empty when the workbench was started: what was in an earlier one is gone.
        is_home_new: bool,
    },
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No bytes at all.
    #[error("the frame is empty")]
    Empty,
    /// A first byte that no frame has.
    #[error("no frame has the tag {0}")]
    UnknownTag(u8),
    /// Too few or too many bytes for the frame that the tag names.
    #[error("a frame with the tag {tag} cannot be {len} bytes long")]
    WrongLength {
        /// The first byte.
        tag: u8,
        /// The whole length.
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
    /// The frame as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Input(bytes) => [&[0], bytes.as_slice()].concat(),
            Self::Resize { cols, rows } => size_frame(1, *cols, *rows),
            Self::Ack { offset } => [&[2], offset.to_be_bytes().as_slice()].concat(),
        }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are no frame of this direction.
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
    /// The frame as bytes.
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

    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are no frame of this direction.
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
        assert!(ViewerFrame::decode(&vec![0; MAX_PAYLOAD_BYTES + 2]).is_err());
    }
}
