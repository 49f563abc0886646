//! Which parts a command needs, in which order they are made, and what came out.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::external::External;
use crate::packages::{self, Needs};
use crate::render::seconds;
use crate::steps::{Step, Steps};
use crate::wasm::Compiler;
use crate::{images, place, programs, wasm, web};

const AGAIN: &str = "mend what the reason names, then give the same command again: what is done stays done";
const FETCH: &str =
    "check that this machine reaches the package registries, then give the same command again";
const SOURCE: &str = "correct the source that the lines above name, then give the same command again";

/// One thing to have, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Debian's packages.
    Packages,
    /// A compiler for the browser.
    Compiler,
    /// wasm-bindgen.
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

impl Part {
    const ALL: [Self; 8] = [
        Self::Packages,
        Self::Compiler,
        Self::Bindgen,
        Self::Web,
        Self::Cluster,
        Self::Agent,
        Self::Images,
        Self::Server,
    ];

    /// The parts that `cargo xtask build` knows by name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "web" => Self::Web,
            "cluster" => Self::Cluster,
            "agent" => Self::Agent,
            "images" => Self::Images,
            "server" => Self::Server,
            _ => bail!("there is no part {name:?}: choose of web, cluster, agent, images, server"),
        })
    }

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

    fn stands_on(self) -> &'static [Self] {
        match self {
            Self::Packages => &[],
            Self::Compiler | Self::Bindgen | Self::Cluster | Self::Agent => &[Self::Packages],
            Self::Web => &[Self::Compiler, Self::Bindgen],
            Self::Images => &[Self::Cluster, Self::Agent],
            Self::Server => &[Self::Web],
        }
    }
}

/// The wished parts with all that they stand on, in order. A cluster from elsewhere needs neither ours nor images
/// for it.
pub fn parts_for(wished: &[Part], external: &External) -> Vec<Part> {
    let mut needed: Vec<Part> = Vec::new();
    let mut open = wished.to_vec();
    while let Some(part) = open.pop() {
        let elsewhere = external.kubernetes && matches!(part, Part::Cluster | Part::Agent | Part::Images);
        if !elsewhere && !needed.contains(&part) {
            needed.push(part);
            open.extend(part.stands_on());
        }
    }
    Part::ALL.into_iter().filter(|part| needed.contains(part)).collect()
}

/// Makes the parts, one step each, and lays the artefacts in `target/bundle`.
pub fn make(
    context: &Context,
    steps: &mut Steps,
    parts: &[Part],
    needs: Needs,
    external: &External,
) -> Result<()> {
    let _lock = context.cache.lock()?;
    let mut made = Made::default();
    for part in parts {
        steps.run(part.title(), part.advice(), |step| made.part(context, step, *part, needs, external))?;
    }
    Ok(())
}

/// What later parts need of earlier ones.
#[derive(Default)]
struct Made {
    compiler: Option<Compiler>,
    bindgen: Option<PathBuf>,
    kubectl: Option<PathBuf>,
    agent: Option<PathBuf>,
}

impl Made {
    fn part(
        &mut self,
        context: &Context,
        step: &Step,
        part: Part,
        needs: Needs,
        external: &External,
    ) -> Result<()> {
        let bundle = |name: &str| context.bundle.join(name);
        match part {
            Part::Packages => packages::install(context, step, needs, external)?,
            Part::Compiler => self.compiler = Some(wasm::compiler(context, step)?),
            Part::Bindgen => self.bindgen = Some(wasm::bindgen(context, step)?),
            Part::Web => {
                let tools =
                    web::Tools { compiler: earlier(&self.compiler)?, bindgen: earlier(&self.bindgen)? };
                web::build(context, step, &tools)?;
            }
            Part::Cluster => {
                let made = programs::build_cluster(context, step)?;
                place::link_file(&made.join("lectern-cluster"), &bundle("lectern-cluster"))?;
                self.kubectl = Some(made.join("kubectl"));
            }
            Part::Agent => {
                let agent = programs::build_agent(context, step)?;
                place::link_file(&agent, &bundle("lectern-agent"))?;
                self.agent = Some(agent);
            }
            Part::Images => {
                let recipes = context.checkout.join("labs/images");
                let inputs = images::Inputs::new(&recipes, &earlier(&self.kubectl)?, &earlier(&self.agent)?);
                let registry = build_images(context, step, &inputs)?;
                place::link_tree(&registry, &bundle("images/registry"))?;
            }
            Part::Server => {
                let server = programs::build_server(context, step)?;
                place::link_file(&server, &bundle("lectern"))?;
            }
        }
        Ok(())
    }
}

fn earlier<T: Clone>(made: &Option<T>) -> Result<T> {
    made.clone().context("an earlier part is missing from the plan")
}

fn build_images(context: &Context, step: &Step, inputs: &images::Inputs) -> Result<PathBuf> {
    let outcome = images::build(inputs, &context.cache.root().join("images"), &|line| step.say(line));
    // on a terminal Ctrl-C ends its programs too: that is no fault of theirs
    crate::interrupt::check()?;
    let built = outcome?;
    for image in &built.images {
        let made = image.layers_made;
        step.note(&format!(
            "{} {} {made} layers in {}",
            image.repository,
            image.digest,
            seconds(image.took)
        ))?;
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

/// The options with which `lectern up` and `lectern parts` find what was built.
pub fn lectern_options(context: &Context, external: &External) -> Vec<(&'static str, PathBuf)> {
    let mut options = vec![("--labs-dir", context.checkout.join("labs"))];
    if !external.kubernetes {
        options.push(("--cluster-program", context.bundle.join("lectern-cluster")));
        options.push(("--images-dir", images_folder(&context.bundle)));
    }
    options
}

/// The registry's tree of images as it was built last.
pub fn images_folder(bundle: &Path) -> PathBuf {
    bundle.join("images/registry")
}

/// The server as it was built last.
pub fn lectern_program(bundle: &Path) -> PathBuf {
    bundle.join("lectern")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: External = External { postgres: false, kubernetes: false };

    #[test]
    fn a_part_comes_after_all_that_it_stands_on() {
        let parts = parts_for(&[Part::Images, Part::Server], &OWN);
        assert_eq!(parts, Part::ALL);
        for (place, part) in parts.iter().enumerate() {
            assert!(part.stands_on().iter().all(|earlier| parts[..place].contains(earlier)), "{part:?}");
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
