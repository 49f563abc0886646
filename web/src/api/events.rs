//! Server-sent events, kept open for as long as somebody wants them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{EventSource, MessageEvent};

use crate::backoff;
use crate::browser::{Listener, chance, sleep};

/// A stream of one kind of event; dropping it closes it.
pub struct EventStream(Rc<Inner>);

struct Inner {
    path: String,
    kind: &'static str,
    on_event: Box<dyn Fn(&str)>,
    on_connected: Box<dyn Fn(bool)>,
    source: RefCell<Option<(EventSource, Vec<Listener>)>>,
    failures: Cell<u32>,
    closed: Cell<bool>,
}

impl EventStream {
    /// Opens the stream at `path` below `/api/v1` and hands over each event of the kind that can be read.
    /// `on_connected` is told when the connection comes and goes.
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
            Listener::new(&source, self.kind, move |event| {
                let text = event.dyn_into::<MessageEvent>().ok().and_then(|event| event.data().as_string());
                if let (Some(inner), Some(text)) = (message.upgrade(), text) {
                    (inner.on_event)(&text);
                }
            }),
            Listener::new(&source, "open", move |_| {
                if let Some(inner) = open.upgrade() {
                    inner.failures.set(0);
                    (inner.on_connected)(true);
                }
            }),
            Listener::new(&source, "error", move |_| {
                if let Some(inner) = error.upgrade() {
                    inner.retry();
                }
            }),
        ];
        self.source.replace(Some((source, listeners)));
    }

    /// The browser tries again by itself after a broken connection, but not after an answer that is an error.
    fn retry(self: &Rc<Self>) {
        (self.on_connected)(false);
        let gave_up = self
            .source
            .borrow()
            .as_ref()
            .is_some_and(|(source, _)| source.ready_state() == EventSource::CLOSED);
        if !gave_up || self.closed.get() {
            return;
        }
        let attempt = self.failures.get();
        self.failures.set(attempt.saturating_add(1));
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            sleep(backoff::wait(attempt + 2, chance())).await;
            if let Some(inner) = weak.upgrade().filter(|inner| !inner.closed.get()) {
                inner.connect();
            }
        });
    }
}
