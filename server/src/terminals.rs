//! Terminals as the server sees them: frames between a viewer and a stream to the agent, and how much of that one
//! person may have. Knows neither kube nor actix.
//!
//! Frames are forwarded unchanged. The tag and the length of frames from viewers are checked, so that nothing but frames
//! of this protocol reaches an agent. The two directions are independent: output that a viewer does not take never
//! holds up what it types.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use lectern_api::ids::UserId;
use lectern_api::terminal::{LEAST_WINDOW_BYTES, ViewerFrame, WINDOW_BYTES};

pub use lectern_link::AttachedTerminal as Attached;

/// How many terminals one person may have open on this server, in all their tabs; those of a network that was lost
/// count until it is noticed.
const MOST_PER_USER: usize = 128;
/// How much output may be under way to one person, in bytes. Each terminal has its part of it from the beginning.
const BYTES_PER_USER: u64 = 16 * 1024 * 1024;

/// Why a terminal is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("you have {MOST_PER_USER} terminals open, and no more are possible; close some of your tabs")]
pub struct TooManyTerminals;

/// The terminals that are open on this server, by person. Clones share it.
#[derive(Clone, Default)]
pub struct OpenTerminals {
    by_user: Arc<Mutex<HashMap<UserId, Usage>>>,
}

/// What one person has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    terminals: usize,
    bytes: u64,
}

/// One open terminal; it counts until it is dropped.
pub struct OpenTerminal {
    all: OpenTerminals,
    user: UserId,
    window_bytes: u64,
}

impl OpenTerminals {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Usage>> {
        // every change is whole before anything can panic
        self.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more. The first ones get a large window; who has many gets small ones for the rest.
    ///
    /// # Errors
    /// [`TooManyTerminals`].
    pub fn open(&self, user: UserId) -> Result<OpenTerminal, TooManyTerminals> {
        let mut by_user = self.lock();
        let usage = by_user.entry(user).or_default();
        let window_bytes =
            if usage.bytes + WINDOW_BYTES <= BYTES_PER_USER / 2 { WINDOW_BYTES } else { LEAST_WINDOW_BYTES };
        if usage.terminals >= MOST_PER_USER || usage.bytes + window_bytes > BYTES_PER_USER {
            return Err(TooManyTerminals);
        }
        usage.terminals += 1;
        usage.bytes += window_bytes;
        Ok(OpenTerminal { all: self.clone(), user, window_bytes })
    }
}

impl OpenTerminal {
    /// How many bytes may be under way to this viewer without being acknowledged.
    #[must_use]
    pub fn window_bytes(&self) -> u32 {
        u32::try_from(self.window_bytes).unwrap_or(u32::MAX)
    }
}

impl Drop for OpenTerminal {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.all.lock().entry(self.user) {
            let usage = entry.get_mut();
            usage.terminals -= 1;
            usage.bytes -= self.window_bytes;
            if usage.terminals == 0 {
                entry.remove();
            }
        }
    }
}

/// Why a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEnd {
    /// The viewer is gone.
    ViewerLeft,
    /// The agent, or the way to it, is gone.
    TerminalWent,
    /// The viewer sent something that is no frame.
    BadFrame,
}

/// Passes frames on until one side ends. A frame is taken from either side only when the other has room for it.
pub async fn relay(
    attached: Attached,
    viewer: impl Stream<Item = Bytes>,
    to_viewer: impl Sink<Bytes>,
) -> RelayEnd {
    let (mut from_terminal, mut to_terminal) = attached.split();
    let typing = async {
        futures::pin_mut!(viewer);
        while let Some(frame) = viewer.next().await {
            if ViewerFrame::check(&frame).is_err() {
                return RelayEnd::BadFrame;
            }
            if to_terminal.send(&frame).await.is_err() {
                return RelayEnd::TerminalWent;
            }
        }
        RelayEnd::ViewerLeft
    };
    let showing = async {
        futures::pin_mut!(to_viewer);
        loop {
            match from_terminal.next().await {
                Ok(Some(frame)) => {
                    if to_viewer.send(frame).await.is_err() {
                        return RelayEnd::ViewerLeft;
                    }
                }
                Ok(None) | Err(_) => return RelayEnd::TerminalWent,
            }
        }
    };
    tokio::select! {
        end = typing => end,
        end = showing => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_so_many_terminals_and_another_is_not_concerned() {
        let all = OpenTerminals::default();
        let (ada, eve) = (UserId::new(), UserId::new());
        let mut open: Vec<_> = (0..MOST_PER_USER).map(|_| all.open(ada).unwrap()).collect();
        let under_way: u64 = open.iter().map(|one| one.window_bytes).sum();
        assert!(under_way <= BYTES_PER_USER, "{under_way}");
        assert_eq!(open[0].window_bytes, WINDOW_BYTES);
        assert_eq!(open.last().unwrap().window_bytes, LEAST_WINDOW_BYTES);
        assert_eq!(all.open(ada).err(), Some(TooManyTerminals));
        assert!(all.open(eve).is_ok());
        open.pop();
        assert!(all.open(ada).is_ok());
        drop(open);
        assert!(all.lock().is_empty());
    }
}
