//! Terminals as the server sees them: frames between a viewer and a stream to the agent. Knows neither kube nor
//! actix.
//!
//! Frames are passed on as they come; only what a viewer sends is looked at, so that nothing but frames of this
//! protocol reaches an agent. Both directions run side by side: output that a viewer does not take never holds up
//! what it types.

use bytes::Bytes;
use lectern_api::terminal::ViewerFrame;
use tokio::sync::mpsc;

pub use lectern_link::AttachedTerminal as Attached;

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

/// Passes frames on until one side ends.
pub async fn relay(
    attached: Attached,
    mut viewer: mpsc::Receiver<Bytes>,
    to_viewer: mpsc::Sender<Bytes>,
) -> RelayEnd {
    let (mut output, mut input) = attached.split();
    let typing = async {
        while let Some(frame) = viewer.recv().await {
            if ViewerFrame::decode(&frame).is_err() {
                return RelayEnd::BadFrame;
            }
            if input.send(frame).await.is_err() {
                return RelayEnd::TerminalWent;
            }
        }
        RelayEnd::ViewerLeft
    };
    let showing = async {
        loop {
            match output.next().await {
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
