//! `cargo xtask corpus`: what the labs of a collection hold, and how much of it Lectern understands.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;

/// Prints a line for each repository in a folder, and the sum of all as the last line.
pub fn run(context: &Context, dir: &str) -> Result<ExitCode> {
    // the program runs in the checkout, the folder is meant from here
    let dir = Path::new(dir).canonicalize().with_context(|| format!("cannot read the folder {dir}"))?;
    ensure!(dir.is_dir(), "{} is not a folder; name one that holds labs", dir.display());
    // without a bar of progress, which would stand between the lines
    let mut command = context.command("cargo");
    command.args(["run", "--quiet", "--package", "lectern-content", "--example", "corpus", "--"]).arg(&dir);
    let status = command.status().context("could not start cargo: is it installed and on the PATH?")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
