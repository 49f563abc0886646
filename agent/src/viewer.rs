//! One viewer of a terminal: what it types goes to the shell, what it has not seen yet comes out of the ring.

use std::sync::Arc;

use bytes::Bytes;
use lectern_api::agent::Reply;
use lectern_api::terminal::{MAX_PAYLOAD_BYTES, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use lectern_link::{LinkError, Messages, TerminalInput, TerminalOutput};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

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

/// Serves a viewer until it goes.
pub async fn serve(
    mut messages: Messages,
    terminal: &Arc<Terminal>,
    offset: Option<u64>,
    size: (u16, u16),
    can_type: bool,
) -> Result<(), LinkError> {
    let presence = Presence { terminal, viewer: terminal.enter() };
    let news = terminal.news();
    if can_type {
        terminal.resize(presence.viewer, size);
    }
    let (start, end) = terminal.range();
    let cursor = offset.filter(|offset| (start..=end).contains(offset)).unwrap_or(start);
    messages.send(&Reply::Attached { offset: cursor, end }).await?;
    let (sink, stream) = messages.into_frames();
    let (seen, acked) = watch::channel(cursor);
    tokio::select! {
        done = hear(stream, &presence, can_type, &seen) => done,
        done = show(sink, terminal, cursor, acked, news) => done,
    }
}

async fn hear(
    mut stream: TerminalOutput,
    presence: &Presence<'_>,
    can_type: bool,
    seen: &watch::Sender<u64>,
) -> Result<(), LinkError> {
    while let Some(frame) = stream.next().await? {
        match ViewerFrame::decode(&frame) {
            Ok(ViewerFrame::Input(bytes)) if can_type => presence.terminal.type_in(bytes).await,
            Ok(ViewerFrame::Resize { cols, rows }) if can_type => {
                presence.terminal.resize(presence.viewer, (cols, rows));
            }
            Ok(ViewerFrame::Ack { offset }) => {
                seen.send_if_modified(|seen| offset > *seen && { *seen = offset; true });
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
    terminal: &Terminal,
    mut cursor: u64,
    mut acked: watch::Receiver<u64>,
    mut news: tokio::sync::broadcast::Receiver<TerminalFrame>,
) -> Result<(), LinkError> {
    let mut grown = terminal.follow();
    let (cols, rows) = terminal.size();
    sink.send(Bytes::from(TerminalFrame::Size { cols, rows }.encode())).await?;
    loop {
        let end = *grown.borrow_and_update();
        let under_way = cursor.saturating_sub(*acked.borrow_and_update());
        if end > cursor && under_way < WINDOW_BYTES {
            let (offset, bytes) = terminal.read(cursor, MAX_PAYLOAD_BYTES);
            let after = offset + bytes.len() as u64;
            sink.send(Bytes::from(TerminalFrame::Output { offset, bytes }.encode())).await?;
            cursor = after;
            continue;
        }
        tokio::select! {
            // both senders live as long as this viewer
            _ = grown.changed() => {}
            _ = acked.changed() => {}
            told = news.recv() => match told {
                Ok(frame) => sink.send(Bytes::from(frame.encode())).await?,
                Err(RecvError::Lagged(_)) => {
                    let (cols, rows) = terminal.size();
                    sink.send(Bytes::from(TerminalFrame::Size { cols, rows }.encode())).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
