//! What keeps the agent's own processes from whoever else runs as its user: the learner in the workbench, and what
//! a check runs in the container of checks.

use std::io;

/// Shuts this process' memory, environment and descriptors to processes of the same user: they can neither trace
/// it nor read its files below `/proc`. What it starts is open again.
pub fn hide() -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
