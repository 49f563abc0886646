//! Which output a viewer has, which of it is shown, and when to say so. Pure.

/// How much may be shown before it is acknowledged at once.
const ACK_BYTES: u64 = 64 * 1024;

/// What to do with a frame of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Show it.
    Show,
    /// What lies between it and what is shown is lost: clear the screen, then show it.
    Gap,
}

/// The flow of one terminal's output to this viewer.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    began: Option<u64>,
    next: Option<u64>,
    shown: u64,
    acked: u64,
}

impl Flow {
    /// The offset to ask for on attaching again; nothing at first, which asks for all that there is.
    #[must_use]
    pub const fn resume_at(&self) -> Option<u64> {
        self.next
    }

    /// Takes note of where the terminal's run began, and says whether it is another run than before: the workbench
    /// was started anew, and its output follows nothing.
    pub fn begin(&mut self, offset: u64) -> bool {
        let is_new = self.began.replace(offset).is_some_and(|began| began != offset);
        if is_new {
            self.next = None;
        }
        is_new
    }

    /// Takes note of a frame of output and says what to do with it. Another offset than the expected one means that
    /// the ring had lost what lies between.
    pub fn receive(&mut self, offset: u64, len: usize) -> Arrival {
        let before = self.next.replace(offset + len as u64);
        if before != Some(offset) {
            (self.shown, self.acked) = (offset, offset);
        }
        if before.is_none_or(|next| next == offset) { Arrival::Show } else { Arrival::Gap }
    }

    /// Takes note that all before `offset` is on the screen; returns what to acknowledge at once.
    pub fn show(&mut self, offset: u64) -> Option<u64> {
        // the screen may still report output of a shell before this one
        let offset = offset.min(self.next.unwrap_or_default());
        self.shown = self.shown.max(offset);
        if self.shown - self.acked >= ACK_BYTES { self.acknowledge() } else { None }
    }

    /// What to acknowledge now, if anything.
    pub fn acknowledge(&mut self) -> Option<u64> {
        (self.shown > self.acked).then(|| {
            self.acked = self.shown;
            self.acked
        })
    }

    /// A new connection knows of no acknowledgement: the next one says again what is shown.
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
    fn another_beginning_is_a_new_workbench_whose_output_follows_nothing() {
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
    fn a_late_word_about_an_older_shell_acknowledges_no_more_than_came() {
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
