//! The layers of an image: what goes into each, whether it is cached, and how it is made.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::debian;
use crate::layer::{EPOCH, Layer};
use crate::program::{run, sha256};
use crate::recipe::{Input, Recipe};
use crate::storage::Storage;

/// The code that makes layers: a change in it makes them all again.
const CODE: [&str; 2] = [include_str!("debian.rs"), include_str!("stack.rs")];

/// What the recipes are made from, besides Debian's packages.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The folder of recipes, such as `labs/images`.
    pub recipes: PathBuf,
    /// Programs that recipes put into images, by the name under which `[[inputs]]` asks for them.
    pub programs: BTreeMap<String, PathBuf>,
}

/// Makes layers, and remembers those that it made.
pub struct Stacker<'a> {
    cache: PathBuf,
    scratch: PathBuf,
    storage: &'a Storage,
    inputs: &'a Inputs,
    progress: &'a dyn Fn(&str),
    /// A hash of [`CODE`].
    code: String,
    digests: RefCell<BTreeMap<PathBuf, String>>,
}

impl<'a> Stacker<'a> {
    /// Opens the cache beside the registry's storage and removes what an interrupted build left.
    pub fn open(
        out: &Path,
        storage: &'a Storage,
        inputs: &'a Inputs,
        progress: &'a dyn Fn(&str),
    ) -> Result<Self> {
        let scratch = out.join("scratch");
        if scratch.exists() {
            fs::remove_dir_all(&scratch).with_context(|| format!("could not clear {}", scratch.display()))?;
        }
        let cache = out.join("layers");
        fs::create_dir_all(&scratch)?;
        fs::create_dir_all(&cache)?;
        let code = scratch.join("code");
        fs::write(&code, CODE.concat())?;
        let code = sha256(&code)?;
        Ok(Self { cache, scratch, storage, inputs, progress, code, digests: RefCell::default() })
    }

    /// Returns the layers of an image from the lowest up, and for each whether it had to be made.
    pub fn stack_layers(&self, recipe: &Recipe) -> Result<Vec<(Layer, bool)>> {
        let folder = &recipe.folder;
        let root = &self.inputs.recipes;
        let mut layers = Vec::new();
        if let Some(packages) = &recipe.packages {
            let mut key = format!("debian {}\n", packages.join(" "));
            let scripts = [folder.join("customize.sh"), root.join("dpkg.cfg"), root.join("finish.sh")];
            for file in scripts.iter().filter(|file| file.is_file()) {
                writeln!(key, "{}", self.digest_of(file)?)?;
            }
            layers.push(
                self.layer(recipe, "Debian packages", &key, |tar| debian::pack_packages(recipe, root, tar))?,
            );
        }
        let script = folder.join("build.sh");
        if script.is_file() {
            let key = self.tree_key("build", folder)?;
            layers.push(self.layer(recipe, "build.sh", &key, |tar| {
                self.pack_stage(tar, |stage| run_script(&script, stage))
            })?);
        }
        let files = folder.join("files");
        if files.is_dir() {
            let key = self.tree_key("files", &files)?;
            layers.push(self.layer(recipe, "files", &key, |tar| pack_tree(&files, tar))?);
        }
        for input in &recipe.inputs {
            layers.push(self.input_layer(recipe, input)?);
        }
        ensure!(!layers.is_empty(), "the recipe puts nothing into the image");
        Ok(layers)
    }

    fn input_layer(&self, recipe: &Recipe, input: &Input) -> Result<(Layer, bool)> {
        let program = self
            .inputs
            .programs
            .get(&input.name)
            .with_context(|| format!("no input is called {:?}", input.name))?;
        let hook = input.hook.as_ref().map(|hook| recipe.folder.join(hook));
        let mut key = format!("input {} {}\n", input.path.display(), self.digest_of(program)?);
        if let Some(hook) = &hook {
            writeln!(key, "{}", self.digest_of(hook)?)?;
        }
        self.layer(recipe, &input.name, &key, |tar| {
            self.pack_stage(tar, |stage| {
                let place = stage.join(input.path.strip_prefix("/")?);
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::copy(program, &place)?;
                fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?;
                hook.iter().try_for_each(|hook| run_script(hook, stage))
            })
        })
    }

