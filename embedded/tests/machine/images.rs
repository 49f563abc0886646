//! Two tiny images in a registry's storage tree: the pause image, and a probe that reports what a pod can reach.

use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

/// Builds one static program and puts it into both images.
pub fn build(tree: &Path, work: &Path) {
    let (source, program) = (work.join("probe.rs"), work.join("probe"));
    fs::write(&source, include_str!("probe.rs.txt")).expect("source");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"])
        .arg(&program)
        .arg(&source)
        .status()
        .expect("rustc");
    assert!(built.success(), "the probe was not built");
    let program = fs::read(program).expect("probe");
    add(tree, "pause", "3.10", &program);
    add(tree, "library/probe", "1", &program);
}

fn add(tree: &Path, repository: &str, tag: &str, program: &[u8]) {
    let base = tree.join("docker/registry/v2");
    let layer = layer_with(program);
    let layer_digest = blob(&base, &layer);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Entrypoint": ["/probe"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
    });
    let config = config.to_string().into_bytes();
    let config_digest = blob(&base, &config);
    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": format!("sha256:{config_digest}") },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": layer.len(), "digest": format!("sha256:{layer_digest}") }],
    });
    let manifest = blob(&base, manifest.to_string().as_bytes());
    let home = base.join("repositories").join(repository);
    for digest in [&layer_digest, &config_digest] {
        link(&home.join(format!("_layers/sha256/{digest}")), digest);
    }
    link(&home.join(format!("_manifests/revisions/sha256/{manifest}")), &manifest);
    link(&home.join(format!("_manifests/tags/{tag}/current")), &manifest);
    link(&home.join(format!("_manifests/tags/{tag}/index/sha256/{manifest}")), &manifest);
}

fn layer_with(program: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, "probe", program).expect("layer");
    archive.into_inner().expect("layer")
}

fn blob(base: &Path, content: &[u8]) -> String {
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = base.join("blobs/sha256").join(&digest[..2]).join(&digest);
    fs::create_dir_all(&folder).expect("blob");
    fs::write(folder.join("data"), content).expect("blob");
    digest
}

fn link(folder: &Path, digest: &str) {
    fs::create_dir_all(folder).expect("link");
    fs::write(folder.join("link"), format!("sha256:{digest}")).expect("link");
}
