//! Container images without Docker: builds recipes such as those in `labs/images/` into a storage tree that Debian's
//! `docker-registry` serves as it is.
//!
//! An image is a stack of layers, and each layer is cached by a hash of everything that goes into it. Replacing the
//! agent therefore packs one small layer again and leaves Debian's packages alone. `labs/images/README.md` describes
//! recipes.

mod debian;
mod layer;
mod program;
mod recipe;
mod stack;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

pub use stack::Inputs;
pub use storage::Image;

use layer::Layer;
use recipe::Recipe;
use stack::Stacker;
use storage::Storage;

/// What [`build`] left in its output folder.
#[derive(Debug, Clone)]
pub struct Built {
    /// The `rootdirectory` for `docker-registry`. Blobs in it never change once written, so a copy may be made of hard
    /// links.
    pub registry: PathBuf,
    /// Every image, in the order of the recipes' folder names.
    pub images: Vec<Image>,
}

/// Builds every recipe of `inputs.recipes` into `out/registry`, making only the layers whose recipe or inputs changed
/// since the last time, and removes what no image needs any more.
///
/// Only one build runs on an output folder at a time; a second one waits. `progress` gets a line when a layer is begun.
/// Needs root, for mmdebstrap.
///
/// # Errors
///
/// Names the recipe, and contains the last lines of the program that failed.
pub fn build(inputs: &Inputs, out: &Path, progress: &dyn Fn(&str)) -> Result<Built> {
    fs::create_dir_all(out).with_context(|| format!("could not create {}", out.display()))?;
    let lock = File::create(out.join(".lock")).context("could not create the lock file")?;
    lock.lock().with_context(|| format!("could not lock {}", out.display()))?;

    let storage = Storage::open(&out.join("registry"))?;
    let stacker = Stacker::open(out, &storage, inputs, progress)?;
    let mut images = Vec::new();
    let mut kept = BTreeSet::new();
    for recipe in recipe::load_recipes(&inputs.recipes)? {
        let image = build_image(&stacker, &storage, &recipe, &mut kept)
            .with_context(|| format!("could not build the image of {}", recipe.folder.display()))?;
        images.push(image);
    }
    storage.keep_only(&images, &kept)?;
    stacker.forget_lost_layers()?;
    Ok(Built { registry: storage.root().to_owned(), images })
}

fn build_image(
    stacker: &Stacker<'_>,
    storage: &Storage,
    recipe: &Recipe,
    kept: &mut BTreeSet<String>,
) -> Result<Image> {
    let started = Instant::now();
    let layers = stacker.stack_layers(recipe)?;
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
