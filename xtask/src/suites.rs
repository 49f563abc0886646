//! The test suites: which there are, what each one needs, and how it is run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::context::Context;
use crate::interrupt::Interrupted;
use crate::platform::Extent;
use crate::steps::{Step, Steps};
use crate::tally::{self, Runner, Tally};
use crate::wasm;

const TOLD_LINES: usize = 200;
/// The test program that needs a cluster; all others need a database at most.
const CLUSTER_TESTS: &str = "cluster";

/// A group of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Rust's tests with a database.
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
            Self::Rust => Extent::Postgres,
            Self::Cluster => Extent::Parts,
            Self::Browser => Extent::Everything,
        }
    }

    fn runs(self, context: &Context) -> Result<Vec<Run>> {
        let cargo = |title, arguments: Vec<String>| {
            let mut command = context.cargo("test");
            command.arg("--no-fail-fast").args(arguments);
            Run { title, runner: Runner::Cargo, command }
        };
        Ok(match self {
            Self::Rust => {
                let mut arguments = vec!["--lib".to_owned(), "--bins".to_owned()];
                for name in integration_tests(context)?.into_iter().filter(|name| name != CLUSTER_TESTS) {
                    arguments.extend(["--test".to_owned(), name]);
                }
                vec![cargo("Running Rust's tests", arguments)]
            }
            Self::Cluster => {
                let arguments = ["--package", "lectern-server", "--test", CLUSTER_TESTS].map(str::to_owned);
                let mut go = context.command("go");
                go.args(["test", "-v", "./..."]);
                go_like_build(&mut go, context);
                vec![
                    cargo("Running the tests on the cluster", arguments.to_vec()),
                    Run { title: "Running the cluster program's tests", runner: Runner::Go, command: go },
                ]
            }
            Self::Browser => {
                let e2e = context.checkout.join("e2e");
                let mut playwright =
                    context.command(&e2e.join("node_modules/.bin/playwright").to_string_lossy());
                playwright.args(["test", "--reporter=list"]).env("NO_COLOR", "1").current_dir(e2e);
                vec![Run {
                    title: "Running the journeys in the browser",
                    runner: Runner::Playwright,
                    command: playwright,
                }]
            }
        })
    }
}

/// Sets what `cluster/build.sh` sets: with other settings Go would compile all of Kubernetes once more.
pub fn go_like_build(go: &mut Command, context: &Context) {
    go.current_dir(context.checkout.join("cluster"))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath -buildvcs=false");
}

/// The names of the integration tests of the workspace's default members.
fn integration_tests(context: &Context) -> Result<Vec<String>> {
    let metadata = context.ask("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata printed no JSON")?;
    Ok(test_targets(&metadata))
}

fn test_targets(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let members = list(&metadata["workspace_default_members"]);
    let mut names: Vec<String> = list(&metadata["packages"])
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).contains(&"test".into()))
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// How many steps [`compile`] takes.
pub fn compile_steps(suites: &[Suite]) -> usize {
    suites.iter().filter(|suite| **suite != Suite::Cluster || !suites.contains(&Suite::Rust)).count()
}

/// How many steps [`run`] takes.
pub fn run_steps(suites: &[Suite]) -> usize {
    suites.len() + usize::from(suites.contains(&Suite::Cluster))
}

/// Compiles the tests, before anything is started that would take the processors from the compiler.
pub fn compile(context: &Context, steps: &mut Steps, suites: &[Suite]) -> Result<()> {
    let _lock = context.cache.lock()?;
    let advice = "correct the source that the lines above name, then give the same command again";
    if suites.iter().any(|suite| *suite != Suite::Browser) {
        steps.run("Compiling Rust's tests", advice, |step| {
            let mut cargo = context.cargo("test");
            cargo.arg("--no-run");
            if !suites.contains(&Suite::Rust) {
                cargo.args(["--package", "lectern-server", "--test", CLUSTER_TESTS]);
            }
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

/// Runs the suites one after the other, whatever the earlier ones bring, and adds up.
pub fn run(
    context: &Context,
    steps: &mut Steps,
    suites: &[Suite],
    environment: &[(&'static str, String)],
) -> Result<Tally> {
    let mut total = Tally::default();
    for suite in suites {
        for mut run in suite.runs(context)? {
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

    #[test]
    fn the_integration_tests_of_default_members_are_found() {
        let metadata = json!({
            "workspace_default_members": ["server", "agent"],
            "packages": [
                { "id": "server", "targets": [
                    { "kind": ["lib"], "name": "lectern_server" },
                    { "kind": ["test"], "name": "cluster" },
                    { "kind": ["test"], "name": "api" },
                ] },
                { "id": "agent", "targets": [{ "kind": ["test"], "name": "terminals" }] },
                { "id": "web", "targets": [{ "kind": ["test"], "name": "pages" }] },
            ],
        });
        assert_eq!(test_targets(&metadata), ["api", "cluster", "terminals"]);
    }

    #[test]
    fn a_run_needs_as_much_as_its_most_demanding_suite() {
        let most = |suites: &[Suite]| suites.iter().map(|suite| suite.extent()).max();
        assert_eq!(most(&[Suite::Rust]), Some(Extent::Postgres));
        assert_eq!(most(&[Suite::Rust, Suite::Cluster]), Some(Extent::Parts));
        assert_eq!(most(&Suite::ALL), Some(Extent::Everything));
    }

    #[test]
    fn steps_are_counted_as_they_are_taken() {
        assert_eq!((compile_steps(&Suite::ALL), run_steps(&Suite::ALL)), (2, 4));
        assert_eq!((compile_steps(&[Suite::Cluster]), run_steps(&[Suite::Cluster])), (1, 2));
        assert_eq!((compile_steps(&[Suite::Rust]), run_steps(&[Suite::Rust])), (1, 1));
    }
}
