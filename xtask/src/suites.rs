//! The test suites: which there are, what each one needs, and how it is run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::context::Context;
use crate::external::External;
use crate::interrupt::Interrupted;
use crate::platform::Extent;
use crate::steps::{Step, Steps};
use crate::tally::{self, Runner, Tally};
use crate::wasm;

const TOLD_LINES: usize = 200;
/// The test program that needs a cluster.
const CLUSTER_TESTS: &str = "cluster";
/// The test program that starts and kills a cluster of its own, beside which nothing else should run.
const MACHINE_TESTS: &str = "machine";

/// A group of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Rust's tests with a database and an API server.
    Rust,
    /// The tests on a real cluster, and the cluster program's own.
    Cluster,
    /// Journeys in a browser.
    Browser,
}

/// One call of one runner.
struct Run {
    title: &'static str,
    runner: Runner,
    command: Command,
}

impl Suite {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Cluster, Self::Browser];

    /// The suite of that name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "rust" => Self::Rust,
            "cluster" => Self::Cluster,
            "browser" => Self::Browser,
            _ => bail!("there is no suite {name:?}: choose of rust, cluster, browser"),
        })
    }

    /// What must run beside it.
    pub fn extent(self) -> Extent {
        match self {
            // the API's tests write into a real API server
            Self::Rust | Self::Cluster => Extent::Parts,
            Self::Browser => Extent::Everything,
        }
    }

    /// The targets of `cargo test`, without which it would build the examples too.
    fn targets(self, integration: &[String]) -> Vec<String> {
        let needs_cluster = |name: &String| name == CLUSTER_TESTS || name == MACHINE_TESTS;
        let names = integration.iter().filter(|name| needs_cluster(name) == (self == Self::Cluster));
        let units = if self == Self::Rust { &["--lib", "--bins"] as &[&str] } else { &[] };
        let mut targets: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        match self {
            Self::Browser => {}
            _ => targets.extend(names.flat_map(|name| ["--test".to_owned(), name.clone()])),
        }
        targets
    }

    /// What runs before anything else is started.
    fn runs_alone(self, context: &Context, external: &External) -> Vec<Run> {
        if self != Self::Cluster || external.kubernetes {
            return Vec::new();
        }
        let mut command = cargo_test(context, &["--test".to_owned(), MACHINE_TESTS.to_owned()]);
        command.env("LECTERN_CLUSTER_PROGRAM", context.bundle.join("lectern-cluster"));
        vec![Run { title: "Running the tests of the supervisor", runner: Runner::Cargo, command }]
    }

    /// What runs beside a Lectern.
    fn runs(self, context: &Context) -> Result<Vec<Run>> {
        Ok(match self {
            Self::Rust => {
                let command = cargo_test(context, &self.targets(&integration_tests(context)?));
                vec![Run { title: "Running Rust's tests", runner: Runner::Cargo, command }]
            }
            Self::Cluster => {
                let command = cargo_test(context, &["--test".to_owned(), CLUSTER_TESTS.to_owned()]);
                let mut go = context.command("go");
                go.args(["test", "-v", "./..."]);
                go_like_build(&mut go, context);
                vec![
                    Run { title: "Running the tests on the cluster", runner: Runner::Cargo, command },
                    Run { title: "Running the cluster program's tests", runner: Runner::Go, command: go },
                ]
            }
            Self::Browser => {
                let e2e = context.checkout.join("e2e");
                let mut command =
                    context.command(&e2e.join("node_modules/.bin/playwright").to_string_lossy());
                command.args(["test", "--reporter=list"]).env("NO_COLOR", "1").current_dir(e2e);
                // else it keeps what it compiled in the machine's temporary folder, for ever
                command.env("PWTEST_CACHE_DIR", context.cache.root().join("playwright"));
                vec![Run {
                    title: "Running the journeys in the browser",
                    runner: Runner::Playwright,
                    command,
                }]
            }
        })
    }
}

/// Every call builds for the whole workspace: for fewer crates cargo would choose fewer features of their
/// dependencies, and compile those once more.
fn cargo_test(context: &Context, targets: &[String]) -> Command {
    let mut command = context.cargo("test");
    command.args(["--workspace", "--no-fail-fast"]).args(targets);
    command
}

/// Sets what `cluster/build.sh` sets: with other settings Go would compile all of Kubernetes once more.
pub fn go_like_build(go: &mut Command, context: &Context) {
    go.current_dir(context.checkout.join("cluster"))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath -buildvcs=false");
}

/// The names of the workspace's integration tests.
fn integration_tests(context: &Context) -> Result<Vec<String>> {
    let metadata = context.ask("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata printed no JSON")?;
    Ok(test_targets(&metadata))
}

fn test_targets(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = list(&metadata["packages"])
        .iter()
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).contains(&"test".into()))
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// How many steps a run of these suites takes, from compiling to the last runner.
pub fn count_steps(suites: &[Suite], external: &External) -> usize {
    let has = |suite| usize::from(suites.contains(&suite));
    let compiling = usize::from(suites.iter().any(|suite| *suite != Suite::Browser)) + has(Suite::Browser);
    let alone = has(Suite::Cluster) * usize::from(!external.kubernetes);
    compiling + alone + has(Suite::Rust) + 2 * has(Suite::Cluster) + has(Suite::Browser)
}

