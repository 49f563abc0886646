//! One terminal: the ring of its output, what is typed into it, and its viewers. Its shells are in [`crate::shell`].
//!
//! Output goes into the ring; viewers read the ring at their own pace. Input takes another way, so an interrupt
//! passes whatever the shell prints.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lectern_api::terminal::{RING_BYTES, TerminalFrame};
use tokio::sync::{broadcast, watch};

use crate::input::{Input, Keys};
use crate::ring::Ring;
use crate::tty::Tty;
use crate::typing::Typing;

/// Columns and rows of a terminal whose viewers have not said how large they are.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// One terminal.
pub struct Terminal {
    /// The offset of the first byte.
    began: u64,
    /// Whether the home was empty when the workbench was started.
    is_home_new: bool,
    ring: Mutex<Ring>,
    /// Where the ring ends; changes when there is new output.
    grown: watch::Sender<u64>,
    input: Input,
    viewers: Mutex<HashMap<u64, Place>>,
    next_viewer: AtomicU64,
    size: watch::Sender<(u16, u16)>,
    /// Where the viewer is that was sent the most.
    quickest: watch::Sender<Option<u64>>,
    /// What viewers are told besides output.
    news: broadcast::Sender<TerminalFrame>,
    /// Where the shell runs, while one does.
    tty: watch::Sender<Option<Arc<Tty>>>,
    is_ending: watch::Sender<bool>,
    has_ended: watch::Sender<bool>,
    /// Shared by the workbench's terminals, in which this one has a number.
    typing: Arc<Typing>,
    number: u64,
}

/// What is known of one viewer.
struct Place {
    /// What it was sent, up to this offset.
    cursor: u64,
    /// Its size, where it counts.
    size: Option<(u16, u16)>,
}

