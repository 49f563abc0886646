//! `cargo xtask lint`: formatting and static checks of all languages. `cargo xtask audit`: licences and advisories.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::context::Context;
use crate::queries;
use crate::state::State;
use crate::step::Step;
use crate::steps::Steps;
use crate::suites::go_like_build;
use crate::tools;

/// Runs every check, also after one has failed. Returns whether all passed.
pub fn run(context: &Context) -> Result<bool> {
    let mut steps = Steps::new(context, "lint")?;
    add(&mut steps, context);
    let mut state = State::default();
    steps.run(&mut state)?;
    Ok(state.tally.failed == 0)
}

/// Adds a step for each check.
pub fn add<'a>(steps: &mut Steps<'a>, context: &'a Context) {
    let format = context.command("cargo fmt --all --check");
    add_check(steps, "Checking Rust's format", "cargo fmt --all", |step| step.run(format));

    let gofmt = context.command("gofmt -l cluster");
    add_check(steps, "Checking Go's format", "gofmt -w cluster", |step| run_silent(step, gofmt));

    // The web app is checked for the host, since not every machine has the browser's target. One call for the whole
    // workspace chooses the same features of dependencies as its tests do, so that macros and build scripts are shared.
    let clippy = context.cargo("clippy --workspace --all-targets -- --deny warnings");
    let advice = "fix what clippy names; if clippy is wrong, silence it with #[expect(…, reason = \"…\")]";
    add_check(steps, "Checking Rust with clippy", advice, |step| step.run(clippy));

    let mut vet = context.command("go vet ./...");
    go_like_build(&mut vet, context);
    add_check(steps, "Checking Go with vet", "fix what go vet names", |step| step.run(vet));

    let advice = "give the command cargo xtask sqlx, and commit what it wrote";
    add_check(steps, "Checking the descriptions of queries", advice, |step| queries::check(context, step));

    let advice = "remove the dependencies that the lines above name from the Cargo.toml files there";
    add_check(steps, "Checking for unused dependencies", advice, move |step| {
        let machete = tools::install(context, step, tools::MACHETE)?;
        step.run(context.program(&machete))
    });
}

fn add_check<'a>(
    steps: &mut Steps<'a>,
    title: &'a str,
    advice: &'a str,
    check: impl FnOnce(&Step) -> Result<()> + 'a,
) {
    steps.check(title, advice, |state, step| {
        check(step)?;
        state.tally.passed += 1;
        Ok(())
    });
}

/// Runs a program that prints nothing but its findings.
fn run_silent(step: &Step, command: Command) -> Result<()> {
    step.run(command)?;
    // the first line is the command
    let findings = step.log_text().lines().skip(1).count();
    ensure!(findings == 0, "{findings} files differ");
    Ok(())
}

/// Checks licences, bans, sources and advisories of all dependencies, by the rules in `deny.toml`. It is not part of lint
/// because cargo-deny takes minutes to build, and because a new advisory is no fault of the change under test.
pub fn audit(context: &Context) -> Result<bool> {
    let mut steps = Steps::new(context, "audit")?;
    let advice = "choose another crate, or allow it in deny.toml with a reason";
    add_check(&mut steps, "Checking licences and advisories", advice, move |step| {
        let mut deny = context.program(&tools::install(context, step, tools::DENY)?);
        deny.arg("check");
        step.run(deny)
    });
    let mut state = State::default();
    steps.run(&mut state)?;
    Ok(state.tally.failed == 0)
}
