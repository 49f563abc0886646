//! Finding lab folders, and noticing that one changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lectern_api::ids::LabSlug;

/// How deep and how many files are looked at; a folder beyond that is loaded all the same.
const DEPTH: usize = 12;
const FILES: usize = 5_000;

/// Stands for the names, sizes and times of a folder's files; another one means that something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature(u64);

/// The sub-folders that are labs: all but hidden ones and those with neither a workshop nor any page.
pub(super) fn list_lab_folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !is_hidden(path) && looks_like_lab(path))
        .collect();
    folders.sort();
    Ok(folders)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

fn looks_like_lab(folder: &Path) -> bool {
    let has_page = |entry: std::fs::DirEntry| {
        let path = entry.path();
        path.extension().is_some_and(|e| e == "md") && path.file_stem().is_some_and(|s| s != "README")
    };
    folder.join("workshop").is_dir()
        || folder.join("resources/workshop.yaml").exists()
        || std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(has_page))
}

/// A slug for a folder whose lab did not load.
pub(super) fn slug_of_folder(folder: &Path) -> LabSlug {
    let name = folder.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let plain = plain.trim_matches('-');
    plain.parse().unwrap_or_else(|_| {
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        // hexadecimal digits after a letter are always a slug
        #[expect(clippy::unwrap_used, reason = "the text is made here of letters and digits")]
        format!("lab-{:016x}", hasher.finish()).parse().unwrap()
    })
}

pub(super) fn signature(folder: &Path) -> Signature {
    let mut hasher = DefaultHasher::new();
    let mut left = FILES;
    walk(folder, DEPTH, &mut left, &mut hasher);
    Signature(hasher.finish())
}

fn walk(folder: &Path, depth: usize, left: &mut usize, hasher: &mut DefaultHasher) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if *left == 0 || path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        *left -= 1;
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        path.hash(hasher);
        meta.len().hash(hasher);
        meta.modified().unwrap_or(SystemTime::UNIX_EPOCH).hash(hasher);
        if meta.is_dir() && depth > 0 {
            walk(&path, depth - 1, left, hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_recipes_is_no_lab_and_one_with_a_page_is() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, file) in [("images", "README.md"), ("seed", "page.md"), (".git", "x.md")] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join(file), "x").unwrap();
        }
        assert_eq!(list_lab_folders(dir.path()).unwrap(), [dir.path().join("seed")]);
    }

    #[test]
    fn a_changed_file_changes_the_signature() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), "x").unwrap();
        let before = signature(dir.path());
        assert_eq!(before, signature(dir.path()));
        std::fs::write(dir.path().join("a/b"), "xy").unwrap();
        assert_ne!(before, signature(dir.path()));
    }

    #[test]
    fn any_folder_name_gives_a_slug() {
        for (name, slug) in [("My Lab_2", "my-lab-2"), ("--x--", "x")] {
            assert_eq!(slug_of_folder(Path::new(name)).as_str(), slug);
        }
        assert!(slug_of_folder(Path::new("___")).as_str().starts_with("lab-"));
    }
}
