//! The commands, one file each.

pub mod audit;
pub mod catalog;
pub mod dev;
pub mod files;
pub mod lint;
pub mod reference;
pub mod serve;
pub mod status;
pub mod up;
pub mod user;

/// Writes an error and its causes in one line, leaving out causes that the text already contains.
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let next = cause.to_string();
        if text.is_empty() {
            text = next;
        } else if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
    }
    text
}

/// Resolves on Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot handle SIGTERM; only Ctrl-C stops this program cleanly");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
