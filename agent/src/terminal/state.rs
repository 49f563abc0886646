//! The state of one terminal, shared by its shell and its viewers: output, input, size.
//!
//! Output goes into the ring, and each viewer reads the ring at its own speed. Input takes a separate path, so that an
//! interrupt is not held up by output.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lectern_api::terminal::{RING_BYTES, TerminalFrame};
use tokio::sync::{broadcast, watch};

use super::input::{InputReceiver, InputSender};
use super::ring::Ring;
use super::tty::Tty;
use super::typing::TypingActivity;

/// Columns and rows of a terminal whose viewers have given no usable size.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// One terminal.
pub struct Terminal {
    /// The offset of the first byte of this run.
    began: u64,
    /// Whether the home directory was empty when the workbench was started.
    is_home_new: bool,
    ring: Mutex<Ring>,
    /// The offset after the newest byte.
    end: watch::Sender<u64>,
    input: InputSender,
    viewers: Mutex<HashMap<u64, Viewer>>,
    next_viewer: AtomicU64,
    size: watch::Sender<(u16, u16)>,
    /// The cursor of the viewer that is furthest ahead.
    fastest: watch::Sender<Option<u64>>,
    /// Frames for all viewers other than output.
    events: broadcast::Sender<TerminalFrame>,
    /// The PTY of the running shell.
    tty: watch::Sender<Option<Arc<Tty>>>,
    is_ending: watch::Sender<bool>,
    has_ended: watch::Sender<bool>,
    typing: Arc<TypingActivity>,
    /// This terminal's number in `typing`.
    number: u64,
}

/// A viewer as the terminal knows it.
struct Viewer {
    /// The offset after the last byte that was sent to it.
    cursor: u64,
    /// Its size. `None` if it only watches.
    size: Option<(u16, u16)>,
}

