//! Combining repeated refusals into one record, so that somebody without an account cannot fill the database.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::OK;
use crate::store::audit::NewRecord;

/// For how long after the first refusal of a kind further ones are counted together.
const WINDOW: Duration = Duration::from_secs(30);
/// How many kinds are distinguished at a time; further ones are combined for each action and outcome.
const MAX_KINDS: usize = 30;

/// The refusals of one kind since the first.
struct Open {
    since: Instant,
    /// How many have not been written yet.
    more: i32,
}

/// The refusals that have not been written yet.
#[derive(Default)]
pub(super) struct Bursts {
    open: HashMap<NewRecord, Open>,
}

impl Bursts {
    /// Returns the record if it must be written now: a success always, a refusal if it is the first of its kind.
    pub(super) fn admit(&mut self, record: NewRecord, now: Instant) -> Option<NewRecord> {
        if record.outcome == OK {
            return Some(record);
        }
        if let Some(open) = self.open.get_mut(&record) {
            open.more = open.more.saturating_add(1);
            return None;
        }
        if self.open.len() < MAX_KINDS {
            self.open.insert(record.clone(), Open { since: now, more: 0 });
            return Some(record);
        }
        // at most as many kinds as there are actions and outcomes, which no client can make up
        let kind = NewRecord {
            actor: None,
            address: "several".to_owned(),
            object: String::new(),
            detail: String::new(),
            ..record
        };
        self.open.entry(kind).or_insert(Open { since: now, more: 0 }).more += 1;
        None
    }

    /// Returns the refusals whose window is over.
    pub(super) fn due(&mut self, now: Instant) -> Vec<NewRecord> {
        let due = self.open.extract_if(|_, open| now.duration_since(open.since) >= WINDOW);
        combined(due)
    }

    /// Returns all refusals that have not been written yet.
    pub(super) fn rest(&mut self) -> Vec<NewRecord> {
        combined(self.open.drain())
    }
}

fn combined(due: impl Iterator<Item = (NewRecord, Open)>) -> Vec<NewRecord> {
    due.filter(|(_, open)| open.more > 0)
        .map(|(record, open)| NewRecord { times: open.more, ..record })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> NewRecord {
        NewRecord {
            actor: None,
            address: address.to_owned(),
            action: "sign_in".to_owned(),
            object: String::new(),
            outcome: "sign_in_refused".to_owned(),
            detail: String::new(),
            times: 1,
        }
    }

    #[test]
    fn refusals_in_short_succession_become_two_records() {
        let (mut bursts, now) = (Bursts::default(), Instant::now());
        let first = (0..1000).filter_map(|_| bursts.admit(refused("192.0.2.1"), now)).count();
        assert_eq!(first, 1);
        assert_eq!(bursts.due(now + WINDOW / 2), []);
        let rest = bursts.due(now + WINDOW);
        assert_eq!(rest, [NewRecord { times: 999, ..refused("192.0.2.1") }]);
        assert!(bursts.admit(refused("192.0.2.1"), now + WINDOW).is_some());
    }

    #[test]
    fn any_number_of_addresses_leaves_few_records() {
        let (mut bursts, now) = (Bursts::default(), Instant::now());
        let at_once = (0..10_000).filter_map(|n| bursts.admit(refused(&n.to_string()), now)).count();
        assert_eq!(at_once, MAX_KINDS);
        let rest = bursts.due(now + WINDOW);
        assert_eq!(rest, [NewRecord { times: 10_000 - 30, ..refused("several") }]);
        assert_eq!(bursts.open.len(), 0);
    }

    #[test]
    fn what_succeeds_is_written_each_time() {
        let (mut bursts, now) = (Bursts::default(), Instant::now());
        let done = NewRecord { outcome: OK.to_owned(), ..refused("192.0.2.1") };
        assert_eq!((0..5).filter_map(|_| bursts.admit(done.clone(), now)).count(), 5);
        assert_eq!(bursts.rest(), []);
    }
}
