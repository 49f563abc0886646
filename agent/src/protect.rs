//! Protects the agent's processes from others that run as the same user: the learner's in the workbench, and those
//! that a check starts in the checks container.

use std::io;

/// Closes this process' memory, environment and descriptors to processes of the same user: they can neither trace it
/// nor read its files below `/proc`. Programs that it executes are open again.
pub fn hide() -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
