//! The parts that commands need, in the order in which they are made.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use lectern_images::Inputs;
use lectern_testbed::{External, Programs};

use crate::context::Context;
use crate::packages::{self, Needs};
use crate::state::{State, earlier};
use crate::step::{Step, seconds};
use crate::steps::Steps;
use crate::{interrupt, place, programs, wasm, web};

const AGAIN: &str = "fix what the reason names, then give the same command again: what is done stays done";
const FETCH: &str =
    "check that this machine reaches the package registries, then give the same command again";
pub const SOURCE: &str = "correct the source that the lines above name, then give the same command again";

/// A part of Lectern, or of what builds it, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Debian's packages.
    #[value(skip)]
    Packages,
    /// A compiler for the browser.
    #[value(skip)]
    Compiler,
    /// wasm-bindgen.
    #[value(skip)]
    Bindgen,
    /// The web app.
    Web,
    /// Kubernetes as one program.
    Cluster,
    /// The workbench's agent.
    Agent,
    /// Container images.
    Images,
    /// The server.
    Server,
}

const ALL: [Part; 8] = [
    Part::Packages,
    Part::Compiler,
    Part::Bindgen,
    Part::Web,
    Part::Cluster,
    Part::Agent,
    Part::Images,
    Part::Server,
];

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::Packages => "Installing Debian packages",
            Self::Compiler => "Finding a compiler for the browser",
            Self::Bindgen => "Building wasm-bindgen",
            Self::Web => "Building the web app",
            Self::Cluster => "Building the cluster program",
            Self::Agent => "Building the agent",
            Self::Images => "Building the container images",
            Self::Server => "Building the server",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Packages | Self::Compiler => FETCH,
            Self::Images => AGAIN,
            _ => SOURCE,
        }
    }

    fn needs(self) -> &'static [Self] {
        match self {
            Self::Packages => &[],
            Self::Compiler | Self::Bindgen | Self::Cluster | Self::Agent => &[Self::Packages],
            Self::Web => &[Self::Compiler, Self::Bindgen],
            Self::Images => &[Self::Cluster, Self::Agent],
            Self::Server => &[Self::Web],
        }
    }
}

/// Returns the wanted parts with all that they need, in order. A cluster from elsewhere needs neither ours nor images for it.
fn parts_for(wanted: &[Part], external: &External) -> Vec<Part> {
    let mut needed: Vec<Part> = Vec::new();
    let mut open = wanted.to_vec();
    while let Some(part) = open.pop() {
        let elsewhere = external.kubernetes && matches!(part, Part::Cluster | Part::Agent | Part::Images);
        if !elsewhere && !needed.contains(&part) {
            needed.push(part);
            open.extend(part.needs());
        }
    }
    ALL.into_iter().filter(|part| needed.contains(part)).collect()
}

/// Adds a step for each of the parts and all that they need. The artefacts go into `target/bundle`.
pub fn add<'a>(
    steps: &mut Steps<'a>,
    context: &'a Context,
    wanted: &[Part],
    needs: Needs,
    external: &'a External,
) {
    for part in parts_for(wanted, external) {
        steps.build(part.title(), part.advice(), move |state, step| match part {
            Part::Packages => packages::install(context, step, needs, external),
            _ => make(context, state, step, part),
        });
    }
}

fn make(context: &Context, state: &mut State, step: &Step, part: Part) -> Result<()> {
    let bundle = |name: &str| context.bundle.join(name);
    match part {
        Part::Packages => {}
        Part::Compiler => state.compiler = Some(wasm::compiler(context, step)?),
        Part::Bindgen => state.bindgen = Some(wasm::bindgen(context, step)?),
        Part::Web => web::build(context, step, earlier(&state.compiler)?, earlier(&state.bindgen)?)?,
        Part::Cluster => {
            let made = programs::build_cluster(context, step)?;
            for name in ["lectern-cluster", "network-policy-cni"] {
                place::link_file(&made.join(name), &bundle(name))?;
            }
            state.kubectl = Some(made.join("kubectl"));
        }
        Part::Agent => {
            let agent = programs::build_agent(context, step)?;
            place::link_file(&agent, &bundle("lectern-agent"))?;
            state.agent = Some(agent);
        }
        Part::Images => {
            let programs = [
                ("agent".to_owned(), earlier(&state.agent)?.clone()),
                ("kubectl".to_owned(), earlier(&state.kubectl)?.clone()),
            ];
            let inputs = Inputs { recipes: context.checkout.join("labs/images"), programs: programs.into() };
            place::link_tree(&build_images(context, step, &inputs)?, &bundle("images/registry"))?;
        }
        Part::Server => {
            let server = programs::build_server(context, step)?;
            place::link_file(&server, &bundle("lectern"))?;
        }
    }
    Ok(())
}

fn build_images(context: &Context, step: &Step, inputs: &Inputs) -> Result<PathBuf> {
    let outcome = lectern_images::build(inputs, &context.cache.root().join("images"), &|line| step.say(line));
    // on a terminal Ctrl-C ends its programs too, which is not their fault
    interrupt::check()?;
    let built = outcome?;
    for image in &built.images {
        let (made, took) = (image.layers_made, seconds(image.took));
        step.note(&format!("{} {} {made} layers in {took}", image.repository, image.digest))?;
    }
    let layers: usize = built.images.iter().map(|image| image.layers_made).sum();
    if layers > 0 {
        let bytes: u64 = built.images.iter().map(|image| image.packed_bytes).sum();
        step.conclude(&format!(
            "{} images, {} MB, {layers} layers new",
            built.images.len(),
            bytes / 1_000_000
        ));
    }
    Ok(built.registry)
}

/// Returns what a Lectern is started from, as it was built last.
pub fn bundled(context: &Context) -> Programs {
    Programs {
        lectern: context.bundle.join("lectern"),
        cluster: context.bundle.join("lectern-cluster"),
        images: context.bundle.join("images/registry"),
        labs: context.checkout.join("labs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: External = External { postgres: false, kubernetes: false };

    #[test]
    fn a_part_comes_after_all_that_it_needs() {
        let parts = parts_for(&[Part::Images, Part::Server], &OWN);
        assert_eq!(parts, ALL);
        for (place, part) in parts.iter().enumerate() {
            assert!(part.needs().iter().all(|earlier| parts[..place].contains(earlier)), "{part:?}");
        }
    }

    #[test]
    fn one_part_alone_brings_only_its_own() {
        assert_eq!(parts_for(&[Part::Web], &OWN), [Part::Packages, Part::Compiler, Part::Bindgen, Part::Web]);
        assert_eq!(parts_for(&[Part::Cluster], &OWN), [Part::Packages, Part::Cluster]);
    }

    #[test]
    fn somebody_elses_cluster_is_not_built() {
        let external = External { kubernetes: true, ..OWN };
        let parts = parts_for(&[Part::Images, Part::Server], &external);
        assert!(
            !parts.contains(&Part::Cluster)
                && !parts.contains(&Part::Images)
                && parts.contains(&Part::Server)
        );
    }
}
