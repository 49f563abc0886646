//! Streams of server-sent events that reconnect until they are dropped.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_events::EventListener;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{EventSource, MessageEvent};

use crate::backoff;
use crate::browser::{random, sleep};

/// A stream of one kind of event. Dropping it closes it.
pub struct EventStream(Rc<Inner>);

struct Inner {
    path: String,
    kind: &'static str,
    on_event: Box<dyn Fn(&str)>,
    on_connected: Box<dyn Fn(bool)>,
    source: RefCell<Option<(EventSource, Vec<EventListener>)>>,
    failures: Cell<u32>,
    closed: Cell<bool>,
}

impl EventStream {
    /// Opens the stream at `path`, relative to `/api/v1`, and passes each event of the kind to `on_event`; events that
    /// cannot be parsed are skipped. Calls `on_connected` when the connection opens and when it breaks.
    pub fn open<T: DeserializeOwned>(
        path: &str,
        kind: &'static str,
        on_event: impl Fn(T) + 'static,
        on_connected: impl Fn(bool) + 'static,
    ) -> Self {
        let inner = Rc::new(Inner {
            path: format!("/api/v1{path}"),
            kind,
            on_event: Box::new(move |text| {
                if let Ok(event) = serde_json::from_str(text) {
                    on_event(event);
                }
            }),
            on_connected: Box::new(on_connected),
            source: RefCell::default(),
            failures: Cell::new(0),
            closed: Cell::new(false),
        });
        inner.connect();
        Self(inner)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.0.closed.set(true);
        if let Some((source, _)) = self.0.source.take() {
            source.close();
        }
    }
}

impl Inner {
    fn connect(self: &Rc<Self>) {
        let Ok(source) = EventSource::new(&self.path) else { return };
        let (message, open, error) = (Rc::downgrade(self), Rc::downgrade(self), Rc::downgrade(self));
        let listeners = vec![
            EventListener::new(&source, self.kind, move |event| {
                let text = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
                if let (Some(inner), Some(text)) = (message.upgrade(), text) {
                    (inner.on_event)(&text);
                }
            }),
            EventListener::new(&source, "open", move |_| {
                if let Some(inner) = open.upgrade() {
                    inner.failures.set(0);
                    (inner.on_connected)(true);
                }
            }),
            EventListener::new(&source, "error", move |_| {
                if let Some(inner) = error.upgrade() {
                    inner.retry();
                }
            }),
        ];
        self.source.replace(Some((source, listeners)));
    }

    /// Reconnects where the browser does not: it retries after a broken connection, but not after an error response.
    fn retry(self: &Rc<Self>) {
        (self.on_connected)(false);
        let is_closed = self
            .source
            .borrow()
            .as_ref()
            .is_some_and(|(source, _)| source.ready_state() == EventSource::CLOSED);
        if !is_closed || self.closed.get() {
            return;
        }
        let attempt = self.failures.get();
        self.failures.set(attempt.saturating_add(1));
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            sleep(backoff::wait(attempt + 2, random())).await;
            if let Some(inner) = weak.upgrade().filter(|inner| !inner.closed.get()) {
                inner.connect();
            }
        });
    }
}
