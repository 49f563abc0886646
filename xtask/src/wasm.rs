//! The tools that build for the browser: a rustc with a wasm32 standard library, wasm-bindgen, and wasm-opt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::context::{Context, output_of, variable};
use crate::fingerprint::Fingerprint;
use crate::step::Step;

/// The target triple of the web app.
pub const TARGET: &str = "wasm32-unknown-unknown";
const RUSTUP_WITHIN: Duration = Duration::from_secs(120);

/// Which compiler builds for the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// The one that builds everything else.
    Installed,
    /// One that was made from Debian's packages, for this purpose only.
    Private(PathBuf),
}

impl Compiler {
    /// Makes a cargo command use it.
    pub fn apply(&self, cargo: &mut Command) {
        match self {
            Self::Installed => cargo.env_remove("RUSTC"),
            Self::Private(rustc) => cargo.env("RUSTC", rustc),
        };
    }

    /// Returns its version, with what distinguishes two builds of one version.
    pub fn version(&self, context: &Context) -> Result<String> {
        match self {
            Self::Installed => context.ask("rustc -vV"),
            Self::Private(rustc) => private_version(context, rustc),
        }
    }
}

/// Finds the compiler for the browser: the installed one if it has the target, one made before, the installed one after
/// rustup fetched the target, or else one made from Debian's packages, which `LECTERN_WASM_STD=debian` asks for.
pub fn compiler(context: &Context, step: &Step) -> Result<Compiler> {
    let only_debian = variable("LECTERN_WASM_STD").is_some_and(|choice| choice == "debian");
    let sysroot = PathBuf::from(context.ask("rustc --print sysroot")?);
    if !only_debian && has_target(&sysroot) {
        return Ok(Compiler::Installed);
    }
    let script = context.checkout.join("xtask/scripts/wasm-toolchain.sh");
    let key = Fingerprint::new("wasm-toolchain").file(&script)?.text(&context.ask("rustc -vV")?).finish();
    if let Some(made) = context.cache.find("wasm-toolchain", &key) {
        let rustc = made.join("bin/rustc");
        if private_version(context, &rustc).is_ok() {
            return Ok(Compiler::Private(rustc));
        }
        fs::remove_dir_all(&made)
            .with_context(|| format!("could not remove the broken {}", made.display()))?;
    }
    if !only_debian && rustup_fetches_target(context, step)? && has_target(&sysroot) {
        step.conclude("by rustup");
        return Ok(Compiler::Installed);
    }
    let made = context.cache.find_or_make("wasm-toolchain", &key, |folder| {
        let mut command = context.command("bash");
        command.arg(&script).arg(folder);
        step.run(command)
    })?;
    step.conclude("from Debian's packages");
    Ok(Compiler::Private(made.join("bin/rustc")))
}

fn private_version(context: &Context, rustc: &Path) -> Result<String> {
    let mut command = context.program(rustc);
    command.arg("-vV");
    output_of(command)
}

fn has_target(sysroot: &Path) -> bool {
    let Ok(entries) = fs::read_dir(sysroot.join("lib/rustlib").join(TARGET).join("lib")) else {
        return false;
    };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn rustup_fetches_target(context: &Context, step: &Step) -> Result<bool> {
    if context.ask("rustup --version").is_err() {
        return Ok(false);
    }
    match step.run_to_status(context.command(&format!("rustup target add {TARGET}")), Some(RUSTUP_WITHIN)) {
        Ok(status) => Ok(status.success()),
        Err(error) if error.is::<crate::interrupt::Interrupted>() => Err(error),
        Err(_) => Ok(false),
    }
}

/// Builds, once, the small program that replaces wasm-bindgen's own command line.
pub fn bindgen(context: &Context, step: &Step) -> Result<PathBuf> {
    let sources = context.checkout.join("xtask/wasm-bindgen-driver");
    let key = Fingerprint::new("wasm-bindgen-driver")
        .tree(&sources, |_| true)?
        .text(&context.ask("rustc -vV")?)
        .finish();
    let made = context.cache.find_or_make("wasm-bindgen", &key, |folder| {
        let work = folder.join("work");
        let mut cargo = context.cargo("build --release --manifest-path");
        cargo.arg(sources.join("Cargo.toml")).env("CARGO_TARGET_DIR", &work);
        step.run(cargo)?;
        fs::rename(work.join("release/wasm-bindgen-driver"), folder.join("wasm-bindgen-driver"))?;
        Ok(fs::remove_dir_all(work)?)
    })?;
    Ok(made.join("wasm-bindgen-driver"))
}

/// Fetches, once, wasm-opt from npm. Debian's is too old, and silently breaks the app.
pub fn optimizer(context: &Context, step: &Step) -> Result<PathBuf> {
    let wanted = context.checkout.join("xtask/wasm-opt");
    let key = Fingerprint::new("wasm-opt").tree(&wanted, |_| true)?.finish();
    let made = context.cache.find_or_make("wasm-opt", &key, |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(wanted.join(name), folder.join(name))?;
        }
        let mut npm = context.command("npm ci --no-audit --no-fund --ignore-scripts");
        npm.current_dir(folder);
        step.run(npm)
    })?;
    Ok(made.join("node_modules/.bin/wasm-opt"))
}

/// Installs the packages that a folder's lock file names, unless that has been done for this lock file.
pub fn install_npm_packages(context: &Context, step: &Step, folder: &Path) -> Result<()> {
    let key = Fingerprint::new("npm").file(&folder.join("package-lock.json"))?.finish();
    let stamp = folder.join("node_modules/.lectern-installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == key) {
        return Ok(());
    }
    if !folder.join("package.json").is_file() {
        bail!("{} holds no package.json", folder.display());
    }
    let mut npm = context.command("npm ci --no-audit --no-fund");
    npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").current_dir(folder);
    step.run(npm)?;
    fs::write(&stamp, key).with_context(|| format!("could not write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    /// Returns the version that a manifest pins for a dependency, `x = "=1.2.3"`.
    fn pinned<'a>(manifest: &'a str, dependency: &str) -> Option<&'a str> {
        let line = manifest
            .lines()
            .find_map(|line| line.strip_prefix(dependency)?.trim_start().strip_prefix('='))?;
        Some(line.trim().trim_matches('"'))
    }

    #[test]
    fn the_driver_and_the_app_pin_the_same_wasm_bindgen() {
        let app = pinned(include_str!("../../Cargo.toml"), "wasm-bindgen");
        let driver = pinned(include_str!("../wasm-bindgen-driver/Cargo.toml"), "wasm-bindgen-cli-support");
        assert!(app.is_some_and(|version| version.starts_with('=')), "{app:?}");
        assert_eq!(app, driver);
    }
}
