//! `cargo xtask bench`, `cargo xtask test chaos` and `cargo xtask test hostile`: Lectern measured, disturbed and attacked from outside, by the program
//! `lectern-trials`.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::external::External;
use crate::interrupt::Interrupted;
use crate::packages::Needs;
use crate::plan::{self, Part};
use crate::platform::{Extent, Platform};
use crate::programs;
use crate::steps::{Steps, Told};

const AGAIN: &str = "read the lines above and the log; what the trial says of the server stands there";

/// Which trial, and what it is told.
pub struct Trial<'a> {
    /// The words for the program, its command first.
    pub arguments: Vec<&'a str>,
    /// The folder for the logs, and the title of the step.
    pub name: &'static str,
    /// The step in which it happens.
    pub title: &'static str,
    /// Whether it kills what it stands on, which must then be its own.
    pub destroys: bool,
}

/// Builds, starts database and cluster where there are none, and runs the trial; whether it was content.
pub fn run(context: &Context, trial: &Trial) -> Result<bool> {
    let external = External::find()?;
    if trial.destroys && (external.postgres || external.kubernetes) {
        bail!(
            "this harms the Postgres and the cluster that it is given: it needs its own; unset DATABASE_URL and KUBECONFIG"
        );
    }
    let parts = plan::parts_for(&[Part::Images, Part::Server], &external);
    let needs = Needs { postgres: true, kubernetes: true, browser: false };
    let starts = !Extent::Parts.is_there(&external);
    let total = parts.len() + 2 + 2 * usize::from(starts);
    let mut steps = Steps::new(total, context.cache.new_log_folder(trial.name)?);
    plan::make(context, &mut steps, &parts, needs, &external)?;
    let advice = "correct the source that the lines above name, then give the same command again";
    let program = steps.run("Building the trials", advice, |step| programs::build_trials(context, step))?;

    let mut platform = None;
    if starts {
        let advice = "read the lines above: they name the part that did not start, and its log";
        platform = Some(steps.run("Starting Postgres and Kubernetes", advice, |step| {
            Platform::start(context, step, Extent::Parts, &external)
        })?);
    }
    let table = steps.logs().join("table.txt");
    let mut command = context.command(&program.to_string_lossy());
    command.args(&trial.arguments).arg("--table").arg(&table);
    if let Some(platform) = &platform {
        command.envs(platform.environment(context, &external));
        command.env("LECTERN_PARTS_DATA_DIR", platform.data_folder());
    } else if let Some(missing) =
        ["LECTERN_CLUSTER_PROGRAM"].iter().find(|name| std::env::var_os(name).is_none())
    {
        bail!(
            "with a cluster from elsewhere, set {missing} to a program that runs `kubectl` as its first argument"
        );
    }
    command.env("LECTERN_PROGRAM", plan::lectern_program(&context.bundle));
    command.env("LECTERN_LABS_DIR", context.checkout.join("labs"));
    if let Ok(revision) = context.ask("git", &["describe", "--always", "--dirty"]) {
        command.env("LECTERN_REVISION", revision);
    }
    let ended = steps.run(trial.title, AGAIN, |step| step.run(command));
    if let Ok(table) = fs::read_to_string(&table) {
        println!("\n{table}");
    }
    println!("  Whole logs: {}", steps.logs().display());
    if let Err(error) = &ended
        && error.is::<Interrupted>()
    {
        return ended.map(|()| false);
    }
    if let Some(platform) = platform {
        let advice = "remove by hand what the reason names; that it is still there is a fault of Lectern";
        steps.run("Stopping Postgres and Kubernetes", advice, |step| {
            step.announce();
            platform.stop()
        })?;
    }
    match ended {
        Ok(()) => Ok(true),
        Err(error) if error.is::<Told>() => Ok(false),
        Err(error) => Err(error).context("the trial could not be run"),
    }
}
