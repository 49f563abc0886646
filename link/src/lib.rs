//! The one multiplexed stream between server and agent: yamux, one JSON request and reply at the head of each of
//! its streams, and then whatever the request is about.
//!
//! The server holds a [`Link`]; the agent takes [`Incoming`] streams. Both run over any stream of bytes: the
//! exec of a pod, a Unix socket, a pipe. Nothing in here queues without limit: each stream has yamux's own flow
//! control, and a connection a limit for all of them together.

mod client;
mod files;
mod frames;
mod gather;
mod messages;
mod mux;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use client::{AttachWish, AttachedTerminal, Link, TerminalInput, TerminalOutput};
pub use files::{Download, Watch};
pub use messages::Messages;
pub use mux::{Incoming, MuxStream};

/// How often a silent link is tried, well below the half minute after which proxies cut idle connections.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long the other side may take to answer that.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long the other side may take for one step of a request: to answer, to take a piece or to give one. A
/// workbench is its learner's, and may hold no task of the server's for ever.
pub(crate) const STEP_WITHIN: Duration =
    if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(60) };

/// Waits for one step, so long and no longer.
pub(crate) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    tokio::time::timeout(limit, step).await.unwrap_or(Err(LinkError::NoAnswer(limit)))
}

/// Why a link or one of its streams failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The connection is over.
    #[error("the link to the workbench is closed")]
    Closed,
    /// The multiplexer gave up.
    #[error("the link to the workbench broke")]
    Broken(#[source] yamux::ConnectionError),
    /// Reading or writing failed.
    #[error("reading from or writing to the workbench failed")]
    Io(#[from] std::io::Error),
    /// What came is no message of this protocol.
    #[error("the workbench sent something that is no message of this protocol")]
    BadMessage(#[source] serde_json::Error),
    /// The agent is of another version.
    #[error(
        "the workbench's agent speaks protocol {agent}, this server {server}; use the workbench image of this release"
    )]
    OtherProtocol {
        /// The agent's.
        agent: u32,
        /// The server's.
        server: u32,
    },
    /// The agent refused.
    #[error("the workbench refused: {0}")]
    Refused(String),
    /// The agent answered something else than what was asked.
    #[error("the workbench gave an answer that does not fit the question")]
    Unexpected,
    /// There are as many streams as a link may have.
    #[error("the workbench is asked for too much at once; close some of its terminals or previews")]
    TooManyStreams,
    /// No answer in time.
    #[error("the workbench did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
}
