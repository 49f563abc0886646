//! One viewer of a terminal: its input goes to the shell, and the output that it lacks is read from the ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lectern_api::agent::Reply;
use lectern_api::terminal::{AttachRequest, LEAST_WINDOW_BYTES, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use lectern_link::{FrameSink, FrameStream, LinkError, Messages};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::flush::FlushSchedule;
use super::state::Terminal;

/// Removes the viewer from the terminal when it is dropped, however the connection ends.
struct Presence<'a> {
    terminal: &'a Terminal,
    viewer: u64,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.terminal.leave(self.viewer);
    }
}

/// Serves a viewer until it disconnects.
pub async fn serve(
    mut messages: Messages,
    terminal: &Arc<Terminal>,
    request: &AttachRequest,
) -> Result<(), LinkError> {
    let &AttachRequest { offset, cols, rows, can_type, window_bytes, .. } = request;
    let events = terminal.events();
    let (start, end) = terminal.range();
    let cursor = offset.filter(|offset| (start..=end).contains(offset)).unwrap_or(start);
    let viewer = terminal.enter(cursor, can_type.then_some((cols, rows)));
    let presence = Presence { terminal, viewer };
    messages.send(&Reply::Attached { offset: cursor, end }).await?;
    let (to_viewer, from_viewer) = messages.into_frames();
    let (shown, acknowledged) = watch::channel(cursor);
    let sent = AtomicU64::new(cursor);
    let window = u64::from(window_bytes).clamp(LEAST_WINDOW_BYTES, WINDOW_BYTES);
    tokio::select! {
        done = receive(from_viewer, &presence, can_type, &sent, &shown) => done,
        done = send(to_viewer, &presence, &sent, window, acknowledged, events) => done,
    }
}

/// Takes the viewer's frames: input, its size, acknowledgements.
async fn receive(
    mut from_viewer: FrameStream,
    presence: &Presence<'_>,
    can_type: bool,
    sent: &AtomicU64,
    shown: &watch::Sender<u64>,
) -> Result<(), LinkError> {
    while let Some(frame) = from_viewer.next().await? {
        match ViewerFrame::decode(&frame) {
            Ok(ViewerFrame::Input(bytes)) if can_type => presence.terminal.type_in(bytes).await,
            Ok(ViewerFrame::Resize { cols, rows }) if can_type => {
                presence.terminal.resize(presence.viewer, (cols, rows));
            }
            // an offset that was never sent is from an earlier run of the terminal, or made up
            Ok(ViewerFrame::Ack { offset }) if offset <= sent.load(Ordering::Relaxed) => {
                shown.send_if_modified(|shown| {
                    offset > *shown && {
                        *shown = offset;
                        true
                    }
                });
            }
            // a viewer that only watches neither types nor resizes the terminal
            Ok(_) => {}
            Err(error) => return Err(LinkError::Refused(error.to_string())),
        }
    }
    Ok(())
}

/// Sends output and events to the viewer, as far as its window allows.
async fn send(
    mut to_viewer: FrameSink,
    presence: &Presence<'_>,
    sent: &AtomicU64,
    window: u64,
    mut acknowledged: watch::Receiver<u64>,
    mut events: broadcast::Receiver<TerminalFrame>,
) -> Result<(), LinkError> {
    let terminal = presence.terminal;
    let mut cursor = sent.load(Ordering::Relaxed);
    let mut grown = terminal.follow();
    let mut schedule = FlushSchedule::new(Instant::now());
    let (cols, rows) = terminal.size();
    to_viewer.send(&TerminalFrame::Size { cols, rows }.encode()).await?;
    to_viewer.send(&terminal.beginning().encode()).await?;
    loop {
        let end = *grown.borrow_and_update();
        let in_flight = cursor.saturating_sub(*acknowledged.borrow_and_update());
        // checked again with the next acknowledgement
        let is_typed_elsewhere = terminal.is_typed_elsewhere();
        let window = if is_typed_elsewhere { LEAST_WINDOW_BYTES } else { window };
        let mut wait = None;
        if end > cursor && in_flight < window {
            wait = schedule.wait_until(Instant::now(), end - cursor, is_typed_elsewhere);
            if wait.is_none() {
                let (offset, bytes) = terminal.read(cursor, FlushSchedule::max_piece(is_typed_elsewhere));
                schedule.record(Instant::now(), bytes.len() as u64);
                cursor = offset + bytes.len() as u64;
                sent.store(cursor, Ordering::Relaxed);
                to_viewer.send(&TerminalFrame::Output { offset, bytes }.encode()).await?;
                terminal.advance(presence.viewer, cursor);
                continue;
            }
        }
        tokio::select! {
            // both senders live as long as this viewer
            _ = grown.changed() => {}
            _ = acknowledged.changed() => {}
            () = until(wait) => {}
            event = events.recv() => match event {
                Ok(frame) => to_viewer.send(&frame.encode()).await?,
                Err(RecvError::Lagged(_)) => {
                    let (cols, rows) = terminal.size();
                    to_viewer.send(&TerminalFrame::Size { cols, rows }.encode()).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
