//! What the learner did in this session: shown at once, and kept until the server has it.

pub mod marks;
pub mod outbox;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lectern_api::ids::{EventId, SessionId, UserId};
use lectern_api::progress::{Happening, ProgressEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::{ApiError, Client};
use crate::backoff;
use crate::browser::{random, sleep, storage};
use marks::Marks;
use outbox::{Outbox, Store};

/// The browser's local storage.
pub struct LocalStore;

impl Store for LocalStore {
    fn keys(&self) -> Vec<String> {
        let Some(storage) = storage() else { return Vec::new() };
        let count = storage.length().unwrap_or(0);
        (0..count).filter_map(|at| storage.key(at).ok().flatten()).collect()
    }
    fn read(&self, key: &str) -> Option<String> {
        storage()?.get_item(key).ok().flatten()
    }
    fn write(&mut self, key: &str, text: &str) -> bool {
        storage().is_some_and(|storage| storage.set_item(key, text).is_ok())
    }
    fn remove(&mut self, key: &str) {
        if let Some(storage) = storage() {
            // what cannot be removed is sent again, and the server counts it once
            let _ = storage.remove_item(key);
        }
    }
}

/// The progress of one session. Copies share their state.
#[derive(Clone, Copy)]
pub struct Progress {
    pub marks: RwSignal<Marks>,
    /// Whether [`Self::marks`] hold what the server knows.
    pub is_known: RwSignal<bool>,
    sender: StoredValue<Rc<Sender>, LocalStorage>,
}

struct Sender {
    client: Client,
    session: SessionId,
    outbox: RefCell<Outbox<LocalStore>>,
    sending: Cell<bool>,
}

impl Progress {
    /// Returns the progress of `user` in `session`, and sends what earlier page loads could not.
    #[must_use]
    pub fn new(client: Client, user: UserId, session: SessionId) -> Self {
        let sender = Rc::new(Sender {
            client,
            session,
            outbox: RefCell::new(Outbox::new(LocalStore, user, session)),
            sending: Cell::new(false),
        });
        // what an earlier page load did and could not tell the server yet
        let mut marks = Marks::default();
        for event in sender.outbox.borrow_mut().batch() {
            marks.add(event.page.as_str(), &event.what);
        }
        sender.clone().start();
        Self {
            marks: RwSignal::new(marks),
            is_known: RwSignal::new(false),
            sender: StoredValue::new_local(sender),
        }
    }

    /// Shows and sends that something happened.
    pub fn record(&self, page: &str, what: Happening) {
        let Ok(name) = page.parse() else { return };
        self.marks.try_update(|marks| marks.add(page, &what));
        let event = ProgressEvent { id: EventId::new(), at: crate::clock::now(), page: name, what };
        self.sender.try_with_value(|sender| {
            sender.outbox.borrow_mut().add(event);
            sender.clone().start();
        });
    }

    /// Sends what is left in a way that outlives the page.
    pub fn flush(&self) {
        let Some(sender) = self.sender.try_get_value() else { return };
        spawn_local(async move {
            let batch = sender.outbox.borrow_mut().batch();
            if !batch.is_empty() && sender.deliver(&batch, true).await.is_ok() {
                sender.outbox.borrow_mut().remove(&batch);
            }
        });
    }
}

impl Sender {
    /// Sends until nothing is left, unless it does so already.
    fn start(self: Rc<Self>) {
        if self.sending.replace(true) {
            return;
        }
        spawn_local(async move {
            let mut attempt = 0;
            loop {
                let batch = self.outbox.borrow_mut().batch();
                if batch.is_empty() || self.client.account.is_disposed() {
                    break;
                }
                match self.deliver(&batch, false).await {
                    Ok(()) => {
                        attempt = 0;
                        self.outbox.borrow_mut().remove(&batch);
                    }
                    // after signing in again, the workspace creates a new sender
                    Err(error) if error.is_signed_out() => break,
                    Err(error) => {
                        let asked = error.retry_at().and_then(|at| (at - crate::clock::now()).to_std().ok());
                        sleep(backoff::wait(attempt + 2, random()).max(asked.unwrap_or_default())).await;
                        attempt = attempt.saturating_add(1);
                    }
                }
            }
            self.sending.set(false);
        });
    }

    /// Sends a batch. One that the server will never accept counts as delivered.
    async fn deliver(&self, batch: &[ProgressEvent], leaving: bool) -> Result<(), ApiError> {
        match self.client.send_progress(self.session, batch, leaving).await {
            Err(error) if matches!(error.status(), Some(400 | 404 | 422)) => Ok(()),
            outcome => outcome,
        }
    }
}
