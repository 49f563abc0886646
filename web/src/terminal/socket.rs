//! One WebSocket of binary messages, from its opening to its close.

use futures::channel::oneshot;
use gloo_events::EventListener;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::browser::window;

/// An open or opening socket. Dropping it closes it.
pub struct Socket {
    socket: WebSocket,
    _listeners: Vec<EventListener>,
}

impl Socket {
    /// Connects to `path` of this site. The receiver gets the close code once the socket is closed.
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
            EventListener::new(&socket, "open", move |_| on_open()),
            EventListener::new(&socket, "message", move |event| {
                let data = event.dyn_ref::<MessageEvent>().map(MessageEvent::data);
                if let Some(buffer) = data.and_then(|data| data.dyn_into::<ArrayBuffer>().ok()) {
                    on_message(Uint8Array::new(&buffer).to_vec());
                }
            }),
            EventListener::new(&socket, "close", move |event| {
                let code = event.dyn_ref::<CloseEvent>().map_or(1006, CloseEvent::code);
                if let Some(sender) = sender.take() {
                    // nobody waits if the terminal is gone
                    let _ = sender.send(code);
                }
            }),
        ];
        Some((Self { socket, _listeners: listeners }, closed))
    }

    /// Sends a message. Returns whether the socket was open.
    pub fn send(&self, message: &[u8]) -> bool {
        self.is_open() && self.socket.send_with_u8_array(message).is_ok()
    }

    pub fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// Returns the number of bytes that have not left the browser yet.
    pub fn buffered(&self) -> u32 {
        self.socket.buffered_amount()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}
