//! The image registry on loopback: a copy of the given storage tree, served by Debian's docker-registry.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::data_dir::layout::Layout;
use crate::error::Error;
use crate::files;
use crate::host::ports::Ports;
use crate::host::probe::Probe;
use crate::process::supervise::PartSpec;

/// Updates the copy in the data folder if the source has changed.
///
/// Blobs never change, so they are hard-linked if the file system allows it. The small files that refer to them are
/// copied, because a registry that writes to the source changes them in place.
pub(crate) fn sync(source: Option<&Path>, layout: &Layout) -> Result<(), Error> {
    let target = layout.images();
    let Some(source) = source else { return files::create_private_dir(&target) };
    let wanted = fingerprint(source)?;
    let stamp = layout.root().join("images.stamp");
    if target.is_dir() && fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    files::remove_file(&stamp)?;
    let draft = layout.root().join("images.new");
    files::remove_tree(&draft)?;
    copy(source, &draft)?;
    files::remove_tree(&target)?;
    fs::rename(&draft, &target).map_err(Error::file("replace", &target))?;
    files::replace(&stamp, wanted)
}

/// Returns a hash that changes when a file below the folder is added, removed or written.
fn fingerprint(folder: &Path) -> Result<String, Error> {
    let mut hasher = DefaultHasher::new();
    walk(folder, &mut |path, found| {
        (path, found.len(), found.mtime(), found.mtime_nsec()).hash(&mut hasher);
        Ok(())
    })?;
    Ok(format!("{:016x}", hasher.finish()))
}

fn copy(source: &Path, target: &Path) -> Result<(), Error> {
    files::create_private_dir(target)?;
    walk(source, &mut |path, _| {
        let to = target.join(path.strip_prefix(source).unwrap_or(path));
        if let Some(folder) = to.parent() {
            files::create_private_dir(folder)?;
        }
        let is_blob = path.file_name().is_some_and(|name| name == "data");
        if is_blob && fs::hard_link(path, &to).is_ok() {
            return Ok(());
        }
        fs::copy(path, &to).map(drop).map_err(Error::file("copy", path))
    })
}

/// Visits the files below a folder in a fixed order.
fn walk(
    folder: &Path,
    visit: &mut dyn FnMut(&Path, &fs::Metadata) -> Result<(), Error>,
) -> Result<(), Error> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(Error::file("read", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let found = entry.metadata().map_err(Error::file("read", &path))?;
        if found.is_dir() {
            walk(&path, visit)?;
        } else {
            visit(&path, &found)?;
        }
    }
    Ok(())
}

/// Returns the registry as a part.
pub(crate) fn registry(layout: &Layout, ports: &Ports) -> Result<PartSpec, Error> {
    let port = ports.of("registry");
    let path = layout.config("registry.yml");
    files::settle_yaml(&path, &[config(layout, port)])?;
    let mut spec =
        PartSpec::new("registry", "docker-registry", Probe::http(port, "/")).arg("serve").arg(path);
    spec.stop_limit = Duration::from_secs(1);
    Ok(spec)
}

fn config(layout: &Layout, port: u16) -> Value {
    json!({
        // as a number, which is how the registry wants its version
        "version": 0.1,
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": layout.images() },
            "maintenance": {
                "uploadpurging": { "enabled": false },
                "readonly": { "enabled": true },
            },
        },
        "http": { "addr": format!("127.0.0.1:{port}") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_follows_its_source_and_shares_the_blobs() {
        let folder = tempfile::tempdir().expect("folder");
        let source = folder.path().join("source");
        let layout = Layout::new(folder.path().join("data"));
        files::create_private_dir(&source.join("blobs")).expect("source");
        fs::write(source.join("blobs/data"), "a blob").expect("blob");
        fs::write(source.join("link"), "one").expect("link");
        sync(Some(&source), &layout).expect("first copy");
        let inode = |path: &Path| fs::metadata(path).expect("file").ino();
        assert_eq!(inode(&source.join("blobs/data")), inode(&layout.images().join("blobs/data")));
        assert_ne!(inode(&source.join("link")), inode(&layout.images().join("link")));

        fs::write(source.join("link"), "another").expect("link");
        fs::write(source.join("new"), "").expect("new");
        assert_eq!(fs::read_to_string(layout.images().join("link")).expect("copy"), "one");
        sync(Some(&source), &layout).expect("second copy");
        assert_eq!(fs::read_to_string(layout.images().join("link")).expect("copy"), "another");
        assert!(layout.images().join("new").exists());
    }

    #[test]
    fn the_registry_serves_the_copy_on_loopback_and_takes_no_uploads() {
        let expected = "version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: /srv/lectern/images
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: true
http:
  addr: 127.0.0.1:20014
";
        files::tests::assert_same_yaml(&[config(&Layout::new("/srv/lectern"), 20_014)], &[expected]);
    }

    #[test]
    fn a_source_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let error =
            sync(Some(Path::new("/nonexistent/images")), &Layout::new(folder.path())).expect_err("no source");
        assert!(error.to_string().contains("/nonexistent/images"), "{error}");
    }
}
