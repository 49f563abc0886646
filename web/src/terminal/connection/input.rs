//! What a connection does with input: it sends as fast as the socket takes it, and says what a lost socket took along.

use std::rc::Rc;
use std::time::Duration;

use leptos::task::spawn_local;

use super::Connection;
use crate::browser::{Listener, sleep, window};
use crate::terminal::socket::Socket;

/// How often a full socket is looked at again.
const PUMP: Duration = Duration::from_millis(10);
/// What a socket holds besides a paste: some keys, acknowledgements, a size.
const SMALL_TALK_BYTES: u32 = 256;

impl Connection {
    /// Types into the terminal; says whether it is connected.
    pub fn type_keys(self: &Rc<Self>, keys: &str) -> bool {
        if !self.socket.borrow().as_ref().is_some_and(Socket::is_open) {
            return false;
        }
        self.outgoing.borrow_mut().add(keys);
        if !self.pump() && !self.pumps.replace(true) {
            let this = Rc::downgrade(self);
            spawn_local(async move {
                loop {
                    sleep(PUMP).await;
                    let Some(connection) = this.upgrade() else { return };
                    if connection.pump() {
                        connection.pumps.set(false);
                        return;
                    }
                }
            });
        }
        true
    }

    /// Sends what the socket takes of what was typed; says whether that was all.
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

    /// Gives up the socket, and counts what it and the queue behind it held of a long text.
    pub(super) fn give_up_socket(&self) {
        let Some(socket) = self.socket.replace(None) else { return };
        let buffered = Some(socket.buffered()).filter(|bytes| *bytes > SMALL_TALK_BYTES).unwrap_or_default();
        let lost = self.outgoing.borrow_mut().discard() + usize::try_from(buffered).unwrap_or_default();
        self.not_typed.set(self.not_typed.get() + lost);
    }

    /// A network that went away is noticed at once, not after minutes, and so is its return.
    pub(super) fn follow_network(self: &Rc<Self>) -> Vec<Listener> {
        let Some(window) = window() else { return Vec::new() };
        let (gone, back) = (Rc::downgrade(self), Rc::downgrade(self));
        vec![
            Listener::new(&window, "offline", move |_| {
                if let Some(connection) = gone.upgrade() {
                    connection.give_up_socket();
                }
            }),
            Listener::new(&window, "online", move |_| {
                if let Some(connection) = back.upgrade() {
                    connection.retry_now();
                }
            }),
        ]
    }
}
