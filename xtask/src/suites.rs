//! The test suites: which there are, what each one needs, and how it is run.

use std::process::Command;

use anyhow::Result;
use cargo_metadata::{MetadataCommand, TargetKind};
use clap::ValueEnum;
use lectern_testbed::{Extent, External, Platform, Programs};

use crate::context::Context;
use crate::interrupt;
use crate::lint;
use crate::packages::Needs;
use crate::parts::{self, Part, SOURCE};
use crate::state::State;
use crate::step::{Printed, Step, last_lines};
use crate::steps::Steps;
use crate::tally::{self, Runner};
use crate::wasm;

pub const NOT_STARTED: &str = "read the lines above: they name the part that did not start, and its log";
pub const NOT_STOPPED: &str =
    "remove by hand what the reason names; that it is still there is a fault of Lectern";
pub const NPM: &str = "check that this machine reaches npm's registry, then give the same command again";
const READ_LOG: &str = "read the log; `cargo xtask test` takes the names of suites, to run only those";
const SHOWN_LINES: usize = 200;
/// The test program that needs a cluster.
const CLUSTER_TESTS: &str = "cluster";
/// The test program that starts and kills a cluster of its own, beside which nothing else should run.
const MACHINE_TESTS: &str = "machine";

/// A group of tests, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Suite {
    /// Formatting and static checks.
    Lint,
    /// Rust's tests with a database and an API server, and the unit tests of the TypeScript.
    Rust,
    /// The tests on a real cluster, and the cluster program's own.
    Cluster,
    /// Journeys in a browser.
    Browser,
}

impl Suite {
    /// Returns what must run beside it, or `None` if it needs nothing.
    fn extent(self) -> Option<Extent> {
        match self {
            Self::Lint => None,
            // the API's tests write into a real API server
            Self::Rust | Self::Cluster => Some(Extent::Parts),
            Self::Browser => Some(Extent::Everything),
        }
    }

    /// Returns the targets for `cargo test`, which would otherwise build the examples too.
    fn targets(self, integration: &[String]) -> String {
        let needs_cluster = |name: &String| name == CLUSTER_TESTS || name == MACHINE_TESTS;
        let tests = integration
            .iter()
            .filter(|name| {
                matches!(self, Self::Rust | Self::Cluster) && needs_cluster(name) == (self == Self::Cluster)
            })
            .map(|name| format!(" --test {name}"));
        let units = if self == Self::Rust { " --lib --bins" } else { "" };
        tests.fold(units.to_owned(), |targets, test| targets + &test)
    }
}

/// Runs the suites, or all of them if none is named. Prints the closing line, and returns whether no test failed.
pub fn test(context: &Context, mut suites: Vec<Suite>) -> Result<bool> {
    if suites.is_empty() {
        suites = Suite::value_variants().to_vec();
    }
    suites.sort();
    suites.dedup();
    let external = External::find()?;
    let programs = parts::bundled(context);
    let mut steps = Steps::new(context, "test")?;
    plan(&mut steps, context, &suites, &external, &programs)?;
    let mut state = State::default();
    // a step that failed is in the tally, and the last line must be printed
    if let Err(error) = steps.run(&mut state)
        && !error.is::<Printed>()
    {
        return Err(error);
    }
    if state.tally.skipped > 0 {
        println!("{} left out", state.tally.skipped);
    }
    println!("{}", state.tally.line());
    Ok(state.tally.failed == 0)
}

fn plan<'a>(
    steps: &mut Steps<'a>,
    context: &'a Context,
    suites: &[Suite],
    external: &'a External,
    programs: &'a Programs,
) -> Result<()> {
    let has = |suite| suites.contains(&suite);
    let extent = suites.iter().filter_map(|suite| suite.extent()).max();
    if extent.is_some() {
        let needs = Needs { postgres: true, kubernetes: true, browser: has(Suite::Browser) };
        parts::add(steps, context, &[Part::Images, Part::Server], needs, external);
    }
    if has(Suite::Lint) {
        lint::add(steps, context);
    }
    if has(Suite::Rust) || has(Suite::Cluster) {
        let integration = integration_tests(context)?;
        let targets: String = suites.iter().map(|suite| suite.targets(&integration)).collect();
        // before anything is started that would take the processors from the compiler
        steps.build("Compiling Rust's tests", SOURCE, move |_, step| {
            step.run(cargo_test(context, &format!("--no-run {targets}")))
        });
    }
    if has(Suite::Rust) {
        steps.build("Installing the web app's packages", NPM, move |_, step| {
            wasm::install_npm_packages(context, step, &context.checkout.join("web"))
        });
    }
    if has(Suite::Browser) {
        steps.build("Installing the browser's tests", NPM, move |_, step| {
            wasm::install_npm_packages(context, step, &context.checkout.join("e2e"))
        });
    }
    if has(Suite::Cluster) && !external.kubernetes {
        // it wants the machine for itself
        let mut machine = cargo_test(context, &format!("--test {MACHINE_TESTS}"));
        machine.env("LECTERN_CLUSTER_PROGRAM", &programs.cluster);
        add_run(steps, "Running the tests of the supervisor", Runner::Cargo, machine);
    }
    let started = extent.filter(|extent| !extent.is_external(external));
    if let Some(extent) = started {
        steps.start("Starting Lectern", NOT_STARTED, move |state, step| {
            state.platform = Some(start_platform(context, step, extent, programs, external)?);
            Ok(())
        });
    }
    add_runs(steps, context, suites)?;
    if started.is_some() {
        steps.check("Stopping Lectern", NOT_STOPPED, |state, step| {
            step.announce();
            state.stop_platform()
        });
    }
    Ok(())
}

