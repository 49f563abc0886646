//! Recipes: an `image.toml` in a folder of its own, and the files beside it.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// One image to be built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The folder it was read from.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The repository under which the registry serves it, such as `library/httpd`.
    pub repository: String,
    /// At least one.
    pub tags: Vec<String>,
    /// Debian packages for the lowest layer, besides the essential ones. `None` if the image has no such layer.
    #[serde(default)]
    pub packages: Option<Vec<String>>,
    /// Programs from outside the recipe, each in a layer of its own, in this order.
    #[serde(default)]
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub config: Config,
}

/// A program that comes from outside the recipe.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in `Inputs::programs`.
    pub name: String,
    /// Its absolute path in the image.
    pub path: PathBuf,
    /// A script beside `image.toml` that adds to the layer. Its argument is the layer's root.
    #[serde(default)]
    pub hook: Option<PathBuf>,
}

/// The container's defaults, in the terms of the image format.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[serde(rename_all(serialize = "PascalCase"))]
pub struct Config {
    /// Lines of `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// `uid:gid`, in numbers so that the kubelet can see that it is not root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<PathBuf>,
    /// The program and its fixed arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments that a pod may replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
}

/// Reads all recipes under a folder, ordered by the names of their folders.
pub fn load_recipes(root: &Path) -> Result<Vec<Recipe>> {
    let entries = fs::read_dir(root).with_context(|| format!("could not list {}", root.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        if folder.join("image.toml").is_file() {
            folders.push(folder);
        }
    }
    ensure!(!folders.is_empty(), "no recipes in {}", root.display());
    folders.sort();
    folders.iter().map(|folder| load_recipe(folder)).collect()
}

fn load_recipe(folder: &Path) -> Result<Recipe> {
    let file = folder.join("image.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
    let mut recipe: Recipe =
        toml::from_str(&text).with_context(|| format!("could not read {}", file.display()))?;
    recipe.folder = folder.to_owned();
    verify_recipe(&recipe).with_context(|| format!("bad recipe {}", file.display()))?;
    Ok(recipe)
}

fn verify_recipe(recipe: &Recipe) -> Result<()> {
    // both become folder names of the registry
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with(['.', '-', '_'])
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    ensure!(
        recipe.repository.split('/').all(plain),
        "repository {:?} is not lower-case words between slashes",
        recipe.repository
    );
    ensure!(!recipe.tags.is_empty(), "no tags");
    if let Some(tag) = recipe.tags.iter().find(|tag| !plain(tag)) {
        bail!("tag {tag:?} is not a plain lower-case word");
    }
    for input in &recipe.inputs {
        let climbs = input.path.components().any(|c| c == Component::ParentDir);
        ensure!(
            input.path.is_absolute() && !climbs,
            "input {:?} needs an absolute path in the image",
            input.name
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Recipe> {
        let recipe = toml::from_str(text)?;
        verify_recipe(&recipe)?;
        Ok(recipe)
    }

    #[test]
    fn a_recipe_without_packages_gets_no_debian_layer() {
        let recipe = parse("repository = \"pause\"\ntags = [\"3.10\"]").unwrap();
        assert!(recipe.packages.is_none());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let problem = parse("repository = \"a\"\ntags = [\"1\"]\npackage = [\"vim\"]").unwrap_err();
        assert!(format!("{problem:#}").contains("package"), "{problem:#}");
    }

    #[test]
    fn a_repository_cannot_climb_out_of_the_registry() {
        let problem = parse("repository = \"../etc\"\ntags = [\"1\"]").unwrap_err();
        assert!(problem.to_string().contains("../etc"), "{problem}");
    }

    #[test]
    fn a_tag_cannot_hold_a_slash() {
        assert!(parse("repository = \"a\"\ntags = [\"1/2\"]").is_err());
    }

    #[test]
    fn an_input_path_must_be_absolute() {
        let text = "repository = \"a\"\ntags = [\"1\"]\n[[inputs]]\nname = \"x\"\npath = \"bin/x\"";
        assert!(parse(text).is_err());
    }

    #[test]
    fn the_shipped_recipes_are_all_readable() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/images");
        let repositories: Vec<String> =
            load_recipes(&root).unwrap().into_iter().map(|recipe| recipe.repository).collect();
        assert_eq!(repositories, ["library/bash", "library/httpd", "pause", "lectern/workbench"]);
    }
}
