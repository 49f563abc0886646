//! Laying finished files where they are used, without touching those that lie there already: cargo builds again what
//! includes a touched file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Copies a folder with all that is in it.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("could not write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Makes one folder equal to another; equal files stay as they are.
pub fn mirror_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    let wanted = names(from)?;
    for name in names(to)?.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .with_context(|| format!("could not remove {}", path.display()))?;
    }
    for name in &wanted {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() {
            mirror_tree(&source, &target)?;
        } else if fs::read(&target).ok() != Some(fs::read(&source)?) {
            fs::copy(&source, &target).with_context(|| format!("could not write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Makes `to` the same file as `from`: by a hard link, or a copy where that cannot be. A program that runs from `to`
/// keeps running.
pub fn link_file(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    if let (Ok(source), Ok(target)) = (fs::metadata(from), fs::metadata(to))
        && same(source, target)
    {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    }
    let mut beside = to.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    if fs::hard_link(from, &beside).is_err() {
        fs::copy(from, &beside).with_context(|| format!("could not write {}", beside.display()))?;
    }
    fs::rename(&beside, to).with_context(|| format!("could not write {}", to.display()))
}

/// Like [`link_file`] for a whole folder; what does not belong there is removed.
pub fn link_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    let wanted = names(from)?;
    for name in names(to)?.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }?;
    }
    for name in &wanted {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() { link_tree(&source, &target) } else { link_file(&source, &target) }?;
    }
    Ok(())
}

fn names(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    entries.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn two_folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("fonts")).unwrap();
        fs::write(from.join("index.html"), "1").unwrap();
        fs::write(from.join("fonts/mono"), "2").unwrap();
        (folder, from, to)
    }

    #[test]
    fn a_mirror_drops_what_is_gone_and_leaves_equal_files_untouched() {
        let (_folder, from, to) = two_folders();
        mirror_tree(&from, &to).unwrap();
        fs::write(to.join("old.js"), "0").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(9999);
        fs::File::options().write(true).open(to.join("index.html")).unwrap().set_modified(long_ago).unwrap();

        fs::write(from.join("fonts/mono"), "3").unwrap();
        mirror_tree(&from, &to).unwrap();

        assert!(!to.join("old.js").exists());
        assert_eq!(fs::read_to_string(to.join("fonts/mono")).unwrap(), "3");
        assert_eq!(fs::metadata(to.join("index.html")).unwrap().modified().unwrap(), long_ago);
    }

    #[test]
    fn a_linked_tree_follows_its_source() {
        let (_folder, from, to) = two_folders();
        link_tree(&from, &to).unwrap();
        assert_eq!(
            fs::metadata(from.join("fonts/mono")).unwrap().ino(),
            fs::metadata(to.join("fonts/mono")).unwrap().ino()
        );

        fs::remove_file(from.join("index.html")).unwrap();
        link_tree(&from, &to).unwrap();
        assert!(!to.join("index.html").exists());
    }
}
