//! What was typed or pasted and has not been sent yet. Pure.
//!
//! A long paste is sent in pieces, as fast as the network takes them. Handed over as a whole, it would wait in the
//! browser's memory, where it cannot be taken back, with everything that is typed after it behind.

use std::collections::VecDeque;

use lectern_api::terminal::{MAX_PAYLOAD_BYTES, ViewerFrame};

/// How many bytes may wait in the browser's socket.
pub const HIGH_WATER_BYTES: u32 = 128 * 1024;

/// Text that waits to be sent, in order.
#[derive(Debug, Default)]
pub struct Outgoing {
    waiting: VecDeque<u8>,
}

impl Outgoing {
    pub fn add(&mut self, text: &str) {
        self.waiting.extend(text.as_bytes());
    }

    /// Takes the next frame to send. Returns `None` if nothing waits, or if `buffered`, the number of bytes in the socket,
    /// is too high.
    pub fn next(&mut self, buffered: u32) -> Option<ViewerFrame> {
        if self.waiting.is_empty() || buffered >= HIGH_WATER_BYTES {
            return None;
        }
        let len = self.waiting.len().min(MAX_PAYLOAD_BYTES);
        Some(ViewerFrame::Input(self.waiting.drain(..len).collect()))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Drops what waits, because text after a gap must not be typed. Returns the number of bytes.
    pub fn discard(&mut self) -> usize {
        std::mem::take(&mut self.waiting).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_of_a_megabyte_arrives_whole_and_in_order_past_a_slow_socket() {
        let text: String = ('a'..='z').chain(['ü', '€', '😀']).cycle().take(900_000).collect();
        assert!(text.len() > 1_000_000);
        let (mut outgoing, mut buffered, mut sent) = (Outgoing::default(), 0, Vec::new());
        outgoing.add(&text);
        outgoing.add("\r");
        while !outgoing.is_empty() {
            match outgoing.next(buffered) {
                Some(frame) => {
                    let wire = frame.encode();
                    buffered += u32::try_from(wire.len()).unwrap();
                    let Ok(ViewerFrame::Input(bytes)) = ViewerFrame::decode(&wire) else { panic!("refused") };
                    sent.extend(bytes);
                    assert!(buffered < HIGH_WATER_BYTES + 33 * 1024, "{buffered}");
                }
                None => buffered -= buffered.min(10_000),
            }
        }
        assert_eq!(sent, format!("{text}\r").into_bytes());
    }

    #[test]
    fn nothing_is_sent_if_nothing_was_typed() {
        let mut outgoing = Outgoing::default();
        outgoing.add("");
        assert_eq!(outgoing.next(0), None);
    }

    #[test]
    fn what_a_lost_connection_leaves_is_counted_and_dropped() {
        let mut outgoing = Outgoing::default();
        outgoing.add("abc");
        assert_eq!(outgoing.discard(), 3);
        assert!(outgoing.is_empty() && outgoing.next(0).is_none());
    }
}
