//! Puts finished files where they are used, without touching those that are there already: cargo rebuilds what includes a
//! touched file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Makes one folder equal to another; equal files stay as they are.
pub fn mirror_tree(from: &Path, to: &Path) -> Result<()> {
    make_equal(from, to, &|source, target| {
        if fs::read(target).ok() != Some(fs::read(source)?) {
            fs::copy(source, target).with_context(|| format!("could not write {}", target.display()))?;
        }
        Ok(())
    })
}

/// Makes one folder equal to another by hard links, as [`link_file`] does.
pub fn link_tree(from: &Path, to: &Path) -> Result<()> {
    make_equal(from, to, &link_file)
}

/// Makes `to` the same file as `from`, by a hard link or, across file systems, a copy. A program that runs from `to` keeps
/// running.
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

/// Removes what is in `to` but not in `from`, and calls `put` for each file of `from`.
fn make_equal(from: &Path, to: &Path, put: &dyn Fn(&Path, &Path) -> Result<()>) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    let wanted = names(from)?;
    for name in names(to)?.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .with_context(|| format!("could not remove {}", path.display()))?;
    }
    for name in &wanted {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() { make_equal(&source, &target, put) } else { put(&source, &target) }?;
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
