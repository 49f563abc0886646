//! Where things are, what the environment says, and commands with a suitable environment.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;

/// What every step uses.
pub struct Context {
    /// The checkout that xtask belongs to.
    pub checkout: PathBuf,
    /// Finished results.
    pub cache: Cache,
    /// Cargo's target folder for everything that xtask builds.
    pub target: PathBuf,
    /// The folder for finished artefacts.
    pub bundle: PathBuf,
    /// Whether this runs unattended, with a fresh checkout each time.
    pub ci: bool,
}

impl Context {
    /// Reads the environment.
    pub fn load() -> Result<Self> {
        let manifest = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let checkout = Path::new(&manifest).parent().context("xtask is in no checkout")?.to_owned();
        let cache = Cache::open(cache_root()?)?;
        let ci = variable("CI").is_some_and(|ci| ci != "false" && ci != "0");
        let target = match variable("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder)?,
            // a fresh checkout each time: its dependencies are worth keeping
            None if ci => cache.root().join("target"),
            None => checkout.join("target"),
        };
        let bundle = checkout.join("target/bundle");
        Ok(Self { checkout, cache, target, bundle, ci })
    }

    /// Returns a command of these words, which runs in the checkout. It does not inherit what cargo told xtask about xtask
    /// itself: build scripts that watch such variables would run again.
    pub fn command(&self, words: &str) -> Command {
        let mut words = words.split_whitespace();
        let mut command = self.program(words.next().unwrap_or_default().as_ref());
        command.args(words);
        command
    }

    /// Like [`Context::command`], for a program at a path.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.checkout).env("CARGO_TARGET_DIR", &self.target);
        for (name, _) in env::vars_os() {
            if is_about_xtask(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        if let Some(paths) = env::var_os("LD_LIBRARY_PATH") {
            match without_rust_folders(&paths) {
                Some(paths) => command.env("LD_LIBRARY_PATH", paths),
                None => command.env_remove("LD_LIBRARY_PATH"),
            };
        }
        command
    }

    /// Returns a command of cargo that shows its progress. `words` begin with the subcommand.
    pub fn cargo(&self, words: &str) -> Command {
        let mut words = words.split_whitespace();
        let mut command = self.command("cargo");
        command
            .args(words.next())
            .args(self.ci.then_some("--locked"))
            .args(words)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "100");
        command
    }

    /// Returns what a quick command of these words prints, trimmed.
    pub fn ask(&self, words: &str) -> Result<String> {
        output_of(self.command(words))
    }
}

/// Returns a command's program and arguments, for logs and messages.
pub fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a quick command, and returns what it prints, trimmed.
pub fn output_of(mut command: Command) -> Result<String> {
    let line = command_line(&command);
    let output = command
        .output()
        .with_context(|| format!("could not start {line}: is it installed and on the PATH?"))?;
    if !output.status.success() {
        bail!("{line} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns a variable of the environment that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn cache_root() -> Result<PathBuf> {
    if let Some(folder) = variable("LECTERN_CACHE") {
        return Ok(std::path::absolute(folder)?);
    }
    if let Some(folder) = variable("XDG_CACHE_HOME") {
        return Ok(Path::new(&folder).join("lectern"));
    }
    let home = variable("HOME")
        .context("neither LECTERN_CACHE, XDG_CACHE_HOME nor HOME says where to keep results")?;
    Ok(Path::new(&home).join(".cache/lectern"))
}

fn is_about_xtask(name: &str) -> bool {
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    let names = ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the library path without the folders that `cargo run` puts in front of it: its target's and the toolchain's.
fn without_rust_folders(paths: &OsString) -> Option<OsString> {
    let target = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let kept: Vec<PathBuf> = env::split_paths(paths)
        .filter(|path| !path.as_os_str().is_empty())
        .filter(|path| !path.components().any(|part| part.as_os_str() == "toolchains"))
        .filter(|path| target.as_ref().is_none_or(|target| !path.starts_with(target)))
        .collect();
    if kept.is_empty() { None } else { env::join_paths(kept).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_about_xtask_go_and_the_users_settings_stay() {
        for name in ["CARGO", "CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR"] {
            assert!(is_about_xtask(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "RUSTFLAGS"] {
            assert!(!is_about_xtask(name), "{name}");
        }
    }

    #[test]
    fn the_users_library_path_survives() {
        let target = env::current_exe().unwrap().parent().unwrap().display().to_string();
        let mixed = format!("{target}/deps:/root/.rustup/toolchains/stable/lib:/opt/lib").into();
        assert_eq!(without_rust_folders(&mixed), Some("/opt/lib".into()));
        assert_eq!(without_rust_folders(&format!("{target}:").into()), None);
    }
}