impl Terminal {
    /// Creates a terminal without a shell. Also returns the receiving end of its input.
    pub fn new(
        size: (u16, u16),
        typing: Arc<TypingActivity>,
        is_home_new: bool,
    ) -> (Arc<Self>, InputReceiver) {
        let (input, receiver) = InputSender::new();
        let start = first_offset();
        let terminal = Self {
            began: start,
            is_home_new,
            ring: Mutex::new(Ring::new(RING_BYTES, start)),
            end: watch::Sender::new(start),
            input,
            viewers: Mutex::default(),
            next_viewer: AtomicU64::new(0),
            size: watch::Sender::new(usable(size)),
            fastest: watch::Sender::new(None),
            events: broadcast::Sender::new(16),
            tty: watch::Sender::new(None),
            is_ending: watch::Sender::new(false),
            has_ended: watch::Sender::new(false),
            number: typing.register(),
            typing,
        };
        (Arc::new(terminal), receiver)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // the ring is changed within one call that does not panic
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the frame that says where this run began, which viewers get first.
    pub fn beginning(&self) -> TerminalFrame {
        TerminalFrame::Began { offset: self.began, is_home_new: self.is_home_new }
    }

    /// Appends output.
    pub fn print(&self, bytes: &[u8]) {
        let end = {
            let mut ring = self.ring();
            ring.push(bytes);
            ring.end()
        };
        self.end.send_replace(end);
    }

    /// Reads up to `max_bytes` of output from `offset` on; see [`Ring::read`].
    pub fn read(&self, offset: u64, max_bytes: usize) -> (u64, Vec<u8>) {
        self.ring().read(offset, max_bytes)
    }

    /// Returns the offset of the oldest byte that is kept, and the one after the newest byte.
    pub fn range(&self) -> (u64, u64) {
        let ring = self.ring();
        (ring.start(), ring.end())
    }

    /// Follows the end of the output.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Follows the cursor of the viewer that is furthest ahead. `None` if there is no viewer.
    pub fn fastest(&self) -> watch::Receiver<Option<u64>> {
        self.fastest.subscribe()
    }

    /// Follows the frames for all viewers other than output.
    pub fn events(&self) -> broadcast::Receiver<TerminalFrame> {
        self.events.subscribe()
    }

    /// Sends a frame other than output to all viewers.
    pub fn announce(&self, frame: TerminalFrame) {
        // fails if there is no viewer
        let _ = self.events.send(frame);
    }

    /// Queues input for the shell. Waits while there is no room for it. An interrupt does not wait behind input that the
    /// shell does not read, but replaces it.
    pub async fn type_in(&self, bytes: Vec<u8>) {
        self.typing.record(self.number);
        if let [byte] = bytes[..]
            && self.has_input()
            && self.tty.borrow().as_ref().is_some_and(|tty| tty.is_interrupt(byte))
        {
            return self.input.interrupt(byte);
        }
        self.input.push(bytes).await;
    }

    /// Returns whether somebody types in another terminal of this workbench.
    pub fn is_typed_elsewhere(&self) -> bool {
        self.typing.is_elsewhere(self.number)
    }

    /// Returns whether there is input that the shell has not read.
    pub fn has_input(&self) -> bool {
        self.input.is_waiting()
    }

    /// Adds a viewer that has all output before `cursor`, with its size unless it only watches. Returns its id.
    pub fn enter(&self, cursor: u64, size: Option<(u16, u16)>) -> u64 {
        let viewer = self.next_viewer.fetch_add(1, Ordering::Relaxed);
        let size = size.map(usable);
        self.change_viewers(|viewers| _ = viewers.insert(viewer, Viewer { cursor, size }));
        viewer
    }

    /// Sets a viewer's size. The terminal takes the smallest size of all viewers.
    pub fn resize(&self, viewer: u64, size: (u16, u16)) {
        self.change_viewers(|viewers| {
            if let Some(viewer) = viewers.get_mut(&viewer) {
                viewer.size = Some(usable(size));
            }
        });
    }

    /// Records that all output before `cursor` was sent to a viewer.
    pub fn advance(&self, viewer: u64, cursor: u64) {
        self.change_viewers(|viewers| {
            if let Some(viewer) = viewers.get_mut(&viewer) {
                viewer.cursor = cursor;
            }
        });
    }

    /// Removes a viewer.
    pub fn leave(&self, viewer: u64) {
        self.change_viewers(|viewers| _ = viewers.remove(&viewer));
    }

    fn change_viewers(&self, change: impl FnOnce(&mut HashMap<u64, Viewer>)) {
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut viewers);
        let fastest = viewers.values().map(|viewer| viewer.cursor).max();
        self.fastest.send_if_modified(|known| std::mem::replace(known, fastest) != fastest);
        let sizes = viewers.values().filter_map(|viewer| viewer.size);
        // without viewers the size stays as it was: programs need not redraw for nobody
        let Some(smallest) = sizes.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))) else { return };
        if self.size.send_if_modified(|size| std::mem::replace(size, smallest) != smallest) {
            let (cols, rows) = smallest;
            self.announce(TerminalFrame::Size { cols, rows });
        }
    }

    /// Returns columns and rows.
    pub fn size(&self) -> (u16, u16) {
        *self.size.borrow()
    }

    /// Follows columns and rows.
    pub fn sizes(&self) -> watch::Receiver<(u16, u16)> {
        self.size.subscribe()
    }

    /// Sets the PTY of the running shell, or `None` if no shell runs.
    pub fn set_tty(&self, tty: Option<Arc<Tty>>) {
        self.tty.send_replace(tty);
    }

    /// Records that no shell will start any more.
    pub fn set_ended(&self) {
        self.has_ended.send_replace(true);
    }

    /// Returns whether the terminal is ending, so that no new shell may start.
    pub fn is_ending(&self) -> bool {
        *self.is_ending.borrow()
    }

    /// Waits until the terminal is ending.
    pub async fn ending(&self) {
        // cannot fail: the sender is a field of this terminal
        let _ = self.is_ending.subscribe().wait_for(|is_ending| *is_ending).await;
    }

    /// Closes the terminal, upon which the kernel hangs up on the shell, and waits until the shell has exited.
    pub async fn end(&self) {
        self.is_ending.send_replace(true);
        let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
    }
}

/// Replaces a size in which a side is zero, which some programs cannot handle.
fn usable(size: (u16, u16)) -> (u16, u16) {
    if size.0 == 0 || size.1 == 0 { DEFAULT_SIZE } else { size }
}

/// Returns the offset at which a new run begins: beyond the reach of any earlier run of the terminal, unless that printed
/// 32 MB in every second, and small enough to be exact in JavaScript.
#[expect(clippy::disallowed_methods, reason = "the only time of day that the agent needs")]
fn first_offset() -> u64 {
    /// Milliseconds from 1970 to 2025.
    const BEGIN: u64 = 1_735_689_600_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(BEGIN) << 15
}
