//! The multiplexed connection between the server and an agent: yamux, with a JSON request and its reply at the
//! beginning of each stream, and then whatever the request is about.
//!
//! The server holds a [`Link`]; the agent accepts [`Incoming`] streams. Both work over any byte stream: the exec
//! connection to a pod, a Unix socket, a pipe. No queue is unbounded: each stream has yamux's flow control, and each
//! connection has a limit for all of its streams together.
//!
//! [`lectern_api::agent`] describes the messages, [`lectern_api::terminal`] the frames of terminals.

#![warn(missing_docs)]

mod client;
mod files;
mod frames;
mod gather;
mod learner_files;
mod messages;
mod mux;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lectern_api::agent::{FileRefusal, ProtocolRange};

pub use client::{AttachedTerminal, Link};
pub use files::{Download, Watch};
pub use learner_files::FileContent;
pub use messages::{FrameSink, FrameStream, Messages};
pub use mux::{Incoming, MuxStream};

/// The interval of keep-alive requests, well below the half minute after which proxies cut idle connections.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The time limit for the answer to a keep-alive request.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The time limit for one step of a request: an answer, or one piece of content in either direction. A workbench
/// belongs to its learner and must not be able to hold a task of the server forever.
pub(crate) const STEP_WITHIN: Duration =
    if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(60) };

/// Runs one step with a time limit.
pub(crate) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    tokio::time::timeout(limit, step).await.unwrap_or(Err(LinkError::NoAnswer(limit)))
}

/// Why a link or one of its streams failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The connection has ended.
    #[error("the link to the workbench is closed")]
    Closed,
    /// The multiplexer failed.
    #[error("the link to the workbench broke")]
    Broken(#[source] yamux::ConnectionError),
    /// Reading or writing failed.
    #[error("reading from or writing to the workbench failed")]
    Io(#[from] std::io::Error),
    /// The other side sent something that is not a message of this protocol.
    #[error("the workbench sent something that is not a message of this protocol")]
    BadMessage(#[source] serde_json::Error),
    /// The agent and this server speak no common version of the protocol.
    #[error(
        "the workbench's agent speaks protocol {agent} and this server {server}; use the workbench image of this release"
    )]
    OtherProtocol {
        /// The versions that the agent speaks.
        agent: ProtocolRange,
        /// The versions that this server speaks.
        server: ProtocolRange,
    },
    /// The agent refused the request, for this reason.
    #[error("the workbench refused: {0}")]
    Refused(String),
    /// The agent could not do this with a file of the learner's.
    #[error("{message}")]
    File {
        /// Why, for programs.
        reason: FileRefusal,
        /// What failed and why, in a sentence for the learner.
        message: String,
    },
    /// The agent is of a release that does not know the request.
    #[error("the workbench is of an earlier release, which cannot do this; end the lab and start it again")]
    TooOld,
    /// The agent's answer does not belong to the request.
    #[error("the workbench gave an answer that does not fit the request")]
    Unexpected,
    /// The link has as many streams as it may have.
    #[error("the workbench is asked for too much at once; close some of its terminals or previews")]
    TooManyStreams,
    /// The agent did not answer within this time.
    #[error("the workbench did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
}
