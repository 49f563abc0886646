//! One terminal of the workspace: keeps it connected, passes output to the screen and input to the server.

mod input;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::select;
use gloo_events::EventListener;
use lectern_api::ids::SessionId;
use lectern_api::terminal::{TerminalFrame, ViewerFrame};
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::HtmlElement;

use super::flow::{Arrival, Flow};
use super::outgoing::Outgoing;
use super::screen::OpenScreen;
use super::socket::Socket;
use super::status::{Kept, Notice, Status};
use crate::backoff;
use crate::browser::{random, sleep};
use crate::paths::encode_part;

/// How long output must pause before it is acknowledged, and before a replay is over.
const IDLE: Duration = Duration::from_millis(100);
/// How long to show that the terminal reconnected.
const SHOW_RESUMED: Duration = Duration::from_secs(4);

pub struct Connection {
    session: SessionId,
    name: String,
    pub status: RwSignal<Status>,
    /// Called when the server no longer accepts the login.
    on_signed_out: Box<dyn Fn()>,
    screen: RefCell<Option<Rc<OpenScreen>>>,
    socket: RefCell<Option<Socket>>,
    flow: RefCell<Flow>,
    outgoing: RefCell<Outgoing>,
    is_pumping: Cell<bool>,
    /// Ends the wait for the next try.
    wake: RefCell<Option<oneshot::Sender<()>>>,
    network: RefCell<Vec<EventListener>>,
    size: Cell<(u16, u16)>,
    /// How many bytes of a paste were lost with the last connection.
    not_typed: Cell<usize>,
    /// What was typed without a connection.
    held: RefCell<String>,
    /// Whether a look is due whether the line is silent.
    is_listening: Cell<bool>,
    ack_waits: Cell<bool>,
    arrivals: Cell<u32>,
    attempts: Cell<u32>,
    /// Each start and stop increases it, which ends the loops of earlier ones.
    generation: Cell<u32>,
}

