//! What the learner did and the server does not know yet.
//!
//! Each event is stored under a key of its own, so that two tabs never overwrite each other's events, and removed only
//! when the server has it. Events have ids, so a second delivery does no harm.

use lectern_api::ids::{SessionId, UserId};
use lectern_api::progress::ProgressEvent;

/// The API's limit for the events of one call.
pub const BATCH: usize = 200;

/// A store of texts by key, such as the browser's local storage.
pub trait Store {
    fn keys(&self) -> Vec<String>;
    fn read(&self, key: &str) -> Option<String>;
    /// Returns whether the text could be stored.
    fn write(&mut self, key: &str, text: &str) -> bool;
    fn remove(&mut self, key: &str);
}

/// The events of one person in one session that wait to be sent.
pub struct Outbox<S> {
    store: S,
    prefix: String,
    /// Events that could not be stored.
    unstored: Vec<ProgressEvent>,
}

impl<S: Store> Outbox<S> {
    /// Returns the outbox of `user` in `session`, with what earlier page loads left.
    pub fn new(store: S, user: UserId, session: SessionId) -> Self {
        Self { store, prefix: format!("lectern.outbox/{user}/{session}/"), unstored: Vec::new() }
    }

    /// Keeps an event until it is delivered.
    pub fn add(&mut self, event: ProgressEvent) {
        let key = format!("{}{}", self.prefix, event.id);
        let is_stored = serde_json::to_string(&event).is_ok_and(|text| self.store.write(&key, &text));
        if !is_stored {
            self.unstored.push(event);
        }
    }

    /// Returns the next events to send, oldest first.
    pub fn batch(&mut self) -> Vec<ProgressEvent> {
        let mut keys: Vec<_> =
            self.store.keys().into_iter().filter(|key| key.starts_with(&self.prefix)).collect();
        // ids are UUIDs of version 7, which sort by the time of their creation
        keys.sort_unstable();
        let mut events = Vec::new();
        for key in keys.into_iter().take(BATCH) {
            match self.store.read(&key).and_then(|text| serde_json::from_str(&text).ok()) {
                Some(event) => events.push(event),
                None => self.store.remove(&key),
            }
        }
        let room = BATCH - events.len();
        events.extend(self.unstored.iter().take(room).cloned());
        events
    }

    /// Removes events that the server has, or will never accept.
    pub fn remove(&mut self, delivered: &[ProgressEvent]) {
        for event in delivered {
            self.store.remove(&format!("{}{}", self.prefix, event.id));
        }
        self.unstored.retain(|kept| !delivered.iter().any(|event| event.id == kept.id));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use lectern_api::ids::EventId;
    use lectern_api::progress::Happening;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory {
        texts: Rc<RefCell<BTreeMap<String, String>>>,
        full: bool,
    }

    impl Store for Memory {
        fn keys(&self) -> Vec<String> {
            self.texts.borrow().keys().cloned().collect()
        }
        fn read(&self, key: &str) -> Option<String> {
            self.texts.borrow().get(key).cloned()
        }
        fn write(&mut self, key: &str, text: &str) -> bool {
            if !self.full {
                self.texts.borrow_mut().insert(key.to_owned(), text.to_owned());
            }
            !self.full
        }
        fn remove(&mut self, key: &str) {
            self.texts.borrow_mut().remove(key);
        }
    }

    fn event() -> ProgressEvent {
        ProgressEvent {
            id: EventId::new(),
            at: crate::clock::now(),
            page: "start".parse().unwrap(),
            what: Happening::PageViewed,
        }
    }

    #[test]
    fn what_was_not_delivered_is_there_after_a_reload() {
        let (store, user, session) = (Memory::default(), UserId::new(), SessionId::new());
        let (first, second) = (event(), event());
        let mut before = Outbox::new(store.clone(), user, session);
        before.add(first.clone());
        before.add(second.clone());
        before.remove(std::slice::from_ref(&first));
        assert_eq!(Outbox::new(store, user, session).batch(), [second]);
    }

    #[test]
    fn what_is_added_while_a_batch_travels_stays() {
        let mut outbox = Outbox::new(Memory::default(), UserId::new(), SessionId::new());
        outbox.add(event());
        let batch = outbox.batch();
        let late = event();
        outbox.add(late.clone());
        outbox.remove(&batch);
        assert_eq!(outbox.batch(), [late]);
    }

    #[test]
    fn two_tabs_keep_each_others_events() {
        let (store, user, session) = (Memory::default(), UserId::new(), SessionId::new());
        let mut one = Outbox::new(store.clone(), user, session);
        let mut two = Outbox::new(store, user, session);
        one.add(event());
        two.add(event());
        assert_eq!(one.batch().len(), 2);
    }

    #[test]
    fn another_persons_events_are_never_sent() {
        let (store, session) = (Memory::default(), SessionId::new());
        Outbox::new(store.clone(), UserId::new(), session).add(event());
        assert!(Outbox::new(store, UserId::new(), session).batch().is_empty());
    }

    #[test]
    fn a_full_store_loses_nothing_while_the_page_is_open() {
        let store = Memory { full: true, ..Memory::default() };
        let mut outbox = Outbox::new(store, UserId::new(), SessionId::new());
        let lost = event();
        outbox.add(lost.clone());
        assert_eq!(outbox.batch(), std::slice::from_ref(&lost));
        outbox.remove(&[lost]);
        assert!(outbox.batch().is_empty());
    }

    #[test]
    fn a_batch_is_never_larger_than_the_api_takes_and_starts_with_the_oldest() {
        let mut outbox = Outbox::new(Memory::default(), UserId::new(), SessionId::new());
        let events: Vec<_> = (0..=BATCH).map(|_| event()).collect();
        events.iter().rev().for_each(|event| outbox.add(event.clone()));
        assert_eq!(outbox.batch(), events[..BATCH]);
    }
}
