//! Files of the workbench: single ones, folders, archives, and changes. What the learner's editor asks for is in [`learner`].

pub mod access;
pub mod archives;
pub mod changes;
pub mod learner;
mod manage;
pub mod paths;
mod refusal;
mod search;

use std::io;
use std::path::Path;

use lectern_api::agent::Reply;

/// The prefix of the names of files that are still being written.
pub const UNFINISHED: &str = ".lectern-unfinished-";

/// Runs work that waits for the disk, on a thread for that.
pub async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Adds the path to an error's message.
pub fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Returns the reply that reports an error.
pub fn failed(error: &io::Error) -> Reply {
    Reply::Failed { message: error.to_string() }
}
