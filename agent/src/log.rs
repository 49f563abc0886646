//! The agent's log: one JSON object per line on standard error, which the container runtime collects.

/// Starts logging, from level `info` on.
pub fn start() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();
}
