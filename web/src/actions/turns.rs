//! Whose turn it is to type. Pure.
//!
//! A block that is clicked before its terminal is connected waits, and those behind it must not overtake it.

use super::plan::Target;

/// The blocks that wait to type, in the order in which they were clicked.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    waiting: Vec<(u32, Target)>,
    next: u32,
}

impl Turns {
    /// Queues up for a terminal, or for all of them. Returns the place in the queue.
    pub fn join(&mut self, target: &Target) -> u32 {
        let place = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.push((place, target.clone()));
        place
    }

    /// Whether nobody waits before this place for the same terminal.
    #[must_use]
    pub fn is_first(&self, place: u32) -> bool {
        let Some(at) = self.waiting.iter().position(|(other, _)| *other == place) else { return true };
        let (before, from) = self.waiting.split_at(at);
        let target = &from[0].1;
        !before.iter().any(|(_, other)| other == target || [other, target].contains(&&Target::All))
    }

    /// Leaves the queue.
    pub fn leave(&mut self, place: u32) {
        self.waiting.retain(|(other, _)| *other != place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_overtakes_who_waits_for_the_same_terminal() {
        let one = |name: &str| Target::One(name.to_owned());
        let mut turns = Turns::default();
        let (first, other, second) = (turns.join(&one("1")), turns.join(&one("2")), turns.join(&one("1")));
        let all = turns.join(&Target::All);
        let behind_all = turns.join(&one("2"));
        let first_ones =
            |turns: &Turns| [first, other, second, all, behind_all].map(|place| turns.is_first(place));
        assert_eq!(first_ones(&turns), [true, true, false, false, false]);
        turns.leave(first);
        assert!(turns.is_first(second));
        // whoever gives up lets the others through
        turns.leave(second);
        assert!(!turns.is_first(all));
        turns.leave(other);
        assert!(turns.is_first(all) && !turns.is_first(behind_all));
        turns.leave(all);
        assert!(turns.is_first(behind_all));
    }
}
