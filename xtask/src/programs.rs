//! The compiled programs: the cluster's (Go), the agent and the server (Rust).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use object::LittleEndian;
use object::elf::PT_INTERP;
use object::read::elf::{ElfFile64, ProgramHeader as _};

use crate::context::Context;
use crate::fingerprint::Fingerprint;
use crate::step::Step;

const AGENT_LIMIT_BYTES: u64 = 3_000_000;

/// Builds the whole cluster as one program, and kubectl alone. Returns the folder with `lectern-cluster` and `kubectl`.
pub fn build_cluster(context: &Context, step: &Step) -> Result<PathBuf> {
    let sources = context.checkout.join("cluster");
    let is_built = |path: &Path| {
        let name = path.to_string_lossy();
        !name.ends_with("_test.go") && !name.ends_with(".md") && !name.contains("testdata/")
    };
    let key =
        Fingerprint::new("cluster").tree(&sources, is_built)?.text(&context.ask("go version")?).finish();
    context.cache.find_or_make("cluster", &key, |folder| {
        let mut list = context.command("go list -deps .");
        list.current_dir(&sources);
        let packages = list.output().context("could not start go")?.stdout;
        step.count_lines_of(packages.split(|byte| *byte == b'\n').count());
        for (arguments, name) in [(&[] as &[&str], "lectern-cluster"), (&["--kubectl"], "kubectl")] {
            let mut build = context.command("sh");
            build.arg(sources.join("build.sh")).args(arguments).arg(folder.join(name));
            // it then names each package that it compiles
            build.env("GOFLAGS", "-v");
            step.run(build)?;
        }
        let bytes = fs::metadata(folder.join("lectern-cluster"))?.len();
        step.conclude(&format!("{} MB", bytes / 1_000_000));
        Ok(())
    })
}

/// Builds the agent, which must run in any image: static, and small because every workbench carries it.
pub fn build_agent(context: &Context, step: &Step) -> Result<PathBuf> {
    let version = context.ask("rustc -vV")?;
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let tree = "cargo tree --package lectern-agent --edges normal,build --prefix none --no-dedupe";
    let dependencies = context.ask(tree)?;
    // the list names the folders of its own crate and of the workspace's crates that it needs
    let mut key = Fingerprint::new("agent").file(&context.checkout.join("Cargo.toml"))?.text(&version);
    for folder in workspace_folders(&dependencies, &context.checkout) {
        key = key.tree(&folder, |_| true)?;
    }
    let key = key.text(&dependencies.replace(&*context.checkout.to_string_lossy(), ".")).finish();

    let made = context.cache.find_or_make("agent", &key, |folder| {
        let mut cargo = context.cargo("build --package lectern-agent --profile agent --target");
        cargo
            .arg(host)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        step.run(cargo)?;
        let built = context.target.join(host).join("agent/lectern-agent");
        let program = fs::read(&built).with_context(|| format!("could not read {}", built.display()))?;
        ensure!(is_static(&program)?, "{} is not static: it would not start in every image", built.display());
        let bytes = program.len() as u64;
        ensure!(
            bytes < AGENT_LIMIT_BYTES,
            "{} has {bytes} bytes, and every workbench carries it: the limit is {AGENT_LIMIT_BYTES}",
            built.display()
        );
        step.conclude(&format!("{} kB", bytes / 1000));
        fs::copy(&built, folder.join("lectern-agent"))?;
        Ok(())
    })?;
    Ok(made.join("lectern-agent"))
}

/// Returns the folders of the workspace's crates in the output of `cargo tree`: `lectern-api v0.1.0 (/checkout/api)`.
fn workspace_folders(tree: &str, checkout: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = tree
        .lines()
        .filter_map(|line| line.split_once(" (")?.1.split_once(')').map(|(path, _)| PathBuf::from(path)))
        .filter(|path| path.starts_with(checkout))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Builds the server with the web app inside. Cargo itself knows whether there is something to do.
pub fn build_server(context: &Context, step: &Step) -> Result<PathBuf> {
    build_for_shipping(context, step, "lectern-server", "lectern")
}

/// Builds the program that measures and disturbs a Lectern. It is optimised, so that the trial measures Lectern and not
/// itself.
pub fn build_trials(context: &Context, step: &Step) -> Result<PathBuf> {
    build_for_shipping(context, step, "lectern-trials", "lectern-trials")
}

fn build_for_shipping(context: &Context, step: &Step, package: &str, program: &str) -> Result<PathBuf> {
    step.run(context.cargo(&format!("build --package {package} --profile dist")))?;
    let program = context.target.join("dist").join(program);
    if !program.is_file() {
        bail!("cargo built no {}", program.display());
    }
    Ok(program)
}

/// Whether a program needs no dynamic loader, so that it runs where there are no libraries.
fn is_static(program: &[u8]) -> Result<bool> {
    let file = ElfFile64::<LittleEndian>::parse(program)
        .map_err(|error| anyhow!("this is not a 64-bit little-endian ELF program: {error}"))?;
    Ok(!file.elf_program_headers().iter().any(|header| header.p_type(LittleEndian) == PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspaces_crates_are_distinguished_from_other_dependencies() {
        let tree = "lectern-agent v0.1.0 (/checkout/agent)\nlectern-api v0.1.0 (/checkout/api)\n\
                    serde v1.0.0\nserde_derive v1.0.0 (proc-macro)\nlectern-api v0.1.0 (/checkout/api) (*)\n";
        let folders = workspace_folders(tree, Path::new("/checkout"));
        assert_eq!(folders, [Path::new("/checkout/agent"), Path::new("/checkout/api")]);
    }

    #[test]
    fn this_test_needs_a_loader_and_says_so() {
        let program = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_static(&program).unwrap());
    }

    #[test]
    fn scripts_and_torn_programs_are_errors() {
        assert!(is_static(b"#!/bin/sh\n").is_err());
        assert!(is_static(b"\x7fELF\x02\x01").is_err());
    }
}
