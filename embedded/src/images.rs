//! The image registry on loopback: a copy of the given storage tree, served by Debian's docker-registry.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::files;
use crate::layout::Layout;
use crate::ports::Ports;
use crate::probe::Probe;
use crate::supervise::PartSpec;

/// Brings the copy in the data folder up to date when the source has changed.
///
/// Blobs never change and are linked where the file system allows; the small files that name them are copied, because a
/// registry that writes to the source changes them in place.
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

/// Changes when a file below the folder comes, goes or is written.
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

/// The registry as a part.
pub(crate) fn registry(layout: &Layout, ports: &Ports) -> Result<PartSpec, Error> {
    let port = ports.of("registry");
    let config = layout.config("registry.yml");
    let images = layout.images();
    files::settle(
        &config,
        &format!(
            "version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {}
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: true
http:
  addr: 127.0.0.1:{port}
",
            images.display()
        ),
    )?;
    let mut spec =
        PartSpec::new("registry", "docker-registry", Probe::http(port, "/")).arg("serve").arg(config);
    spec.stop_limit = Duration::from_secs(1);
    Ok(spec)
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
    fn a_source_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let error =
            sync(Some(Path::new("/nonexistent/images")), &Layout::new(folder.path())).expect_err("no source");
        assert!(error.to_string().contains("/nonexistent/images"), "{error}");
    }
}
