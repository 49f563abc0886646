//! The input of a connection: it is sent as fast as the socket takes it, and what a lost socket held is counted.

use std::rc::Rc;
use std::time::Duration;

use gloo_events::EventListener;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Connection;
use crate::browser::{is_server_there, sleep, window};
use crate::terminal::socket::Socket;
use crate::terminal::status::{Kept, Status};

/// How often to check whether a full socket takes more.
const PUMP: Duration = Duration::from_millis(10);
/// How many bytes a socket may hold besides a paste: some keys, acknowledgements, a size.
const BACKGROUND_BYTES: u32 = 256;

/// How many bytes are kept of what is typed without a connection: some lines.
const HELD_BYTES: usize = 2048;
/// How long a line may be silent after a key before it is looked at.
const SILENT: Duration = Duration::from_millis(2500);

impl Connection {
    /// Types what somebody types by hand: without a connection it is kept until there is one again.
    pub(super) fn type_by_hand(self: &Rc<Self>, keys: &str) {
        if self.type_keys(keys) {
            self.listen();
            return;
        }
        if !matches!(self.status.try_get_untracked(), Some(Status::Reconnecting(_))) {
            return;
        }
        let mut held = self.held.borrow_mut();
        let fits = held.len() + keys.len() <= HELD_BYTES;
        if fits {
            held.push_str(keys);
        }
        self.status.set(Status::Reconnecting(if fits { Kept::All } else { Kept::Full }));
    }

    /// Types what was kept, once the first frame of a new connection has said that the shell is the same.
    pub(super) fn send_held(self: &Rc<Self>) {
        let held = self.held.take();
        if !held.is_empty() {
            self.type_keys(&held);
        }
    }

    /// Reconnects if nothing comes back after a key and the server does not answer either. A line that lost its other end
    /// would say so only after minutes.
    fn listen(self: &Rc<Self>) {
        if self.is_listening.replace(true) {
            return;
        }
        let this = Rc::downgrade(self);
        spawn_local(async move {
            let arrivals = this.upgrade().map(|connection| connection.arrivals.get());
            sleep(SILENT).await;
            let Some(connection) = this.upgrade() else { return };
            let is_silent = arrivals == Some(connection.arrivals.get()) && connection.is_connected();
            if is_silent && !is_server_there().await {
                connection.close_socket();
            }
            connection.is_listening.set(false);
        });
    }

    /// Types into the terminal. Returns whether it is connected.
    pub fn type_keys(self: &Rc<Self>, keys: &str) -> bool {
        if !self.is_connected() {
            return false;
        }
        self.outgoing.borrow_mut().add(keys);
        if !self.pump() && !self.is_pumping.replace(true) {
            let this = Rc::downgrade(self);
            spawn_local(async move {
                loop {
                    sleep(PUMP).await;
                    let Some(connection) = this.upgrade() else { return };
                    if connection.pump() {
                        connection.is_pumping.set(false);
                        return;
                    }
                }
            });
        }
        true
    }

    /// Types a command. Returns whether the terminal is connected.
    pub fn type_command(self: &Rc<Self>, keys: &str) -> bool {
        let quoted = self.screen.borrow().as_ref().map(|screen| screen.quoted(keys));
        self.type_keys(quoted.as_deref().unwrap_or(keys))
    }

    /// Pastes a text. Returns whether the terminal is connected.
    pub fn paste(&self, text: &str) -> bool {
        self.with_screen(|screen| screen.paste(text));
        self.is_connected()
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.socket.borrow().as_ref().is_some_and(Socket::is_open)
    }

    /// Returns why the terminal will never be connected again; `None` if it is or may be.
    #[must_use]
    pub fn why_closed(&self) -> Option<&'static str> {
        match self.status.try_get_untracked()? {
            Status::Closed(why) => Some(why),
            _ => None,
        }
    }

    /// Whether the terminal has printed anything, such as a prompt.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.flow.borrow().resume_at().is_some()
    }

    /// Sends as much as the socket takes of what was typed. Returns whether that was all.
    fn pump(&self) -> bool {
        let socket = self.socket.borrow();
        let mut outgoing = self.outgoing.borrow_mut();
        if let Some(socket) = socket.as_ref() {
            while let Some(frame) = outgoing.next(socket.buffered()) {
                socket.send(&frame.encode());
            }
        }
        outgoing.is_empty()
    }

    /// Closes the socket, and counts what it and the queue behind it held of a paste.
    pub(super) fn close_socket(&self) {
        let Some(socket) = self.socket.replace(None) else { return };
        let buffered = Some(socket.buffered()).filter(|bytes| *bytes > BACKGROUND_BYTES).unwrap_or_default();
        let lost = self.outgoing.borrow_mut().discard() + usize::try_from(buffered).unwrap_or_default();
        self.not_typed.set(self.not_typed.get() + lost);
    }

    /// Notices at once that the network went away or came back, instead of after minutes.
    pub(super) fn follow_network(self: &Rc<Self>) -> Vec<EventListener> {
        let Some(window) = window() else { return Vec::new() };
        let (gone, back) = (Rc::downgrade(self), Rc::downgrade(self));
        vec![
            EventListener::new(&window, "offline", move |_| {
                if let Some(connection) = gone.upgrade() {
                    connection.close_socket();
                }
            }),
            EventListener::new(&window, "online", move |_| {
                if let Some(connection) = back.upgrade() {
                    connection.retry_now();
                }
            }),
        ]
    }
}
