//! The registry's storage: the folder layout of Docker Distribution's file system driver, written
//! without a running registry.
//!
//! Each blob is stored once under `blobs/`, and a repository is a tree of small files that link to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::layer::{CREATED, Layer};
use crate::program::sha256;
use crate::recipe::Recipe;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// One image of the registry.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its repository, such as `library/httpd`.
    pub repository: String,
    /// Every tag that points to it.
    pub tags: Vec<String>,
    /// The digest of its manifest, `sha256:…`.
    pub digest: String,
    /// The sum of its packed layers, in bytes.
    pub packed_bytes: u64,
    /// How many of its layers had to be made: 0 if all were cached.
    pub layers_made: usize,
    /// How long that took.
    pub took: Duration,
}

/// The storage tree of one registry.
pub struct Storage {
    root: PathBuf,
}

/// An image that was written.
pub struct Written {
    /// The digest of its manifest, with the algorithm.
    pub digest: String,
    /// The digests of all blobs that it needs, without the algorithm.
    pub blobs: Vec<String>,
}

impl Storage {
    /// Opens a storage tree, which may be empty.
    pub fn open(root: &Path) -> Result<Self> {
        let storage = Self { root: root.to_owned() };
        for folder in [storage.blobs(), storage.repositories()] {
            fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        }
        Ok(storage)
    }

    /// Returns the registry's `rootdirectory`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the size of a blob, or `None` if it is missing.
    pub fn blob_bytes(&self, digest: &str) -> Option<u64> {
        let held = fs::metadata(self.blob_folder(digest).join("data")).ok()?;
        Some(held.len())
    }

    /// Moves a file of the same file system into the storage as the blob of that digest.
    pub fn adopt_blob(&self, file: &Path, digest: &str) -> Result<()> {
        let folder = self.blob_folder(digest);
        fs::create_dir_all(&folder)?;
        fs::rename(file, folder.join("data"))
            .with_context(|| format!("could not move {} into the registry", file.display()))
    }

    /// Writes an image's config and manifest and points its tags at them.
    pub fn write_image(&self, recipe: &Recipe, layers: &[Layer]) -> Result<Written> {
        let config = image_config(recipe, layers)?;
        let (config_digest, config_bytes) = self.write_blob(&config)?;
        let manifest = image_manifest(&config_digest, config_bytes, layers);
        let (digest, _) = self.write_blob(&manifest)?;

        let repository = self.repositories().join(&recipe.repository);
        let mut blobs = vec![config_digest];
        blobs.extend(layers.iter().map(|layer| layer.digest.clone()));
        for blob in &blobs {
            write_link(&repository.join("_layers/sha256").join(blob), &digest_name(blob))?;
        }
        let target = digest_name(&digest);
        let manifests = repository.join("_manifests");
        write_link(&manifests.join("revisions/sha256").join(&digest), &target)?;
        for tag in &recipe.tags {
            let tag = manifests.join("tags").join(tag);
            write_link(&tag.join("index/sha256").join(&digest), &target)?;
            write_link(&tag.join("current"), &target)?;
        }
        blobs.push(digest);
        Ok(Written { digest: target, blobs })
    }

    /// Removes all repositories but the given images', and all blobs but the given ones.
    pub fn keep_only(&self, images: &[Image], blobs: &BTreeSet<String>) -> Result<()> {
        let wanted: BTreeMap<PathBuf, &Image> =
            images.iter().map(|image| (self.repositories().join(&image.repository), image)).collect();
        prune_repositories(&self.repositories(), &wanted, blobs)?;
        for shelf in fs::read_dir(self.blobs())? {
            for blob in fs::read_dir(shelf?.path())? {
                let blob = blob?;
                if !blobs.contains(&*blob.file_name().to_string_lossy()) {
                    fs::remove_dir_all(blob.path())?;
                }
            }
        }
        Ok(())
    }

    fn write_blob(&self, content: &Value) -> Result<(String, usize)> {
        let bytes = serde_json::to_vec(content)?;
        let fresh = self.root.join("fresh.json");
        fs::write(&fresh, &bytes)?;
        let digest = sha256(&fresh)?;
        self.adopt_blob(&fresh, &digest)?;
        Ok((digest, bytes.len()))
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("docker/registry/v2/blobs/sha256")
    }

    fn repositories(&self) -> PathBuf {
        self.root.join("docker/registry/v2/repositories")
    }

    fn blob_folder(&self, digest: &str) -> PathBuf {
        let shelf = digest.get(..2).unwrap_or("__");
        self.blobs().join(shelf).join(digest)
    }
}

fn image_config(recipe: &Recipe, layers: &[Layer]) -> Result<Value> {
    let diff_ids: Vec<String> = layers.iter().map(|l| digest_name(&l.diff_id)).collect();
    let history: Vec<Value> =
        layers.iter().map(|layer| json!({ "created": CREATED, "created_by": layer.origin })).collect();
    Ok(json!({
        "created": CREATED,
        "architecture": architecture(),
        "os": "linux",
        "config": serde_json::to_value(&recipe.config)?,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    }))
}

fn image_manifest(config_digest: &str, config_bytes: usize, layers: &[Layer]) -> Value {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": LAYER,
                "digest": digest_name(&layer.digest),
                "size": layer.packed_bytes,
            })
        })
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG,
            "digest": digest_name(config_digest),
            "size": config_bytes,
        },
        "layers": layers,
    })
}

/// Returns the name that Go, and so every container tool, uses for this machine's processor.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn digest_name(digest: &str) -> String {
    format!("sha256:{digest}")
}

/// Writes a link that a running registry sees either complete or not at all.
fn write_link(folder: &Path, target: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join("link.new");
    fs::write(&fresh, target)?;
    fs::rename(&fresh, folder.join("link"))
        .with_context(|| format!("could not write the link in {}", folder.display()))
}

fn prune_repositories(
    folder: &Path,
    wanted: &BTreeMap<PathBuf, &Image>,
    blobs: &BTreeSet<String>,
) -> Result<()> {
    if let Some(image) = wanted.get(folder) {
        return prune_repository(folder, image, blobs);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if wanted.keys().any(|kept| kept.starts_with(&path)) {
            prune_repositories(&path, wanted, blobs)?;
        } else {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn prune_repository(folder: &Path, image: &Image, blobs: &BTreeSet<String>) -> Result<()> {
    let tags = folder.join("_manifests/tags");
    keep_entries(&tags, |name| image.tags.iter().any(|tag| tag == name))?;
    let mut links = vec![folder.join("_layers/sha256"), folder.join("_manifests/revisions/sha256")];
    links.extend(image.tags.iter().map(|tag| tags.join(tag).join("index/sha256")));
    for folder in links {
        keep_entries(&folder, |name| blobs.contains(name))?;
    }
    Ok(())
}

fn keep_entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !wanted(&entry.file_name().to_string_lossy()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
