//! Kubernetes' own end-to-end suite, run on a cluster of ours: shows whether network policies are enforced as upstream
//! means them.
//!
//! The suite and the program of its test image come from the same Go module as the cluster. The cluster's registry holds
//! that image and the pause image only. Specs whose programs cannot speak on this machine, whatever the policies, are
//! left out with a word on it; upstream marks them by a feature.

mod ginkgo;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::external::External;
use crate::fingerprint::Fingerprint;
use crate::interrupt::Interrupted;
use crate::packages::Needs;
use crate::plan::{self, Part};
use crate::platform::{Extent, Platform};
use crate::steps::{Step, Steps};
use crate::{images, is_given};

/// A cluster of ours is tested, whatever the environment names; a database has no part in it.
const WITHOUT_DATABASE: External = External { postgres: true, kubernetes: false };
/// What runs where the flags name no other focus.
const FOCUS: &str = r"\[sig-network\] Netpol";
/// The mark of specs whose programs speak SCTP.
const SCTP: &str = r"\[Feature:SCTPConnectivity\]";
/// Building the suite and its images; starting, testing and stopping a cluster.
const OWN_STEPS: usize = 5;

/// Builds what is missing and runs the suite, to which `flags` go. Fails when a spec fails.
pub fn run(context: &Context, flags: &[String]) -> Result<()> {
    let parts = plan::parts_for(&[Part::Cluster, Part::Server], &WITHOUT_DATABASE);
    let needs = Needs { postgres: false, kubernetes: true, browser: false };
    let logs = context.cache.new_log_folder("conformance")?;
    let mut steps = Steps::new(parts.len() + OWN_STEPS, logs);
    plan::make(context, &mut steps, &parts, needs, &WITHOUT_DATABASE)?;
    let (suite, registry) = build(context, &mut steps)?;

    let advice = "read the lines above: they name the part that did not start, and its log";
    let platform = steps.run("Starting a cluster", advice, |step| {
        Platform::start_with_images(context, step, Extent::Parts, &WITHOUT_DATABASE, &registry)
    })?;
    let mut command = suite_command(context, &suite, platform.kubeconfig()?, flags);
    if !kernel_speaks_sctp(&suite)? {
        println!("This kernel has no SCTP: specs of {SCTP} are left out, as their servers could not listen");
        command.arg(format!("--ginkgo.skip={SCTP}"));
    }
    let mut output = String::new();
    let advice =
        "read the log; `cargo xtask conformance -- --ginkgo.focus='…'` runs only specs of those words";
    let tested = steps.run("Running Kubernetes' specs", advice, |step| {
        step.read_lines_with(ginkgo::reader());
        let outcome = step.run(command);
        output = String::from_utf8_lossy(&fs::read(step.log())?).into_owned();
        outcome
    });
    if let Err(error) = tested.as_ref()
        && error.is::<Interrupted>()
    {
        return tested;
    }
    let advice = "remove by hand what the reason names; that it is still there is a fault of Lectern";
    let stopped = steps.run("Stopping the cluster", advice, |step| {
        step.announce();
        platform.stop()
    });
    for line in ginkgo::closing_lines(&output) {
        println!("{line}");
    }
    println!("Whole logs: {}", steps.logs().display());
    tested.and(stopped)
}

/// Builds the suite's programs and its images: the folder of the programs, and the registry's tree.
fn build(context: &Context, steps: &mut Steps) -> Result<(PathBuf, PathBuf)> {
    let _lock = context.cache.lock()?;
    let advice = "check that this machine reaches a proxy of Go's modules, then give the same command again";
    let suite =
        steps.run("Building Kubernetes' end-to-end suite", advice, |step| build_suite(context, step))?;
    let advice = "mend what the reason names, then give the same command again: what is done stays done";
    let registry =
        steps.run("Building the suite's images", advice, |step| build_images(context, step, &suite))?;
    Ok((suite, registry))
}

/// Only upstream's modules are in these programs, so our own sources do not count.
fn build_suite(context: &Context, step: &Step) -> Result<PathBuf> {
    let sources = context.checkout.join("cluster");
    let mut key = Fingerprint::new("conformance").text(&context.ask("go", &["version"])?);
    for name in ["build.sh", "go.mod", "go.sum"] {
        key = key.file(&sources.join(name))?;
    }
    context.cache.find_or_make("conformance", &key.finish(), |folder| {
        let mut list = context.command("go");
        list.args(["list", "-deps", "-test", "k8s.io/kubernetes/test/e2e"]).current_dir(&sources);
        let packages = list.output().context("could not start go")?.stdout;
        step.count_lines_of(packages.split(|byte| *byte == b'\n').count());
        let mut build = context.command("sh");
        // it then names each package that it compiles
        build.arg(sources.join("build.sh")).arg("--e2e").arg(folder).env("GOFLAGS", "-v");
        step.run(build)
    })
}

fn build_images(context: &Context, step: &Step, suite: &Path) -> Result<PathBuf> {
    let inputs = images::Inputs {
        recipes: context.checkout.join("xtask/conformance"),
        programs: [("agnhost".to_owned(), suite.join("agnhost"))].into(),
    };
    let out = context.cache.root().join("conformance-images");
    let built = images::build(&inputs, &out, &|line| step.say(line))?;
    let listed = context.ask(&suite.join("e2e.test").to_string_lossy(), &["--list-images"])?;
    for image in built.images.iter().filter(|image| image.repository.starts_with("e2e-test-images/")) {
        if !image.tags.iter().any(|tag| is_listed(&listed, &image.repository, tag)) {
            bail!(
                "the suite uses no registry.k8s.io/{}:{}; `e2e.test --list-images` says which tag belongs into its \
                 recipe below xtask/conformance",
                image.repository,
                image.tags.join(" or ")
            );
        }
    }
    Ok(built.registry)
}

fn is_listed(images: &str, repository: &str, tag: &str) -> bool {
    let wanted = format!("registry.k8s.io/{repository}:{tag}");
    images.lines().any(|line| line.trim() == wanted)
}

/// Asks the suite's own program, which has the kernel load SCTP where that is a module. Without it each spec would wait
/// an hour for servers that cannot start.
fn kernel_speaks_sctp(suite: &Path) -> Result<bool> {
    let mut connect = Command::new(suite.join("agnhost"));
    connect.args(["connect", "127.0.0.1:9", "--protocol=sctp", "--timeout=1s"]);
    let answer = connect.output().context("could not start agnhost")?.stderr;
    Ok(!String::from_utf8_lossy(&answer).contains("protocol not supported"))
}

/// The suite's call. It gives up by itself after an hour where nobody says otherwise.
fn suite_command(context: &Context, suite: &Path, kubeconfig: &str, flags: &[String]) -> Command {
    let mut command = context.command(&suite.join("e2e.test").to_string_lossy());
    command.args(["--provider=skeleton", "--num-nodes=1", "--ginkgo.v", "--ginkgo.no-color"]);
    command.arg(format!("--kubeconfig={kubeconfig}")).arg("--ginkgo.timeout=3h");
    if !is_given(flags, "--ginkgo.focus") {
        command.arg(format!("--ginkgo.focus={FOCUS}"));
    }
    command.args(flags);
    command
}
