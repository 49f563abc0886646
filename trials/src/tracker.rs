//! Which of a terminal's output has come, which is acknowledged, and what was lost or came from a new workbench. Pure.

/// How much the browser shows before it acknowledges at once, in bytes.
const ACK_BYTES: u64 = 64 * 1024;

/// The output of one terminal, over all its connections.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// Where the run of the terminal began that was seen last.
    began: Option<u64>,
    next: Option<u64>,
    acked: u64,
    /// How many bytes were skipped: the ring no longer held them.
    pub skipped: u64,
    /// How often a run of the terminal began: another workbench took the place of the first.
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

    /// Takes note of where the terminal's run began.
    pub fn begin(&mut self, offset: u64) {
        if self.began.replace(offset).is_some_and(|began| began != offset) {
            self.restarts += 1;
            self.next = None;
        }
    }

    /// Takes note of a frame of output.
    pub fn receive(&mut self, offset: u64, len: usize) {
        let len = len as u64;
        self.received += len;
        match self.next {
            None => self.acked = offset,
            Some(next) if offset > next => self.skipped += offset - next,
            Some(next) => self.repeated += next - offset,
        }
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
        self.acked = self.acked.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_counted_as_lost_and_another_beginning_as_a_new_workbench() {
        let mut tracker = Tracker::default();
        tracker.begin(90);
        tracker.receive(100, 10);
        tracker.receive(110, 10);
        assert_eq!((tracker.skipped, tracker.restarts, tracker.repeated), (0, 0, 0));
        tracker.receive(125, 5);
        assert_eq!(tracker.skipped, 5);
        tracker.receive(128, 5);
        assert_eq!(tracker.repeated, 2);
        tracker.begin(1000);
        tracker.receive(1000, 5);
        assert_eq!((tracker.restarts, tracker.resume_at(), tracker.skipped), (1, Some(1005), 5));
        tracker.begin(1000);
        assert_eq!((tracker.restarts, tracker.received), (1, 35));
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
