//! `cargo xtask bench`, `cargo xtask test chaos` and `cargo xtask test hostile`: Lectern measured, disturbed and attacked
//! from outside, by the program `lectern-trials`.

use std::fs;

use anyhow::{Result, bail};
use lectern_testbed::{Extent, External};

use crate::context::{Context, variable};
use crate::packages::Needs;
use crate::parts::{self, Part, SOURCE};
use crate::programs;
use crate::state::{State, earlier};
use crate::steps::Steps;
use crate::suites::{NOT_STARTED, NOT_STOPPED, start_platform};
use crate::tally::Tally;

const READ_LOG: &str = "read the lines above and the log, where the trial says what it found";

/// A trial that the program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    Bench,
    Chaos,
    Hostile,
}

impl Trial {
    fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Chaos => "chaos",
            Self::Hostile => "hostile",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Bench => "Measuring",
            Self::Chaos => "Causing chaos",
            Self::Hostile => "Attacking",
        }
    }

    /// Returns the option that keeps its results, and where they are kept by default.
    fn report(self) -> [&'static str; 2] {
        match self {
            Self::Bench => ["--keep", "docs/bench"],
            _ => ["--report", "docs/RELIABILITY.md"],
        }
    }
}

/// Builds what is missing, starts the database and cluster that are missing, and runs the trial with these options.
/// Returns whether it was satisfied.
pub fn run(context: &Context, trial: Trial, options: &[String]) -> Result<bool> {
    let external = &External::find()?;
    let is_external = Extent::Parts.is_external(external);
    // both harm what they are given
    if trial != Trial::Bench && (external.postgres || external.kubernetes) {
        bail!(
            "this trial harms the Postgres and the cluster that it uses, so it needs its own: unset DATABASE_URL and KUBECONFIG"
        );
    }
    if external.kubernetes && variable("LECTERN_CLUSTER_PROGRAM").is_none() {
        bail!(
            "with a cluster from elsewhere, set LECTERN_CLUSTER_PROGRAM to a program that runs `kubectl` as its first argument"
        );
    }
    let programs = &parts::bundled(context);
    let mut steps = Steps::new(context, trial.name())?;
    let logs = steps.logs().to_owned();
    let needs = Needs { postgres: true, kubernetes: true, browser: false };
    parts::add(&mut steps, context, &[Part::Images, Part::Server], needs, external);
    steps.build("Building the trials", SOURCE, move |state, step| {
        state.trials = Some(programs::build_trials(context, step)?);
        Ok(())
    });
    if !is_external {
        steps.start("Starting Postgres and Kubernetes", NOT_STARTED, move |state, step| {
            state.platform = Some(start_platform(context, step, Extent::Parts, programs, external)?);
            Ok(())
        });
    }
    steps.check(trial.title(), READ_LOG, move |state, step| {
        let table = logs.join("table.txt");
        let mut command = context.program(earlier(&state.trials)?);
        command.arg(trial.name()).args(options);
        if !is_given(options, trial.report()[0]) {
            command.args(trial.report());
        }
        command.arg("--table").arg(&table).envs(state.environment());
        if let Some(platform) = &state.platform {
            command.env("LECTERN_PARTS_DATA_DIR", platform.data_folder());
        }
        command.env("LECTERN_PROGRAM", &programs.lectern).env("LECTERN_LABS_DIR", &programs.labs);
        if let Ok(revision) = context.ask("git describe --always --dirty") {
            command.env("LECTERN_REVISION", revision);
        }
        let outcome = step.run(command);
        if let Ok(table) = fs::read_to_string(&table) {
            step.print_afterwards(format!("\n{table}"));
        }
        step.print_afterwards(format!("  Whole logs: {}", logs.display()));
        outcome
    });
    if !is_external {
        steps.check("Stopping Postgres and Kubernetes", NOT_STOPPED, |state, step| {
            step.announce();
            state.stop_platform()
        });
    }
    let mut state = State::default();
    steps.run(&mut state)?;
    let satisfied = state.tally.failed == 0;
    if trial != Trial::Bench {
        let tally = Tally { passed: u32::from(satisfied), ..state.tally };
        println!("{}", tally.line());
    }
    Ok(satisfied)
}

/// Whether options that are passed on contain this one.
pub fn is_given(options: &[String], option: &str) -> bool {
    options
        .iter()
        .any(|given| given == option || given.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_given_with_a_space_or_an_equals_sign() {
        let given = ["--labs-dir=/labs".to_owned(), "--listen".to_owned()];
        assert!(is_given(&given, "--labs-dir") && is_given(&given, "--listen"));
        assert!(!is_given(&given, "--images-dir") && !is_given(&given, "--labs"));
    }
}