/// Adds the runs that happen beside a Lectern.
fn add_runs<'a>(steps: &mut Steps<'a>, context: &'a Context, suites: &[Suite]) -> Result<()> {
    if suites.contains(&Suite::Rust) {
        let tests = cargo_test(context, &Suite::Rust.targets(&integration_tests(context)?));
        add_run(steps, "Running Rust's tests", Runner::Cargo, tests);
        let mut node = context.command("node test.mjs");
        node.current_dir(context.checkout.join("web"));
        add_run(steps, "Running the TypeScript's tests", Runner::Node, node);
    }
    if suites.contains(&Suite::Cluster) {
        let tests = cargo_test(context, &format!("--test {CLUSTER_TESTS}"));
        add_run(steps, "Running the tests on the cluster", Runner::Cargo, tests);
        let mut go = context.command("go test -v ./...");
        go_like_build(&mut go, context);
        add_run(steps, "Running the cluster program's tests", Runner::Go, go);
    }
    if suites.contains(&Suite::Browser) {
        add_run(steps, "Running the journeys in the browser", Runner::Playwright, playwright(context));
    }
    Ok(())
}

/// Returns the call of the browser's tests.
pub fn playwright(context: &Context) -> Command {
    let e2e = context.checkout.join("e2e");
    let mut playwright = context.program(&e2e.join("node_modules/.bin/playwright"));
    playwright.args(["test", "--reporter=list"]).env("NO_COLOR", "1").current_dir(e2e);
    // otherwise it keeps what it compiled in the machine's temporary folder, for ever
    playwright.env("PWTEST_CACHE_DIR", context.cache.root().join("playwright"));
    playwright
}

/// Adds one call of a test runner.
fn add_run<'a>(steps: &mut Steps<'a>, title: &'a str, runner: Runner, mut command: Command) {
    let logs = steps.logs().display().to_string();
    steps.check(title, READ_LOG, move |state, step| {
        command.envs(state.environment());
        let status = step.run_to_status(command, None)?;
        let output = step.log_text();
        let found = tally::count(runner, &output).checked(status.success());
        state.tally += found;
        step.conclude(&found.line());
        if found.failed > 0 {
            print_failures(step, runner, &output);
            step.print_afterwards(format!("  Whole logs: {logs}"));
        }
        for line in tally::closing_lines(runner, &output) {
            step.print_afterwards(format!("      {line}"));
        }
        Ok(())
    });
}

fn print_failures(step: &Step, runner: Runner, output: &str) {
    let mut lines = tally::failures(runner, output);
    if lines.is_empty() {
        lines = last_lines(output, 40);
    }
    for line in lines.iter().take(SHOWN_LINES) {
        step.print_afterwards(format!("    | {line}"));
    }
    if lines.len() > SHOWN_LINES {
        step.print_afterwards(format!("    | … and {} more lines", lines.len() - SHOWN_LINES));
    }
}

/// Starts a Lectern for tests, with its output in the step's log.
pub fn start_platform(
    context: &Context,
    step: &Step,
    extent: Extent,
    programs: &Programs,
    external: &External,
) -> Result<Platform> {
    step.announce();
    Platform::start(context.command("setpriv"), extent, programs, external, step.log(), &mut || {
        interrupt::check()?;
        if let Some(line) = last_lines(&step.log_text(), 1).first() {
            step.say(line);
        }
        Ok(())
    })
}

/// Every call builds for the whole workspace: for fewer crates cargo would choose fewer features of their dependencies,
/// and compile those once more.
fn cargo_test(context: &Context, targets: &str) -> Command {
    context.cargo(&format!("test --workspace --no-fail-fast {targets}"))
}

/// Sets what `cluster/build.sh` sets: with other settings Go would compile all of Kubernetes once more.
pub fn go_like_build(go: &mut Command, context: &Context) {
    go.current_dir(context.checkout.join("cluster"))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath -buildvcs=false");
}

/// Returns the names of the workspace's integration tests.
fn integration_tests(context: &Context) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().current_dir(&context.checkout).no_deps().exec()?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let mut names: Vec<String> =
        targets.filter(|target| target.kind.contains(&TargetKind::Test)).map(|target| target.name).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integration_tests_are_found_and_belong_to_one_suite_each() {
        let integration = integration_tests(&Context::load().unwrap()).unwrap();
        assert!(integration.iter().any(|name| name == "api"), "{integration:?}");
        assert_eq!(integration.iter().filter(|name| *name == CLUSTER_TESTS).count(), 1);
        assert!(integration.iter().any(|name| name == MACHINE_TESTS));

        let integration = ["api", CLUSTER_TESTS, MACHINE_TESTS].map(str::to_owned);
        assert_eq!(Suite::Rust.targets(&integration), " --lib --bins --test api");
        assert_eq!(Suite::Cluster.targets(&integration), " --test cluster --test machine");
        assert!(
            Suite::Browser.targets(&integration).is_empty() && Suite::Lint.targets(&integration).is_empty()
        );
    }

    #[test]
    fn a_run_needs_as_much_as_its_most_demanding_suite() {
        let most = |suites: &[Suite]| suites.iter().filter_map(|suite| suite.extent()).max();
        assert_eq!(most(&[Suite::Lint]), None);
        assert_eq!(most(&[Suite::Rust, Suite::Cluster]), Some(Extent::Parts));
        assert_eq!(most(Suite::value_variants()), Some(Extent::Everything));
    }
}
