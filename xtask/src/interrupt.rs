//! Ctrl-C, SIGTERM and a closed terminal: recorded here, acted on by whoever runs a child.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static PENDING: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The error of work that a signal has stopped.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Begins to record signals. A second one ends xtask at once.
pub fn watch() -> Result<()> {
    let pending = PENDING.get_or_init(Default::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // in this order: the first signal finds the flag down, sets it, and only the second one exits
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(pending))?;
        signal_hook::flag::register(signal, Arc::clone(pending))?;
    }
    Ok(())
}

/// Fails once a signal has arrived.
pub fn check() -> Result<(), Interrupted> {
    match PENDING.get() {
        Some(pending) if pending.load(Ordering::Relaxed) => Err(Interrupted),
        _ => Ok(()),
    }
}
