//! Container images without a container registry: builds the recipes under `labs/images/` into a
//! storage tree that Debian's `docker-registry` serves as it lies.
//!
//! An image is a stack of layers, and each layer is cached by a hash of everything that goes into
//! it. Swapping the agent therefore packs one small layer again and leaves Debian's packages
//! alone. What a recipe may say is in `labs/images/README.md`.

mod debian;
mod layer;
mod program;
mod recipe;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use layer::{Layer, Workshop};
use recipe::Recipe;
use storage::Storage;

/// What the recipes are made from, besides Debian's packages.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The folder of recipes, `labs/images`.
    pub recipes: PathBuf,
    /// Programs that recipes put into images, by the name under which `[[inputs]]` asks for them.
    pub programs: BTreeMap<String, PathBuf>,
}

impl Inputs {
    /// Names the two programs that the shipped recipes ask for.
    pub fn new(recipes: &Path, kubectl: &Path, agent: &Path) -> Self {
        let programs = BTreeMap::from([
            ("agent".to_owned(), agent.to_owned()),
            ("kubectl".to_owned(), kubectl.to_owned()),
        ]);
        Self { recipes: recipes.to_owned(), programs }
    }
}

/// What [`build`] left under its output folder.
#[derive(Debug, Clone)]
pub struct Built {
    /// The `rootdirectory` for `docker-registry`; blobs in it never change once written, so a copy
    /// may be made of hard links.
    pub registry: PathBuf,
    /// Every image, in the order of the recipes' folder names.
    pub images: Vec<Image>,
}

/// One image of the registry.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its repository, such as `library/httpd`.
    pub repository: String,
    /// Every tag that leads to it.
    pub tags: Vec<String>,
    /// The digest of its manifest, `sha256:…`.
    pub digest: String,
    /// The sum of its packed layers, in bytes.
    pub packed_bytes: u64,
    /// How many of its layers had to be made; 0 when all were cached.
    pub layers_made: usize,
    /// How long that took.
    pub took: Duration,
}

/// Builds every recipe of `inputs.recipes` into `out/registry`, making only the layers whose
/// recipe or inputs changed since the last time, and removes what no image needs any more.
///
/// Only one build runs on an output folder at a time; a second one waits. `progress` is told in
/// one line what begins. Needs root, for mmdebstrap.
///
/// # Errors
///
/// Names the recipe, and carries the last lines of the program that failed.
pub fn build(inputs: &Inputs, out: &Path, progress: &dyn Fn(&str)) -> Result<Built> {
    fs::create_dir_all(out).with_context(|| format!("could not create {}", out.display()))?;
    let lock = File::create(out.join(".lock")).context("could not create the lock file")?;
    lock.lock().with_context(|| format!("could not lock {}", out.display()))?;

    let storage = Storage::open(&out.join("registry"))?;
    let workshop = Workshop::open(out, &storage, inputs, progress)?;
    let mut images = Vec::new();
    let mut kept = BTreeSet::new();
    for recipe in recipe::load_recipes(&inputs.recipes)? {
        let image = build_image(&workshop, &storage, &recipe, &mut kept)
            .with_context(|| format!("could not build the image of {}", recipe.folder.display()))?;
        images.push(image);
    }
    storage.keep_only(&images, &kept)?;
    workshop.forget_lost_layers()?;
    Ok(Built { registry: storage.root().to_owned(), images })
}

fn build_image(
    workshop: &Workshop<'_>,
    storage: &Storage,
    recipe: &Recipe,
    kept: &mut BTreeSet<String>,
) -> Result<Image> {
    let started = Instant::now();
    let layers = workshop.stack_layers(recipe)?;
    let described: Vec<Layer> = layers.iter().map(|(layer, _)| layer.clone()).collect();
    let written = storage.write_image(recipe, &described)?;
    kept.extend(written.blobs);
    Ok(Image {
        repository: recipe.repository.clone(),
        tags: recipe.tags.clone(),
        digest: written.digest,
        packed_bytes: described.iter().map(|layer| layer.packed_bytes).sum(),
        layers_made: layers.iter().filter(|(_, made)| *made).count(),
        took: started.elapsed(),
    })
}