impl Connection {
    /// Returns a terminal without screen or connection.
    pub fn new(session: SessionId, name: &str, on_signed_out: impl Fn() + 'static) -> Rc<Self> {
        Rc::new(Self {
            session,
            name: name.to_owned(),
            status: RwSignal::new(Status::Waiting),
            on_signed_out: Box::new(on_signed_out),
            screen: RefCell::default(),
            socket: RefCell::default(),
            flow: RefCell::default(),
            outgoing: RefCell::default(),
            is_pumping: Cell::new(false),
            wake: RefCell::default(),
            network: RefCell::default(),
            size: Cell::new((80, 24)),
            not_typed: Cell::new(0),
            held: RefCell::default(),
            is_listening: Cell::new(false),
            ack_waits: Cell::new(false),
            arrivals: Cell::new(0),
            attempts: Cell::new(0),
            generation: Cell::new(0),
        })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shows the terminal within `element`. Calls `on_leave` when the focus is to leave it.
    pub fn show_in(self: &Rc<Self>, element: &HtmlElement, on_leave: impl Fn() + 'static) {
        let (input, fit) = (Rc::downgrade(self), Rc::downgrade(self));
        let screen = OpenScreen::open(
            element,
            &self.name,
            move |text| {
                if let Some(connection) = input.upgrade() {
                    connection.type_by_hand(&text);
                }
            },
            move |cols, rows| {
                if let Some(connection) = fit.upgrade() {
                    connection.size.set((cols, rows));
                    connection.send(&ViewerFrame::Resize { cols, rows });
                }
            },
            on_leave,
        );
        self.screen.replace(Some(Rc::new(screen)));
    }

    /// Connects, and reconnects until [`Self::stop`].
    pub fn start(self: &Rc<Self>) {
        let generation = self.next_generation();
        self.attempts.set(0);
        self.status.set(Status::Connecting);
        self.network.replace(self.follow_network());
        let this = Rc::downgrade(self);
        spawn_local(async move {
            loop {
                let Some(connection) = this.upgrade().filter(|it| it.generation.get() == generation) else {
                    return;
                };
                let Some(wait) = connection.attach_once(generation).await else { return };
                let (sender, woken) = oneshot::channel();
                connection.wake.replace(Some(sender));
                drop(connection);
                select(Box::pin(sleep(wait)), woken).await;
            }
        });
    }

    /// Reconnects at once instead of waiting.
    pub fn retry_now(&self) {
        self.wake.replace(None);
    }

    /// Disconnects. The screen keeps what it shows.
    pub fn stop(&self) {
        self.next_generation();
        self.network.take();
        self.close_socket();
        self.not_typed.set(0);
        self.held.take();
        self.status.set(Status::Waiting);
    }

    /// Disconnects and removes the screen.
    pub fn close(&self) {
        self.stop();
        self.screen.replace(None);
    }

    pub fn clear(&self) {
        self.with_screen(|screen| screen.clear());
    }

    pub fn focus(&self) {
        self.with_screen(|screen| screen.focus());
    }

    fn with_screen(&self, call: impl FnOnce(&OpenScreen)) {
        let screen = self.screen.borrow().clone();
        if let Some(screen) = screen {
            call(&screen);
        }
    }

    fn next_generation(&self) -> u32 {
        self.generation.set(self.generation.get().wrapping_add(1));
        self.generation.get()
    }

    fn send(&self, frame: &ViewerFrame) -> bool {
        self.socket.borrow().as_ref().is_some_and(|socket| socket.send(&frame.encode()))
    }

    /// Connects once, until the connection ends. Returns how long to wait before the next one; `None` to stop.
    async fn attach_once(self: &Rc<Self>, generation: u32) -> Option<Duration> {
        let (cols, rows) = self.size.get();
        let resume = self.flow.borrow().resume_at();
        let mut path = format!(
            "/api/v1/sessions/{}/terminals/{}/attach?cols={cols}&rows={rows}",
            self.session,
            encode_part(&self.name)
        );
        match resume {
            Some(offset) => path.push_str(&format!("&offset={offset}")),
            None => self.with_screen(|screen| screen.set_replaying(true)),
        }
        self.flow.borrow_mut().reattach();
        let (open, message) = (Rc::downgrade(self), Rc::downgrade(self));
        let (socket, closed) = Socket::connect(
            &path,
            move || {
                if let Some(connection) = open.upgrade().filter(|it| it.generation.get() == generation) {
                    connection.opened((cols, rows));
                }
            },
            move |bytes| {
                if let Some(connection) = message.upgrade().filter(|it| it.generation.get() == generation) {
                    connection.receive(&bytes);
                }
            },
        )?;
        self.socket.replace(Some(socket));
        // a socket that was closed here does not report it
        let closed = closed.await.unwrap_or(1006);
        if self.generation.get() != generation {
            return None;
        }
        self.close_socket();
        match closed {
            4401 => {
                (self.on_signed_out)();
                return None;
            }
            4404 => {
                self.status.set(Status::Closed("This terminal no longer exists."));
                return None;
            }
            _ => self.status.set(Status::Reconnecting(Kept::Nothing)),
        }
        let attempt = self.attempts.get();
        self.attempts.set(attempt.saturating_add(1));
        Some(backoff::wait(attempt, random()))
    }

    fn opened(self: &Rc<Self>, asked: (u16, u16)) {
        self.attempts.set(0);
        let not_typed = self.not_typed.take();
        let again = self.flow.borrow().resume_at().is_some();
        let notice = match (not_typed, again) {
            (1.., _) => Notice::NotTyped(not_typed),
            (0, true) => Notice::Resumed,
            (0, false) => Notice::None,
        };
        self.announce(Status::Connected(notice));
        let (cols, rows) = self.size.get();
        if (cols, rows) != asked {
            self.send(&ViewerFrame::Resize { cols, rows });
        }
        self.watch_for_pause();
    }

    /// Shows the state of the connection. A notice disappears after a while.
    fn announce(self: &Rc<Self>, status: Status) {
        self.status.set(status.clone());
        let stays = match status {
            Status::Connected(Notice::None) => return,
            Status::Connected(Notice::Resumed) => SHOW_RESUMED,
            Status::Connected(_) => SHOW_RESUMED * 5,
            _ => return,
        };
        let this = Rc::downgrade(self);
        spawn_local(async move {
            sleep(stays).await;
            if let Some(connection) = this.upgrade()
                && connection.status.try_get_untracked() == Some(status)
            {
                connection.status.set(Status::Connected(Notice::None));
            }
        });
    }

    fn receive(self: &Rc<Self>, bytes: &[u8]) {
        match TerminalFrame::decode(bytes) {
            Ok(TerminalFrame::Output { offset, bytes }) => self.receive_output(offset, &bytes),
            Ok(TerminalFrame::Size { cols, rows }) => {
                self.with_screen(|screen| screen.resize(cols, rows));
            }
            // the workbench's agent has printed that, too
            Ok(TerminalFrame::Exited { .. }) => {}
            Ok(TerminalFrame::Began { offset, is_home_new }) => {
                let is_new = self.flow.borrow_mut().begin(offset);
                if is_new {
                    // it was meant for another shell
                    self.held.take();
                    self.with_screen(|screen| screen.reset());
                    self.announce(Status::Connected(Notice::Restarted { is_home_new }));
                }
            }
            // a frame of a newer server
            Err(_) => {}
        }
        self.send_held();
    }

    fn receive_output(self: &Rc<Self>, offset: u64, bytes: &[u8]) {
        self.arrivals.set(self.arrivals.get().wrapping_add(1));
        let arrival = self.flow.borrow_mut().receive(offset, bytes.len());
        if arrival == Arrival::Gap {
            self.with_screen(|screen| screen.reset());
            self.announce(Status::Connected(Notice::Gap));
        }
        let end = offset + bytes.len() as u64;
        let this = Rc::downgrade(self);
        self.with_screen(|screen| {
            screen.show(bytes, move || {
                if let Some(connection) = this.upgrade() {
                    connection.shown(end);
                }
            });
        });
    }

    fn shown(self: &Rc<Self>, offset: u64) {
        let ack = self.flow.borrow_mut().show(offset);
        match ack {
            Some(offset) => {
                self.send(&ViewerFrame::Ack { offset });
            }
            None => self.watch_for_pause(),
        }
    }

    /// Once output pauses, acknowledges what is shown and lets the terminal answer queries again.
    fn watch_for_pause(self: &Rc<Self>) {
        if self.ack_waits.replace(true) {
            return;
        }
        let this = Rc::downgrade(self);
        spawn_local(async move {
            let mut before = None;
            loop {
                sleep(IDLE).await;
                let Some(connection) = this.upgrade() else { return };
                let ack = connection.flow.borrow_mut().acknowledge();
                if let Some(offset) = ack {
                    connection.send(&ViewerFrame::Ack { offset });
                }
                let arrivals = connection.arrivals.get();
                if before.replace(arrivals) == Some(arrivals) {
                    connection.ack_waits.set(false);
                    connection.with_screen(|screen| screen.set_replaying(false));
                    return;
                }
            }
        });
    }
}
