//! Kubernetes' own end-to-end suite, run on a cluster of ours: shows whether network policies are enforced as upstream
//! means them.
//!
//! The suite and the program of its test image come from the same Go module as the cluster. The cluster's registry holds
//! only that image and the pause image. Specs whose programs cannot communicate on this machine, whatever the policies, are
//! left out with a line that says so; upstream marks them by a feature.

mod ginkgo;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use lectern_images::Inputs;
use lectern_testbed::{Extent, External, Programs};

use crate::context::{Context, output_of};
use crate::fingerprint::Fingerprint;
use crate::packages::Needs;
use crate::parts::{self, Part};
use crate::state::{State, earlier};
use crate::step::Step;
use crate::steps::Steps;
use crate::suites::{NOT_STARTED, NOT_STOPPED, start_platform};
use crate::trials::is_given;

/// A cluster of ours is tested, whatever the environment names. The tests need no database.
const WITHOUT_DATABASE: External = External { postgres: true, kubernetes: false };
/// The specs that run if the flags name no others.
const FOCUS: &str = r"\[sig-network\] Netpol";
/// The mark of specs whose programs use SCTP.
const SCTP: &str = r"\[Feature:SCTPConnectivity\]";
const PROXY: &str =
    "check that this machine reaches a proxy of Go's modules, then give the same command again";
const AGAIN: &str = "fix what the reason names, then give the same command again: what is done stays done";
const FOCUS_ADVICE: &str =
    "read the log; `cargo xtask conformance -- --ginkgo.focus='…'` runs only specs of those words";

/// Builds what is missing and runs the suite with these flags. Returns whether every spec passed.
pub fn run(context: &Context, flags: &[String]) -> Result<bool> {
    let bundled = parts::bundled(context);
    let mut steps = Steps::new(context, "conformance")?;
    let logs = steps.logs().display().to_string();
    let needs = Needs { postgres: false, kubernetes: true, browser: false };
    parts::add(&mut steps, context, &[Part::Cluster, Part::Server], needs, &WITHOUT_DATABASE);
    steps.build("Building Kubernetes' end-to-end suite", PROXY, move |state, step| {
        state.suite = Some(build_suite(context, step)?);
        Ok(())
    });
    steps.build("Building the suite's images", AGAIN, move |state, step| {
        state.suite_images = Some(build_images(context, step, earlier(&state.suite)?)?);
        Ok(())
    });
    steps.start("Starting a cluster", NOT_STARTED, move |state, step| {
        let programs = Programs { images: earlier(&state.suite_images)?.clone(), ..bundled };
        state.platform = Some(start_platform(context, step, Extent::Parts, &programs, &WITHOUT_DATABASE)?);
        Ok(())
    });
    steps.check("Running Kubernetes' specs", FOCUS_ADVICE, move |state, step| {
        step.read_lines_with(ginkgo::reader());
        let outcome = step.run(suite_command(context, step, state, flags)?);
        for line in ginkgo::closing_lines(&step.log_text()) {
            step.print_afterwards(line.to_owned());
        }
        step.print_afterwards(format!("Whole logs: {logs}"));
        outcome
    });
    steps.check("Stopping the cluster", NOT_STOPPED, |state, step| {
        step.announce();
        state.stop_platform()
    });
    let mut state = State::default();
    steps.run(&mut state)?;
    Ok(state.tally.failed == 0)
}

/// Only upstream's modules are in these programs, so our own sources do not count.
fn build_suite(context: &Context, step: &Step) -> Result<PathBuf> {
    let sources = context.checkout.join("cluster");
    let mut key = Fingerprint::new("conformance").text(&context.ask("go version")?);
    for name in ["build.sh", "go.mod", "go.sum"] {
        key = key.file(&sources.join(name))?;
    }
    context.cache.find_or_make("conformance", &key.finish(), |folder| {
        let mut list = context.command("go list -deps -test k8s.io/kubernetes/test/e2e");
        list.current_dir(&sources);
        let packages = list.output().context("could not start go")?.stdout;
        step.count_lines_of(packages.split(|byte| *byte == b'\n').count());
        let mut build = context.command("sh");
        // it then names each package that it compiles
        build.arg(sources.join("build.sh")).arg("--e2e").arg(folder).env("GOFLAGS", "-v");
        step.run(build)
    })
}

fn build_images(context: &Context, step: &Step, suite: &Path) -> Result<PathBuf> {
    let inputs = Inputs {
        recipes: context.checkout.join("xtask/conformance"),
        programs: [("agnhost".to_owned(), suite.join("agnhost"))].into(),
    };
    let out = context.cache.root().join("conformance-images");
    let built = lectern_images::build(&inputs, &out, &|line| step.say(line))?;
    let mut list = context.program(&suite.join("e2e.test"));
    list.arg("--list-images");
    let listed = output_of(list)?;
    for image in built.images.iter().filter(|image| image.repository.starts_with("e2e-test-images/")) {
        if !image.tags.iter().any(|tag| is_listed(&listed, &image.repository, tag)) {
            bail!(
                "the suite uses no registry.k8s.io/{}:{}; `e2e.test --list-images` says which tag belongs in its \
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

/// Whether the kernel has SCTP. The suite's own program finds out, which makes the kernel load it if it is a module.
/// Without it each spec would wait an hour for servers that cannot start.
fn kernel_speaks_sctp(suite: &Path) -> Result<bool> {
    let mut connect = Command::new(suite.join("agnhost"));
    connect.args(["connect", "127.0.0.1:9", "--protocol=sctp", "--timeout=1s"]);
    let answer = connect.output().context("could not start agnhost")?.stderr;
    Ok(!String::from_utf8_lossy(&answer).contains("protocol not supported"))
}

/// Returns the suite's command. Without our timeout it would give up after an hour.
fn suite_command(context: &Context, step: &Step, state: &State, flags: &[String]) -> Result<Command> {
    let suite = earlier(&state.suite)?;
    let kubeconfig = earlier(&state.platform)?.kubeconfig()?;
    let mut command = context.program(&suite.join("e2e.test"));
    command.args(["--provider=skeleton", "--num-nodes=1", "--ginkgo.v", "--ginkgo.no-color"]);
    command.arg(format!("--kubeconfig={kubeconfig}")).arg("--ginkgo.timeout=3h");
    if !is_given(flags, "--ginkgo.focus") {
        command.arg(format!("--ginkgo.focus={FOCUS}"));
    }
    command.args(flags);
    if !kernel_speaks_sctp(suite)? {
        let left_out = format!(
            "This kernel has no SCTP: specs of {SCTP} are left out, as their servers could not listen"
        );
        step.print_afterwards(left_out);
        command.arg(format!("--ginkgo.skip={SCTP}"));
    }
    Ok(command)
}
