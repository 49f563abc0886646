//! `cargo xtask`: every chore of the project, from a bare machine to a running Lectern and its tests.

mod cache;
mod conformance;
mod context;
mod corpus;
#[cfg(test)]
mod docs;
mod elf;
mod external;
mod fingerprint;
mod images;
mod interrupt;
mod lint;
mod packages;
mod place;
mod plan;
mod platform;
mod process;
mod programs;
mod render;
mod steps;
mod suites;
mod tally;
mod trials;
mod wasm;
mod web;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use context::Context;
use external::External;
use interrupt::Interrupted;
use packages::Needs;
use plan::Part;
use platform::{Extent, Platform};
use steps::{Steps, Told};
use suites::Suite;
use tally::Tally;
use trials::Trial;

const HELP: &str = "\
cargo xtask <command>

  up [-- <options>]       installs what is missing, builds everything and starts Lectern;
                          the options go to `lectern up`
  test [<suite>…]         runs the tests: rust, cluster, browser; all of them without a name
  test chaos [<option>…]  kills server, streams, workbenches, API server and Postgres while learners work;
                          its options: --rounds, --seed, --report
  test hostile [<option>…] attacks as a hostile learner would while others work beside;
                          its options: --only, --neighbours, --report
  bench [<what>…]         measures, beside kubectl: start, burst, echo, throughput, interrupt, idle; all of them
                          without a name. By name only: scale
  build [<part>…]         builds into target/bundle: web, cluster, agent, images, server; all without a name
  conformance [-- <flags>] runs Kubernetes' own tests of network policies on a cluster of ours, for half an hour;
                          the flags go to its end-to-end suite, such as --ginkgo.focus='default-deny'
  lint                    checks formats and runs the static checks
  corpus <folder>         counts what the labs in a folder hold, and how much of it is understood
  clean-cache             removes what was built for this user, in the cache folder

Environment: LECTERN_CACHE is the cache folder (else ~/.cache/lectern), CARGO_TARGET_DIR the folder for compiling;
a reachable KUBECONFIG or DATABASE_URL is used instead of a cluster or database of Lectern's own.";

/// What there is in the cache folder.
const CACHED: [&str; 11] = [
    "agent",
    "cluster",
    "conformance",
    "conformance-images",
    "images",
    "logs",
    "target",
    "wasm-bindgen",
    "wasm-opt",
    "wasm-toolchain",
    "web",
];

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) if error.is::<Told>() => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut words = words()?;
    let command = if words.is_empty() { "help".to_owned() } else { words.remove(0) };
    let context = Context::load()?;
    interrupt::watch()?;
    match command.as_str() {
        "up" => up(&context, &words),
        "bench" => bench(&context, &words),
        "test" if words.first().is_some_and(|word| word == "chaos") => chaos(&context, &words[1..]),
        "test" if words.first().is_some_and(|word| word == "hostile") => hostile(&context, &words[1..]),
        "test" => test(&context, &words),
        "build" => build(&context, &words),
        "conformance" => {
            conformance::run(&context, options_after_dashes("conformance", &words)?)?;
            Ok(ExitCode::SUCCESS)
        }
        "lint" if words.is_empty() => Ok(code(lint::run(&context)?)),
        "clean-cache" if words.is_empty() => clean_cache(&context),
        "corpus" => match words.as_slice() {
            [dir] => corpus::run(&context, dir),
            _ => bail!("corpus takes one folder: cargo xtask corpus <folder>"),
        },
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "lint" | "clean-cache" => bail!("{command} takes no arguments"),
        _ => bail!("there is no command {command:?}\n\n{HELP}"),
    }
}

fn code(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn words() -> Result<Vec<String>> {
    let to_text = |word: OsString| word.into_string().ok().context("arguments must be UTF-8");
    std::env::args_os().skip(1).map(to_text).collect()
}

fn build(context: &Context, words: &[String]) -> Result<ExitCode> {
    let external = External { postgres: false, kubernetes: false };
    let mut wished = words.iter().map(|word| Part::named(word)).collect::<Result<Vec<_>>>()?;
    if wished.is_empty() {
        wished = vec![Part::Images, Part::Server];
    }
    let needs = Needs { postgres: false, kubernetes: wished.contains(&Part::Images), browser: false };
    let parts = plan::parts_for(&wished, &external);
    let mut steps = Steps::new(parts.len(), context.cache.new_log_folder("build")?);
    plan::make(context, &mut steps, &parts, needs, &external)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends as `lectern up`, so that signals reach it without a process in between.
fn up(context: &Context, words: &[String]) -> Result<ExitCode> {
    let options = options_after_dashes("up", words)?;
    let external = External::find()?;
    let parts = plan::parts_for(&[Part::Images, Part::Server], &external);
    let needs = Needs { postgres: true, kubernetes: true, browser: false };
    let mut steps = Steps::new(parts.len(), context.cache.new_log_folder("up")?);
    plan::make(context, &mut steps, &parts, needs, &external)?;

    let mut lectern = context.command(&plan::lectern_program(&context.bundle).to_string_lossy());
    lectern.arg("up").env_remove("CARGO_TARGET_DIR");
    for (option, value) in plan::lectern_options(context, &external) {
        if !is_given(options, option) {
            lectern.arg(option).arg(value);
        }
    }
    Err(lectern.args(options).exec()).context("could not start lectern")
}

fn options_after_dashes<'a>(command: &str, words: &'a [String]) -> Result<&'a [String]> {
    match words {
        [] => Ok(&[]),
        [dashes, options @ ..] if dashes == "--" => Ok(options),
        [word, ..] => bail!("{word:?} comes without `--` before it: cargo xtask {command} -- {word}"),
    }
}

