//! Runs the programs that do the work, and turns their failures into errors.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const SHOWN_LINES: usize = 12;
const SHOWN_CHARS_PER_LINE: usize = 240;

/// Runs a command to its end and returns what it printed.
///
/// # Errors
///
/// Contains the last lines of standard error if the command fails.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("could not start {name}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<String> =
            stderr.lines().map(|line| line.chars().take(SHOWN_CHARS_PER_LINE).collect()).collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        bail!("{name} failed ({}):\n{last}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed no UTF-8"))
}

/// Returns the SHA-256 of a file in hexadecimal digits. It calls the program of coreutils, because this crate is
/// usually built without optimisation and would take seconds where that takes a moment.
pub fn sha256(file: &Path) -> Result<String> {
    let printed = run(Command::new("sha256sum").arg("--").arg(file))?;
    let word = printed.split_whitespace().next().unwrap_or_default();
    // an odd file name makes sha256sum mark its line
    let digest = word.trim_start_matches('\\');
    if digest.len() != 64 {
        bail!("sha256sum printed no digest for {}", file.display());
    }
    Ok(digest.to_owned())
}
