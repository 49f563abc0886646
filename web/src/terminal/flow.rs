//! Which output has arrived, how much of it is shown, and when to acknowledge it. Pure.

/// How much output is shown before it is acknowledged at once.
const ACK_BYTES: u64 = 64 * 1024;

/// What to do with a frame of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Show,
    /// The output before it is lost: clear the screen, then show it.
    Gap,
}

/// The flow of one terminal's output.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    began: Option<u64>,
    next: Option<u64>,
    shown: u64,
    acked: u64,
}

impl Flow {
    /// Returns the offset to resume at; `None` at first, which asks for all output that the server kept.
    #[must_use]
    pub const fn resume_at(&self) -> Option<u64> {
        self.next
    }

    /// Records where the terminal's output begins. Returns whether it is another beginning than before: the workbench was
    /// restarted, and what was shown is over.
    pub fn begin(&mut self, offset: u64) -> bool {
        let is_new = self.began.replace(offset).is_some_and(|began| began != offset);
        if is_new {
            self.next = None;
        }
        is_new
    }

    /// Records a frame of output and returns what to do with it. If its offset is not the expected one, the server no
    /// longer had the output in between.
    pub fn receive(&mut self, offset: u64, len: usize) -> Arrival {
        let before = self.next.replace(offset + len as u64);
        if before != Some(offset) {
            (self.shown, self.acked) = (offset, offset);
        }
        if before.is_none_or(|next| next == offset) { Arrival::Show } else { Arrival::Gap }
    }

    /// Records that all output before `offset` is on the screen. Returns what to acknowledge at once.
    pub fn show(&mut self, offset: u64) -> Option<u64> {
        // the screen may still report output from before a restart
        let offset = offset.min(self.next.unwrap_or_default());
        self.shown = self.shown.max(offset);
        if self.shown - self.acked >= ACK_BYTES { self.acknowledge() } else { None }
    }

    /// Returns what to acknowledge now, if anything.
    pub fn acknowledge(&mut self) -> Option<u64> {
        (self.shown > self.acked).then(|| {
            self.acked = self.shown;
            self.acked
        })
    }

    /// Makes the next acknowledgement repeat what is shown: a new connection knows of none.
    pub const fn reattach(&mut self) {
        self.acked = self.acked.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_attach_takes_the_output_from_wherever_the_ring_begins() {
        let mut flow = Flow::default();
        assert_eq!(flow.resume_at(), None);
        assert_eq!(flow.receive(5_000, 10), Arrival::Show);
        assert_eq!(flow.resume_at(), Some(5_010));
    }

    #[test]
    fn another_beginning_is_a_new_workbench_with_output_of_its_own() {
        let mut flow = Flow::default();
        assert!(!flow.begin(0));
        flow.receive(0, 1_000);
        flow.show(1_000);
        assert!(!flow.begin(0));
        assert!(flow.begin(5_000));
        assert_eq!(flow.receive(5_000, 10), Arrival::Show);
        assert_eq!(flow.resume_at(), Some(5_010));
        flow.show(5_010);
        assert_eq!(flow.acknowledge(), Some(5_010));
    }

    #[test]
    fn a_late_report_about_an_older_shell_acknowledges_no_more_than_arrived() {
        let mut flow = Flow::default();
        flow.begin(9_000_000);
        flow.receive(9_000_000, 10);
        flow.begin(0);
        flow.receive(0, 10);
        flow.show(9_000_010);
        assert_eq!(flow.acknowledge(), Some(10));
    }

    #[test]
    fn a_gap_clears_the_screen_and_goes_on_behind_it() {
        let mut flow = Flow::default();
        flow.receive(0, 10);
        assert_eq!(flow.receive(100, 5), Arrival::Gap);
        assert_eq!(flow.resume_at(), Some(105));
        assert_eq!(flow.show(105), None);
        assert_eq!(flow.acknowledge(), Some(105));
    }

    #[test]
    fn much_output_is_acknowledged_at_once_and_little_later() {
        let mut flow = Flow::default();
        flow.receive(0, 100_000);
        assert_eq!(flow.show(10), None);
        assert_eq!(flow.show(70_000), Some(70_000));
        assert_eq!(flow.show(70_010), None);
        assert_eq!(flow.acknowledge(), Some(70_010));
        assert_eq!(flow.acknowledge(), None);
    }

    #[test]
    fn after_attaching_again_what_is_shown_is_acknowledged_again() {
        let mut flow = Flow::default();
        flow.receive(0, 10);
        flow.show(10);
        flow.acknowledge();
        flow.reattach();
        assert_eq!(flow.acknowledge(), Some(10));
    }
}
