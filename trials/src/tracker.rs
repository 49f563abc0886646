//! Which of a terminal's output has come, which is acknowledged, and what was lost or came from a new workbench. Pure.

/// How much the browser shows before it acknowledges at once, in bytes.
const ACK_BYTES: u64 = 64 * 1024;

/// No terminal of a learner at work prints more than this while its viewer attaches again, in bytes.
const PRINTED_MEANWHILE: u64 = 16 * 1024 * 1024;

/// The output of one terminal, over all its connections.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    next: Option<u64>,
    acked: u64,
    /// Whether nothing came over this connection yet.
    is_new_connection: bool,
    /// How many bytes were skipped: the ring no longer held them.
    pub skipped: u64,
    /// How often the offsets began anew: another workbench took the place of the first.
    pub restarts: u32,
    /// How many bytes came twice.
    pub repeated: u64,
    /// How many bytes came.
    pub received: u64,
}

impl Tracker {
    /// The offset to ask for on attaching again.
    pub const fn resume_at(&self) -> Option<u64> {
        self.next
    }

    /// Takes note of a frame of output.
    pub fn receive(&mut self, offset: u64, len: usize) {
        let len = len as u64;
        self.received += len;
        // offsets never mean two things: a new run of the terminal begins far behind where the old one was
        let is_other = |next: u64| offset < next || offset > next + PRINTED_MEANWHILE;
        match self.next {
            None => self.acked = offset,
            Some(next) if self.is_new_connection && is_other(next) => {
                self.restarts += 1;
                self.acked = offset;
            }
            Some(next) if offset >= next => self.skipped += offset - next,
            Some(next) => self.repeated += next - offset,
        }
        self.is_new_connection = false;
        self.next = Some(offset + len);
    }

    /// Whether so much came that it is to be acknowledged now.
    pub fn is_acknowledgement_due(&self) -> bool {
        self.next.is_some_and(|next| next >= self.acked + ACK_BYTES)
    }

    /// What is to be acknowledged, if anything.
    pub fn unacknowledged(&self) -> Option<u64> {
        self.next.filter(|next| *next > self.acked)
    }

    /// Takes note of an acknowledgement.
    pub const fn acknowledge(&mut self, offset: u64) {
        self.acked = offset;
    }

    /// A new connection knows of no acknowledgement.
    pub fn reattach(&mut self) {
        self.is_new_connection = true;
        self.acked = self.acked.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_counted_as_lost_and_offsets_from_elsewhere_as_a_new_workbench() {
        let mut tracker = Tracker::default();
        tracker.receive(100, 10);
        tracker.receive(110, 10);
        assert_eq!((tracker.skipped, tracker.restarts, tracker.repeated), (0, 0, 0));
        tracker.receive(125, 5);
        assert_eq!(tracker.skipped, 5);
        tracker.receive(128, 5);
        assert_eq!(tracker.repeated, 2);
        tracker.reattach();
        tracker.receive(133, 5);
        assert_eq!((tracker.restarts, tracker.skipped), (0, 5));
        tracker.reattach();
        tracker.receive(1 << 40, 5);
        assert_eq!((tracker.restarts, tracker.resume_at()), (1, Some((1 << 40) + 5)));
        assert_eq!(tracker.received, 40);
    }

    #[test]
    fn what_came_is_acknowledged_once() {
        let mut tracker = Tracker::default();
        tracker.receive(0, 70_000);
        assert!(tracker.is_acknowledgement_due());
        assert_eq!(tracker.unacknowledged(), Some(70_000));
        tracker.acknowledge(70_000);
        assert_eq!(tracker.unacknowledged(), None);
        tracker.reattach();
        assert_eq!(tracker.unacknowledged(), Some(70_000));
    }
}
