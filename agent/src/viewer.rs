//! One viewer of a terminal: what it types goes to the shell, what it has not seen yet comes out of the ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lectern_api::agent::Reply;
use lectern_api::terminal::{LEAST_WINDOW_BYTES, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use lectern_link::{LinkError, Messages, TerminalInput, TerminalOutput};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::rhythm::Rhythm;
use crate::terminal::Terminal;

/// Leaves the terminal when the viewer goes, however it goes.
struct Presence<'a> {
    terminal: &'a Terminal,
    viewer: u64,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.terminal.leave(self.viewer);
    }
}

/// What a viewer asked for.
pub struct Wish {
    /// The first byte of output that it lacks.
    pub offset: Option<u64>,
    /// Its columns and rows.
    pub size: (u16, u16),
    /// Whether what it types counts.
    pub can_type: bool,
    /// How many bytes may be under way to it without being acknowledged.
    pub window_bytes: u32,
}

/// Serves a viewer until it goes.
pub async fn serve(mut messages: Messages, terminal: &Arc<Terminal>, wish: Wish) -> Result<(), LinkError> {
    let news = terminal.news();
    let (start, end) = terminal.range();
    let cursor = wish.offset.filter(|offset| (start..=end).contains(offset)).unwrap_or(start);
    let viewer = terminal.enter(cursor, wish.can_type.then_some(wish.size));
    let presence = Presence { terminal, viewer };
    messages.send(&Reply::Attached { offset: cursor, end }).await?;
    let (sink, stream) = messages.into_frames();
    let (seen, acked) = watch::channel(cursor);
    let sent = AtomicU64::new(cursor);
    let window = u64::from(wish.window_bytes).clamp(LEAST_WINDOW_BYTES, WINDOW_BYTES);
    tokio::select! {
        done = hear(stream, &presence, wish.can_type, &sent, &seen) => done,
        done = show(sink, &presence, &sent, window, acked, news) => done,
    }
}

async fn hear(
    mut stream: TerminalOutput,
    presence: &Presence<'_>,
    can_type: bool,
    sent: &AtomicU64,
    seen: &watch::Sender<u64>,
) -> Result<(), LinkError> {
    while let Some(frame) = stream.next().await? {
        match ViewerFrame::decode(&frame) {
            Ok(ViewerFrame::Input(bytes)) if can_type => presence.terminal.type_in(bytes).await,
            Ok(ViewerFrame::Resize { cols, rows }) if can_type => {
                presence.terminal.resize(presence.viewer, (cols, rows));
            }
            // one of what was never sent is from an earlier run of the terminal, or made up
            Ok(ViewerFrame::Ack { offset }) if offset <= sent.load(Ordering::Relaxed) => {
                seen.send_if_modified(|seen| {
                    offset > *seen && {
                        *seen = offset;
                        true
                    }
                });
            }
            // who only watches neither types nor makes the terminal smaller
            Ok(_) => {}
            Err(error) => return Err(LinkError::Refused(error.to_string())),
        }
    }
    Ok(())
}

async fn show(
    mut sink: TerminalInput,
    presence: &Presence<'_>,
    sent: &AtomicU64,
    window: u64,
    mut acked: watch::Receiver<u64>,
    mut news: tokio::sync::broadcast::Receiver<TerminalFrame>,
) -> Result<(), LinkError> {
    let terminal = presence.terminal;
    let mut cursor = sent.load(Ordering::Relaxed);
    let mut grown = terminal.follow();
    let mut rhythm = Rhythm::new(Instant::now());
    let (cols, rows) = terminal.size();
    sink.send(&TerminalFrame::Size { cols, rows }.encode()).await?;
    sink.send(&terminal.beginning().encode()).await?;
    loop {
        let end = *grown.borrow_and_update();
        let under_way = cursor.saturating_sub(*acked.borrow_and_update());
        // what waits for an acknowledgement looks at this again when it comes
        let is_typed_elsewhere = terminal.is_typed_elsewhere();
        let window = if is_typed_elsewhere { LEAST_WINDOW_BYTES } else { window };
        let mut wait = None;
        if end > cursor && under_way < window {
            wait = rhythm.wait_until(Instant::now(), end - cursor, is_typed_elsewhere);
            if wait.is_none() {
                let (offset, bytes) = terminal.read(cursor, Rhythm::piece(is_typed_elsewhere));
                rhythm.note(Instant::now(), bytes.len() as u64);
                cursor = offset + bytes.len() as u64;
                sent.store(cursor, Ordering::Relaxed);
                sink.send(&TerminalFrame::Output { offset, bytes }.encode()).await?;
                terminal.advance(presence.viewer, cursor);
                continue;
            }
        }
        tokio::select! {
            // both senders live as long as this viewer
            _ = grown.changed() => {}
            _ = acked.changed() => {}
            () = until(wait) => {}
            told = news.recv() => match told {
                Ok(frame) => sink.send(&frame.encode()).await?,
                Err(RecvError::Lagged(_)) => {
                    let (cols, rows) = terminal.size();
                    sink.send(&TerminalFrame::Size { cols, rows }.encode()).await?;
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
