//! One WebSocket of binary messages, from its opening to its close.

use futures::channel::oneshot;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::browser::{Listener, window};

/// An open or opening socket; dropping it closes it.
pub struct Socket {
    socket: WebSocket,
    _listeners: Vec<Listener>,
}

impl Socket {
    /// Connects to `path` of this site. The receiver is told the close code when the socket closed.
    pub fn connect(
        path: &str,
        on_open: impl Fn() + 'static,
        on_message: impl Fn(Vec<u8>) + 'static,
    ) -> Option<(Self, oneshot::Receiver<u16>)> {
        let origin = window()?.location().origin().ok()?;
        // http becomes ws, https becomes wss
        let url = format!("ws{}{path}", origin.strip_prefix("http")?);
        let socket = WebSocket::new(&url).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (sender, closed) = oneshot::channel();
        let mut sender = Some(sender);
        let listeners = vec![
            Listener::new(&socket, "open", move |_| on_open()),
            Listener::new(&socket, "message", move |event| {
                let data = event.dyn_into::<MessageEvent>().ok().map(|event| event.data());
                if let Some(buffer) = data.and_then(|data| data.dyn_into::<ArrayBuffer>().ok()) {
                    on_message(Uint8Array::new(&buffer).to_vec());
                }
            }),
            Listener::new(&socket, "close", move |event| {
                let code = event.dyn_into::<CloseEvent>().map_or(1006, |close| close.code());
                if let Some(sender) = sender.take() {
                    // nobody waits any more when the terminal is gone
                    let _ = sender.send(code);
                }
            }),
        ];
        Some((Self { socket, _listeners: listeners }, closed))
    }

    /// Sends a message; says whether the socket was open.
    pub fn send(&self, message: &[u8]) -> bool {
        self.is_open() && self.socket.send_with_u8_array(message).is_ok()
    }
}

impl Socket {
    /// Whether it takes messages.
    pub fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// How many bytes were handed over and have not left the browser.
    pub fn buffered(&self) -> u32 {
        self.socket.buffered_amount()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}
