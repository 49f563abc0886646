//! `cargo xtask lint`: formatting and static checks of all languages.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::context::Context;
use crate::steps::{Step, Steps, Told};
use crate::suites::go_like_build;

/// One check: its title, what it runs, and what to do about its findings.
struct Check {
    title: &'static str,
    advice: &'static str,
    command: Command,
    /// Whether output means findings, as with programs that only list files.
    silent: bool,
}

/// Runs every check, also after one has found something; whether all were content.
pub fn run(context: &Context) -> Result<bool> {
    let checks = checks(context);
    let mut steps = Steps::new(checks.len(), context.cache.new_log_folder("lint")?);
    let mut content = true;
    for check in checks {
        let Check { title, advice, command, silent } = check;
        let ended = steps
            .run(title, advice, |step| if silent { run_silent(step, command) } else { step.run(command) });
        match ended {
            Ok(()) => {}
            Err(error) if error.is::<Told>() => content = false,
            Err(error) => return Err(error),
        }
    }
    Ok(content)
}

fn checks(context: &Context) -> Vec<Check> {
    let cargo = |title, advice, subcommand: &str, arguments: &[&str]| {
        let mut command = context.cargo(subcommand);
        command.args(arguments);
        Check { title, advice, command, silent: false }
    };
    let mut format = context.command("cargo");
    format.args(["fmt", "--all", "--check"]);
    let mut gofmt = context.command("gofmt");
    gofmt.args(["-l", "cluster"]);
    let mut vet = context.command("go");
    vet.args(["vet", "./..."]);
    go_like_build(&mut vet, context);

    let mend = "mend what clippy names; silence with #[expect(…, reason = \"…\")] where it errs";
    let warnings = ["--", "--deny", "warnings"];
    let rust = [["--all-targets"].as_slice(), &warnings].concat();
    // clippy has no standard library for the browser's target everywhere; the app compiles for the host as well
    let web = [["--package", "lectern-web", "--all-targets"].as_slice(), &warnings].concat();
    let mut checks = vec![
        Check { title: "Checking Rust's format", advice: "cargo fmt --all", command: format, silent: false },
        Check { title: "Checking Go's format", advice: "gofmt -w cluster", command: gofmt, silent: true },
        cargo("Checking Rust with clippy", mend, "clippy", &rust),
        cargo("Checking the web app with clippy", mend, "clippy", &web),
        Check {
            title: "Checking Go with vet",
            advice: "mend what go vet names",
            command: vet,
            silent: false,
        },
    ];
    if context.ask("cargo", &["deny", "--version"]).is_ok() {
        let advice = "choose another crate, or allow the licence in deny.toml with a reason";
        let mut deny = context.command("cargo");
        deny.args(["deny", "check"]);
        checks.push(Check {
            title: "Checking licences and advisories",
            advice,
            command: deny,
            silent: false,
        });
    } else {
        println!(
            "Licences and advisories are not checked: cargo-deny is not installed (cargo install cargo-deny)"
        );
    }
    checks
}

/// Runs a program whose only output are its findings.
fn run_silent(step: &Step, command: Command) -> Result<()> {
    step.run(command)?;
    let log = std::fs::read_to_string(step.log())?;
    // the first line is the command
    let findings = log.lines().skip(1).count();
    ensure!(findings == 0, "{findings} files differ");
    Ok(())
}