impl Terminal {
    /// One without a shell, and what will be typed into it.
    pub fn new(size: (u16, u16), typing: Arc<Typing>, is_home_new: bool) -> (Arc<Self>, Keys) {
        let (input, keys) = Input::new();
        let start = first_offset();
        let terminal = Self {
            began: start,
            is_home_new,
            ring: Mutex::new(Ring::new(RING_BYTES, start)),
            grown: watch::Sender::new(start),
            input,
            viewers: Mutex::default(),
            next_viewer: AtomicU64::new(0),
            size: watch::Sender::new(usable(size)),
            quickest: watch::Sender::new(None),
            news: broadcast::Sender::new(16),
            tty: watch::Sender::new(None),
            is_ending: watch::Sender::new(false),
            has_ended: watch::Sender::new(false),
            number: typing.number(),
            typing,
        };
        (Arc::new(terminal), keys)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // the ring's fields follow one another within one call, which does not panic
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a viewer is told first.
    pub fn beginning(&self) -> TerminalFrame {
        TerminalFrame::Began { offset: self.began, is_home_new: self.is_home_new }
    }

    /// Adds output.
    pub fn print(&self, bytes: &[u8]) {
        let end = {
            let mut ring = self.ring();
            ring.push(bytes);
            ring.end()
        };
        self.grown.send_replace(end);
    }

    /// Up to `most` bytes from `offset` on, as [`Ring::read`].
    pub fn read(&self, offset: u64, most: usize) -> (u64, Vec<u8>) {
        self.ring().read(offset, most)
    }

    /// Offsets of the oldest byte that is kept and after the newest one.
    pub fn range(&self) -> (u64, u64) {
        let ring = self.ring();
        (ring.start(), ring.end())
    }

    /// Follows where the output ends.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Follows where the viewer is that was sent the most; none where there is no viewer.
    pub fn quickest(&self) -> watch::Receiver<Option<u64>> {
        self.quickest.subscribe()
    }

    /// Follows what is told besides output.
    pub fn news(&self) -> broadcast::Receiver<TerminalFrame> {
        self.news.subscribe()
    }

    /// Tells all viewers something besides output.
    pub fn tell(&self, frame: TerminalFrame) {
        // fails where nobody listens
        let _ = self.news.send(frame);
    }

    /// Types; waits while there is no room for it. An interrupt does not wait behind what the shell does not read,
    /// but takes its place.
    pub async fn type_in(&self, bytes: Vec<u8>) {
        self.typing.note(self.number);
        if let [byte] = bytes[..]
            && self.has_input()
            && self.tty.borrow().as_ref().is_some_and(|tty| tty.interrupts_with(byte))
        {
            return self.input.interrupt(byte);
        }
        self.input.push(bytes).await;
    }

    /// Whether somebody types in another terminal of this workbench.
    pub fn is_typed_elsewhere(&self) -> bool {
        self.typing.is_elsewhere(self.number)
    }

    /// Whether something was typed that the shell has not read.
    pub fn has_input(&self) -> bool {
        self.input.is_waiting()
    }

    /// A new viewer, that was sent all before `cursor`; its size counts where there is one.
    pub fn enter(&self, cursor: u64, size: Option<(u16, u16)>) -> u64 {
        let viewer = self.next_viewer.fetch_add(1, Ordering::Relaxed);
        let size = size.map(usable);
        self.change_viewers(|viewers| _ = viewers.insert(viewer, Place { cursor, size }));
        viewer
    }

    /// Notes a viewer's size; the terminal takes the smallest of all.
    pub fn resize(&self, viewer: u64, size: (u16, u16)) {
        self.change_viewers(|viewers| {
            if let Some(place) = viewers.get_mut(&viewer) {
                place.size = Some(usable(size));
            }
        });
    }

    /// Notes that a viewer was sent all before this offset.
    pub fn advance(&self, viewer: u64, cursor: u64) {
        self.change_viewers(|viewers| {
            if let Some(place) = viewers.get_mut(&viewer) {
                place.cursor = cursor;
            }
        });
    }

    /// Forgets a viewer.
    pub fn leave(&self, viewer: u64) {
        self.change_viewers(|viewers| _ = viewers.remove(&viewer));
    }

    fn change_viewers(&self, change: impl FnOnce(&mut HashMap<u64, Place>)) {
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut viewers);
        let quickest = viewers.values().map(|place| place.cursor).max();
        self.quickest.send_if_modified(|known| std::mem::replace(known, quickest) != quickest);
        let sizes = viewers.values().filter_map(|place| place.size);
        // without viewers it stays as it was: programs need not draw for nobody
        let Some(smallest) = sizes.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))) else { return };
        if self.size.send_if_modified(|size| std::mem::replace(size, smallest) != smallest) {
            let (cols, rows) = smallest;
            self.tell(TerminalFrame::Size { cols, rows });
        }
    }

    /// Columns and rows now.
    pub fn size(&self) -> (u16, u16) {
        *self.size.borrow()
    }

    /// Follows columns and rows.
    pub fn sizes(&self) -> watch::Receiver<(u16, u16)> {
        self.size.subscribe()
    }

    /// Notes where a shell runs, or that none does.
    pub fn note_shell(&self, tty: Option<Arc<Tty>>) {
        self.tty.send_replace(tty);
    }

    /// Notes that there will be no more shells.
    pub fn note_end(&self) {
        self.has_ended.send_replace(true);
    }

    /// Whether no more shells shall start.
    pub fn is_ending(&self) -> bool {
        *self.is_ending.borrow()
    }

    /// Resolves when no more shells shall start.
    pub async fn ending(&self) {
        // the sender lives as long as this
        let _ = self.is_ending.subscribe().wait_for(|is_ending| *is_ending).await;
    }

    /// Closes the terminal, on which the kernel tells the shell, and waits until the shell has ended.
    pub async fn end(&self) {
        self.is_ending.send_replace(true);
        let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
    }
}

/// A size of which no side is zero, which some programs take badly.
fn usable(size: (u16, u16)) -> (u16, u16) {
    if size.0 == 0 || size.1 == 0 { DEFAULT_SIZE } else { size }
}

/// Where a terminal's offsets begin: later than any earlier run of it can have come, unless that printed 32 MB in
/// each of its seconds, and below what JavaScript counts exactly.
fn first_offset() -> u64 {
    /// Milliseconds from 1970 to 2025.
    const BEGIN: u64 = 1_735_689_600_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(BEGIN) << 15
}
