//! `cargo xtask`: every chore of the project, from a bare machine to a running Lectern and its tests.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool: its environment is its input, and it keeps no time but that of files"
)]

mod blocks;
mod cache;
mod conformance;
mod context;
#[cfg(test)]
mod docs;
mod fingerprint;
mod interrupt;
mod lint;
mod packages;
mod parts;
mod place;
mod process;
mod programs;
mod queries;
mod state;
mod step;
mod steps;
mod suites;
mod tally;
mod tools;
mod trials;
mod wasm;
mod web;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{CommandFactory, Parser, Subcommand};
use lectern_testbed::{Extent, External};

use context::Context;
use interrupt::Interrupted;
use packages::Needs;
use parts::Part;
use state::State;
use step::Printed;
use steps::Steps;
use suites::Suite;
use trials::{Trial, is_given};

const ENVIRONMENT: &str = "\
Environment: LECTERN_CACHE is the cache folder (else ~/.cache/lectern), CARGO_TARGET_DIR the folder for compiling;
a reachable KUBECONFIG or DATABASE_URL is used instead of a cluster or database of Lectern's own.";

/// Builds, starts, tests and measures Lectern.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what is missing, builds everything and starts Lectern
    Up {
        /// Options for `lectern up`
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Runs the tests
    #[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
    Test {
        /// The suites to run [default: all of them]
        suites: Vec<Suite>,
        #[command(subcommand)]
        trial: Option<TestTrial>,
    },
    /// Measures, beside kubectl: start, burst, echo, throughput, interrupt, idle. By name only: scale
    Bench {
        /// What to measure [default: all but scale], and options such as `--keep FOLDER`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WHAT")]
        options: Vec<String>,
    },
    /// Builds into target/bundle
    Build {
        /// The parts to build [default: all of them]
        parts: Vec<Part>,
    },
    /// Runs Kubernetes' own tests of network policies on a cluster of ours, for half an hour
    Conformance {
        /// Flags for the end-to-end suite, such as --ginkgo.focus='default-deny'
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Checks formats and runs the static checks
    Lint,
    /// Describes the server's queries anew, in server/.sqlx, after a query or a migration changed
    Sqlx,
    /// Checks licences, sources and known vulnerabilities of all dependencies
    Audit,
    /// Counts what the labs in a folder contain, and how much of it is understood
    Corpus { folder: String },
    /// Starts each lab of a folder, clicks every block in a browser, and prints what was done, failed or refused
    Blocks { folder: String },
    /// Removes what was built for this user, in the cache folder
    CleanCache,
}

#[derive(Subcommand)]
enum TestTrial {
    /// Kills server, streams, workbenches, API server and Postgres while learners work
    Chaos {
        /// Options such as `--rounds N`, `--seed N` and `--report FILE`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Attacks as a hostile learner would while others work beside
    Hostile {
        /// Options such as `--only ATTACK`, `--neighbours N` and `--report FILE`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<Printed>() => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command. Returns whether all that it checked is well.
fn run(cli: Cli) -> Result<bool> {
    let Some(command) = cli.command else {
        Cli::command().print_help()?;
        return Ok(true);
    };
    let context = &Context::load()?;
    interrupt::watch()?;
    match command {
        Command::Up { options } => up(context, &options),
        Command::Test { trial: None, suites } => suites::test(context, suites),
        Command::Test { trial: Some(TestTrial::Chaos { options }), .. } => {
            trials::run(context, Trial::Chaos, &options)
        }
        Command::Test { trial: Some(TestTrial::Hostile { options }), .. } => {
            trials::run(context, Trial::Hostile, &options)
        }
        Command::Bench { options } => trials::run(context, Trial::Bench, &options),
        Command::Build { parts } => build(context, parts),
        Command::Conformance { flags } => conformance::run(context, &flags),
        Command::Lint => lint::run(context),
        Command::Sqlx => queries::run(context),
        Command::Audit => lint::audit(context),
        Command::Corpus { folder } => corpus(context, &folder),
        Command::Blocks { folder } => blocks::run(context, &folder),
        Command::CleanCache => clean_cache(context),
    }
}

fn build(context: &Context, mut wanted: Vec<Part>) -> Result<bool> {
    if wanted.is_empty() {
        wanted = vec![Part::Images, Part::Server];
    }
    let needs = Needs { postgres: false, kubernetes: wanted.contains(&Part::Images), browser: false };
    let external = External { postgres: false, kubernetes: false };
    let mut steps = Steps::new(context, "build")?;
    parts::add(&mut steps, context, &wanted, needs, &external);
    steps.run(&mut State::default())?;
    Ok(true)
}

/// Becomes `lectern up`, so that signals reach it without a process in between.
fn up(context: &Context, options: &[String]) -> Result<bool> {
    let external = External::find()?;
    let needs = Needs { postgres: true, kubernetes: true, browser: false };
    let mut steps = Steps::new(context, "up")?;
    parts::add(&mut steps, context, &[Part::Images, Part::Server], needs, &external);
    steps.run(&mut State::default())?;

    let programs = parts::bundled(context);
    let mut lectern = context.program(&programs.lectern);
    lectern.arg("up").env_remove("CARGO_TARGET_DIR");
    for (option, value) in programs.options(Extent::Everything, &external) {
        if !is_given(options, option) {
            lectern.arg(option).arg(value);
        }
    }
    Err(lectern.args(options).exec()).context("could not start lectern")
}

/// Prints a line for each repository in a folder of labs, and the sum of all as the last line.
fn corpus(context: &Context, folder: &str) -> Result<bool> {
    // the program runs in the checkout, the folder is meant from here
    let folder =
        Path::new(folder).canonicalize().with_context(|| format!("cannot read the folder {folder}"))?;
    ensure!(folder.is_dir(), "{} is not a folder; name one that contains labs", folder.display());
    // quiet, because a progress bar would stand between the lines
    let mut command = context.command("cargo run --quiet --package lectern-content --example corpus --");
    let status = command.arg(&folder).status().context("could not start cargo")?;
    Ok(status.success())
}

fn clean_cache(context: &Context) -> Result<bool> {
    let _lock = context.cache.lock()?;
    let removed = context.cache.clean()?;
    for folder in &removed {
        println!("Removed {}", folder.display());
    }
    if removed.is_empty() {
        println!("There was nothing in {}", context.cache.root().display());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Command {
        let words = ["xtask"].into_iter().chain(words.split(' '));
        Cli::try_parse_from(words).unwrap().command.unwrap()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_other_programs_are_passed_on() {
        let Command::Up { options } = parse("up -- --listen :80") else { panic!("not up") };
        assert_eq!(options, ["--listen", ":80"]);
        let Command::Bench { options } = parse("bench start --keep there") else { panic!("not bench") };
        assert_eq!(options, ["start", "--keep", "there"]);
        let Command::Test { trial: Some(TestTrial::Chaos { options }), .. } =
            parse("test chaos --rounds 50 --seed 11")
        else {
            panic!("not chaos")
        };
        assert_eq!(options, ["--rounds", "50", "--seed", "11"]);
        assert!(Cli::try_parse_from(["xtask", "up", "--listen"]).is_err());
    }

    #[test]
    fn suites_and_parts_are_chosen_by_name() {
        let Command::Test { suites, trial: None } = parse("test rust browser") else { panic!("no suites") };
        assert_eq!(suites, [Suite::Rust, Suite::Browser]);
        let Command::Build { parts } = parse("build web images") else { panic!("not build") };
        assert_eq!(parts, [Part::Web, Part::Images]);
        assert!(Cli::try_parse_from(["xtask", "build", "packages"]).is_err());
    }
}