/// Compiles the tests, before anything is started that would take the processors from the compiler.
pub fn compile(context: &Context, steps: &mut Steps, suites: &[Suite]) -> Result<()> {
    let _lock = context.cache.lock()?;
    if suites.iter().any(|suite| *suite != Suite::Browser) {
        let advice = "correct the source that the lines above name, then give the same command again";
        let integration = integration_tests(context)?;
        let targets: Vec<String> = suites.iter().flat_map(|suite| suite.targets(&integration)).collect();
        steps.run("Compiling Rust's tests", advice, |step| {
            let mut cargo = cargo_test(context, &targets);
            cargo.arg("--no-run");
            step.run(cargo)
        })?;
    }
    if suites.contains(&Suite::Browser) {
        let advice = "check that this machine reaches npm's registry, then give the same command again";
        let e2e = context.checkout.join("e2e");
        steps.run("Installing the browser's tests", advice, |step| {
            wasm::install_npm_packages(context, step, &e2e)
        })?;
    }
    Ok(())
}

/// Runs what wants the machine for itself.
pub fn run_alone(
    context: &Context,
    steps: &mut Steps,
    suites: &[Suite],
    external: &External,
) -> Result<Tally> {
    let runs = suites.iter().flat_map(|suite| suite.runs_alone(context, external)).collect();
    run_all(steps, runs, &[])
}

/// Runs the suites one after the other, whatever the earlier ones bring, and adds up.
pub fn run(
    context: &Context,
    steps: &mut Steps,
    suites: &[Suite],
    environment: &[(&'static str, String)],
) -> Result<Tally> {
    let mut runs = Vec::new();
    for suite in suites {
        runs.extend(suite.runs(context)?);
    }
    run_all(steps, runs, environment)
}

fn run_all(steps: &mut Steps, runs: Vec<Run>, environment: &[(&'static str, String)]) -> Result<Tally> {
    let mut total = Tally::default();
    for mut run in runs {
        run.command.envs(environment.iter().cloned());
        let mut output = String::new();
        let mut found = Tally::default();
        let advice = "read the log; `cargo xtask test` takes the names of suites, to run only those";
        let ended = steps.run(run.title, advice, |step| {
            found = run_one(step, run.runner, run.command, &mut output)?;
            step.conclude(&found.line());
            Ok(())
        });
        match ended {
            Ok(()) => tell(run.runner, &output, found, steps.logs()),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(_) => found.failed = 1,
        }
        total += found;
    }
    Ok(total)
}

fn run_one(step: &Step, runner: Runner, command: Command, output: &mut String) -> Result<Tally> {
    let status = step.run_to_status(command, None)?;
    *output = String::from_utf8_lossy(&fs::read(step.log())?).into_owned();
    Ok(tally::count(runner, output).checked(status.success()))
}

fn tell(runner: Runner, output: &str, found: Tally, logs: &Path) {
    if found.failed > 0 {
        let mut lines = tally::failures(runner, output);
        if lines.is_empty() {
            lines = crate::render::last_lines(output, 40);
        }
        for line in lines.iter().take(TOLD_LINES) {
            println!("    | {line}");
        }
        if lines.len() > TOLD_LINES {
            println!("    | … and {} lines more", lines.len() - TOLD_LINES);
        }
        println!("  Whole logs: {}", logs.display());
    }
    for line in tally::closing_lines(runner, output) {
        println!("      {line}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OWN: External = External { postgres: false, kubernetes: false };

    #[test]
    fn integration_tests_are_found_and_belong_to_one_suite_each() {
        let metadata = json!({ "packages": [
            { "targets": [
                { "kind": ["lib"], "name": "lectern_server" },
                { "kind": ["test"], "name": "cluster" },
                { "kind": ["test"], "name": "api" },
            ] },
            { "targets": [{ "kind": ["test"], "name": "machine" }] },
        ] });
        let integration = test_targets(&metadata);
        assert_eq!(integration, ["api", "cluster", "machine"]);
        assert_eq!(Suite::Rust.targets(&integration), ["--lib", "--bins", "--test", "api"]);
        assert_eq!(Suite::Cluster.targets(&integration), ["--test", "cluster", "--test", "machine"]);
        assert!(Suite::Browser.targets(&integration).is_empty());
    }

    #[test]
    fn a_run_needs_as_much_as_its_most_demanding_suite() {
        let most = |suites: &[Suite]| suites.iter().map(|suite| suite.extent()).max();
        assert_eq!(most(&[Suite::Rust]), Some(Extent::Parts));
        assert_eq!(most(&[Suite::Rust, Suite::Cluster]), Some(Extent::Parts));
        assert_eq!(most(&Suite::ALL), Some(Extent::Everything));
    }

    #[test]
    fn steps_are_counted_as_they_are_taken() {
        assert_eq!(count_steps(&Suite::ALL, &OWN), 7);
        assert_eq!(count_steps(&Suite::ALL, &External { kubernetes: true, ..OWN }), 6);
        assert_eq!(count_steps(&[Suite::Cluster], &OWN), 4);
        assert_eq!(count_steps(&[Suite::Rust], &OWN), 2);
        assert_eq!(count_steps(&[Suite::Browser], &OWN), 2);
    }
}
