//! `cargo xtask blocks DIR`: starts each lab of a folder and clicks every block in a browser.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use lectern_testbed::{Extent, External, Programs};

use crate::context::Context;
use crate::packages::Needs;
use crate::parts::{self, Part};
use crate::state::State;
use crate::steps::Steps;
use crate::suites::{NOT_STARTED, NOT_STOPPED, NPM, playwright, start_platform};
use crate::wasm;

const READ_LOG: &str = "read the lines above, and the log for what the browser said";

/// Walks the labs and prints what became of their blocks. Returns whether the walk came to its end; blocks that fail are its
/// result.
pub fn run(context: &Context, folder: &str) -> Result<bool> {
    let labs: PathBuf =
        Path::new(folder).canonicalize().with_context(|| format!("cannot read the folder {folder}"))?;
    ensure!(labs.is_dir(), "{} is not a folder; name one that contains labs", labs.display());
    let external = &External::find()?;
    let programs = &Programs { labs, ..parts::bundled(context) };
    let mut steps = Steps::new(context, "blocks")?;
    let report = steps.logs().join("blocks.txt");
    let written = report.clone();
    let needs = Needs { postgres: true, kubernetes: true, browser: true };
    parts::add(&mut steps, context, &[Part::Images, Part::Server], needs, external);
    steps.build("Installing the browser's tests", NPM, move |_, step| {
        wasm::install_npm_packages(context, step, &context.checkout.join("e2e"))
    });
    steps.start("Starting Lectern", NOT_STARTED, move |state, step| {
        state.platform = Some(start_platform(context, step, Extent::Everything, programs, external)?);
        Ok(())
    });
    steps.check("Clicking every block", READ_LOG, move |state, step| {
        let mut walk = playwright(context);
        walk.envs(state.environment()).env("LECTERN_WALK_REPORT", &written);
        let outcome = step.run(walk);
        if let Ok(lines) = fs::read_to_string(&written) {
            step.print_afterwards(format!("\n{}", lines.trim_end()));
        }
        outcome
    });
    steps.check("Stopping Lectern", NOT_STOPPED, |state, step| {
        step.announce();
        state.stop_platform()
    });
    let mut state = State::default();
    steps.run(&mut state)?;
    if let Some(last) = fs::read_to_string(&report).ok().as_deref().and_then(|lines| lines.lines().last()) {
        println!("{last}");
    }
    Ok(state.tally.failed == 0)
}