    fn layer(
        &self,
        recipe: &Recipe,
        origin: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<(Layer, bool)> {
        let note = self.scratch.join("key");
        fs::write(&note, format!("{} {EPOCH}\n{key}", self.code))?;
        let entry = self.cache.join(format!("{}.json", sha256(&note)?));
        if let Some(layer) = self.cached(&entry) {
            return Ok((layer, false));
        }
        (self.progress)(&format!("image {}: {origin}", recipe.repository));
        let tar = self.scratch.join("layer.tar");
        make(&tar).with_context(|| format!("could not make the layer of {origin}"))?;
        let diff_id = sha256(&tar)?;
        run(Command::new("gzip").args(["-n", "-6", "-f"]).arg(&tar))?;
        let packed = self.scratch.join("layer.tar.gz");
        let layer = Layer {
            origin: origin.to_owned(),
            digest: sha256(&packed)?,
            diff_id,
            packed_bytes: fs::metadata(&packed)?.len(),
        };
        self.storage.adopt_blob(&packed, &layer.digest)?;
        let fresh = self.scratch.join("entry.json");
        fs::write(&fresh, serde_json::to_vec(&layer)?)?;
        fs::rename(&fresh, &entry)?;
        Ok((layer, true))
    }

    fn cached(&self, entry: &Path) -> Option<Layer> {
        let text = fs::read(entry).ok()?;
        let layer: Layer = serde_json::from_slice(&text).ok()?;
        let held = self.storage.blob_bytes(&layer.digest)?;
        (held == layer.packed_bytes).then_some(layer)
    }

    /// Forgets the layers whose blobs are gone from the registry's storage.
    pub fn forget_lost_layers(&self) -> Result<()> {
        for entry in fs::read_dir(&self.cache)? {
            let entry = entry?.path();
            if self.cached(&entry).is_none() {
                fs::remove_file(&entry)?;
            }
        }
        fs::remove_dir_all(&self.scratch)?;
        Ok(())
    }

    fn pack_stage(&self, tar: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let stage = self.scratch.join("stage");
        fs::create_dir(&stage)?;
        fill(&stage)?;
        pack_tree(&stage, tar)?;
        fs::remove_dir_all(&stage)?;
        Ok(())
    }

    /// Returns a line for every file under a folder, with its mode and digest.
    fn tree_key(&self, kind: &str, root: &Path) -> Result<String> {
        let mut key = format!("{kind}\n");
        for file in list_files(root)? {
            let mode = fs::symlink_metadata(&file)?.permissions().mode() & 0o111;
            let name = file.strip_prefix(root)?.display();
            writeln!(key, "{name} {mode:o} {}", self.digest_of(&file)?)?;
        }
        Ok(key)
    }

    fn digest_of(&self, file: &Path) -> Result<String> {
        if let Some(known) = self.digests.borrow().get(file) {
            return Ok(known.clone());
        }
        let digest = sha256(file)?;
        self.digests.borrow_mut().insert(file.to_owned(), digest.clone());
        Ok(digest)
    }
}

fn run_script(script: &Path, stage: &Path) -> Result<()> {
    let mut command = Command::new("/bin/sh");
    command.arg("-eu").arg(script).arg(stage);
    command.env("SOURCE_DATE_EPOCH", EPOCH);
    run(&mut command)?;
    Ok(())
}

/// Packs a tree as root's, with modes that do not depend on the umask under which it was made.
fn pack_tree(root: &Path, tar: &Path) -> Result<()> {
    run(Command::new("tar")
        .args(["--create", "--format=gnu", "--sort=name", "--numeric-owner"])
        .args(["--owner=0", "--group=0", "--mode=u=rwX,go=rX"])
        .arg(format!("--mtime=@{EPOCH}"))
        .arg("--file")
        .arg(tar)
        .arg("--directory")
        .arg(root)
        .arg("."))?;
    Ok(())
}

fn list_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}
