//! The most recent part of a terminal's output, with the offset of every byte.

use std::collections::VecDeque;

/// A ring buffer that keeps the end of an endless stream of bytes.
pub struct Ring {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Offset after the last byte.
    end: u64,
}

impl Ring {
    /// Creates an empty ring for `capacity` bytes, whose first byte will have the offset `start`. Memory is allocated as
    /// it is needed.
    pub fn new(capacity: usize, start: u64) -> Self {
        Self { bytes: VecDeque::new(), capacity, end: start }
    }

    /// Appends bytes. The oldest ones are dropped if there is no room.
    pub fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(self.capacity)..];
        let overflow = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..overflow);
        self.bytes.extend(kept);
    }

    /// Returns the offset of the oldest byte that is kept.
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// Returns the offset after the newest byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns up to `max_bytes` from `offset` on, and the offset of the first of them. That is the oldest byte if the
    /// ring no longer holds the one at `offset`, or if `offset` lies beyond the end, as only somebody can ask who knew an
    /// earlier run of this terminal.
    pub fn read(&self, offset: u64, max_bytes: usize) -> (u64, Vec<u8>) {
        let start = self.start();
        let from = if offset > self.end { start } else { offset.max(start) };
        let skip = usize::try_from(from - start).unwrap_or(usize::MAX);
        let (first, second) = self.bytes.as_slices();
        let part = |bytes: &'_ [u8], skip: usize, max_bytes: usize| {
            let begin = skip.min(bytes.len());
            (begin, bytes.len().min(begin.saturating_add(max_bytes)))
        };
        let mut out = Vec::with_capacity(max_bytes.min(self.bytes.len().saturating_sub(skip)));
        let (begin, end) = part(first, skip, max_bytes);
        out.extend_from_slice(&first[begin..end]);
        let (begin, end) = part(second, skip.saturating_sub(first.len()), max_bytes - out.len());
        out.extend_from_slice(&second[begin..end]);
        (from, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written_at_that_offset(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            capacity in 1usize..64,
            base in 0u64..100,
            offset in 0u64..900,
            most in 1usize..50,
        ) {
            let mut ring = Ring::new(capacity, base);
            let whole: Vec<u8> = pieces.concat();
            for piece in &pieces {
                ring.push(piece);
            }
            prop_assert_eq!(ring.end(), base + whole.len() as u64);
            prop_assert_eq!(ring.end() - ring.start(), whole.len().min(capacity) as u64);
            let (from, bytes) = ring.read(offset, most);
            prop_assert!(bytes.len() <= most);
            prop_assert!(from >= ring.start() && from <= ring.end());
            let at = usize::try_from(from - base).unwrap();
            prop_assert_eq!(&whole[at..at + bytes.len()], &bytes[..]);
            if offset >= ring.start() && offset <= ring.end() {
                prop_assert_eq!(from, offset);
                let wanted = most.min(whole.len() - at);
                prop_assert_eq!(bytes.len(), wanted);
            }
        }
    }

    #[test]
    fn an_offset_from_an_earlier_run_begins_at_the_oldest_byte() {
        let mut ring = Ring::new(4, 0);
        ring.push(b"abcdef");
        assert_eq!(ring.read(100, 10), (2, b"cdef".to_vec()));
    }
}
