//! Tools for lint and audit that come from crates.io: built once, and kept in the cache.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::step::Step;

/// A crate with a program of the same name.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

/// Finds dependencies that nothing uses.
pub const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };
/// Checks licences, bans, sources and advisories of dependencies.
pub const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Returns the tool's program, and builds it first if it is not in the cache. Call it without the cache's lock.
pub fn install(context: &Context, step: &Step, tool: Tool) -> Result<PathBuf> {
    let Tool { name, version } = tool;
    let _lock = context.cache.lock()?;
    let key = Fingerprint::new(name).text(version).text(&context.ask("rustc -vV")?).finish();
    let made = context.cache.find_or_make("tools", &key, |folder| {
        let work = folder.join("work");
        // without optimisation: it runs for a moment, and what counts is how long it takes to build
        let mut cargo =
            context.command(&format!("cargo install {name} --version ={version} --locked --debug --root"));
        cargo.arg(folder).env("CARGO_TERM_COLOR", "never").env("CARGO_TARGET_DIR", &work);
        step.run(cargo)?;
        Ok(fs::remove_dir_all(work)?)
    })?;
    Ok(made.join("bin").join(name))
}