fn is_given(options: &[String], option: &str) -> bool {
    options
        .iter()
        .any(|given| given == option || given.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')))
}

fn test(context: &Context, words: &[String]) -> Result<ExitCode> {
    let mut suites = words.iter().map(|word| Suite::named(word)).collect::<Result<Vec<_>>>()?;
    if suites.is_empty() {
        suites = Suite::ALL.to_vec();
    }
    suites.sort();
    suites.dedup();
    let external = External::find()?;
    let extent = suites.iter().map(|suite| suite.extent()).max().context("there is nothing to test")?;

    let parts = plan::parts_for(&[Part::Images, Part::Server], &external);
    let needs = Needs { postgres: true, kubernetes: true, browser: suites.contains(&Suite::Browser) };
    let starts = !extent.is_there(&external);
    let total = parts.len() + suites::count_steps(&suites, &external) + 2 * usize::from(starts);
    let mut steps = Steps::new(total, context.cache.new_log_folder("test")?);
    plan::make(context, &mut steps, &parts, needs, &external)?;
    suites::compile(context, &mut steps, &suites)?;
    let mut tally = suites::run_alone(context, &mut steps, &suites, &external)?;
    if starts {
        tally += run_beside_platform(context, &mut steps, &suites, extent, &external)?;
    } else {
        tally += suites::run(context, &mut steps, &suites, &[])?;
    }
    if tally.skipped > 0 {
        println!("{} left out", tally.skipped);
    }
    println!("{}", tally.line());
    Ok(code(tally.failed == 0))
}

fn bench(context: &Context, words: &[String]) -> Result<ExitCode> {
    let mut arguments = vec!["bench"];
    arguments.extend(words.iter().map(String::as_str));
    if !is_given(words, "--keep") {
        arguments.extend(["--keep", "docs/bench"]);
    }
    let trial = Trial { arguments, name: "bench", title: "Measuring", destroys: false };
    Ok(code(trials::run(context, &trial)?))
}

fn chaos(context: &Context, words: &[String]) -> Result<ExitCode> {
    reported(
        context,
        words,
        &Trial { arguments: vec!["chaos"], name: "chaos", title: "Causing chaos", destroys: true },
    )
}

fn hostile(context: &Context, words: &[String]) -> Result<ExitCode> {
    let arguments = vec!["hostile"];
    // it would harm a cluster that others use
    reported(context, words, &Trial { arguments, name: "hostile", title: "Attacking", destroys: true })
}

/// Runs a trial that either holds or not, and keeps its report.
fn reported(context: &Context, words: &[String], trial: &Trial) -> Result<ExitCode> {
    let mut arguments = trial.arguments.clone();
    arguments.extend(words.iter().map(String::as_str));
    if !is_given(words, "--report") {
        arguments.extend(["--report", "docs/RELIABILITY.md"]);
    }
    let content = trials::run(context, &Trial { arguments, ..*trial })?;
    let tally = Tally { passed: u32::from(content), failed: u32::from(!content), skipped: 0 };
    println!("{}", tally.line());
    Ok(code(content))
}

fn run_beside_platform(
    context: &Context,
    steps: &mut Steps,
    suites: &[Suite],
    extent: Extent,
    external: &External,
) -> Result<Tally> {
    let advice = "read the lines above: they name the part that did not start, and its log";
    let started =
        steps.run("Starting Lectern", advice, |step| Platform::start(context, step, extent, external));
    let platform = match started {
        Ok(platform) => platform,
        // the last line must still tell that something failed
        Err(error) if error.is::<Told>() => return Ok(Tally::default().checked(false)),
        Err(error) => return Err(error),
    };
    let environment = platform.environment(context, external);
    let mut tally = suites::run(context, steps, suites, &environment)?;
    let advice = "remove by hand what the reason names; that it is still there is a fault of Lectern";
    let stopped = steps.run("Stopping Lectern", advice, |step| {
        step.announce();
        platform.stop()
    });
    if stopped.is_err() {
        tally.failed += 1;
    }
    Ok(tally)
}

fn clean_cache(context: &Context) -> Result<ExitCode> {
    let _lock = context.cache.lock()?;
    let removed = context.cache.clean(&CACHED)?;
    for folder in &removed {
        println!("Removed {}", folder.display());
    }
    if removed.is_empty() {
        println!("There was nothing in {}", context.cache.root().display());
    }
    Ok(ExitCode::SUCCESS)
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
