//! Finds labs in a folder.

use std::path::{Path, PathBuf};

/// How deep below a folder to search.
const MAX_DEPTH: usize = 6;

/// Finds the folders at or below a folder that contain `workshop/content`.
#[must_use]
pub fn find_workshops(dir: &Path) -> Vec<PathBuf> {
    let (mut labs, mut folders) = (Vec::new(), vec![(dir.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        if folder.join("workshop/content").is_dir() {
            labs.push(folder);
        } else if depth < MAX_DEPTH {
            folders.extend(folders_in(&folder).into_iter().map(|folder| (folder, depth + 1)));
        }
    }
    labs.sort();
    labs
}

/// Finds the labs that a user means who names a folder: the folder itself if it is a lab, or the labs in it, which may
/// be just Markdown files. Returns the folder itself if it contains parts of a lab but no whole one.
#[must_use]
pub fn find_labs(dir: &Path) -> Vec<PathBuf> {
    let mut labs = find_workshops(dir);
    if labs == [dir] {
        return labs;
    }
    if labs.is_empty() && has_page(dir) {
        return vec![dir.to_owned()];
    }
    labs.extend(folders_in(dir).into_iter().filter(|folder| has_page(folder)));
    labs.sort();
    labs.dedup();
    let has_part = dir.join("workshop").is_dir() || dir.join("resources/workshop.yaml").is_file();
    if labs.is_empty() && has_part {
        labs.push(dir.to_owned());
    }
    labs
}

/// Returns whether a folder contains a page and is not written for another platform.
fn has_page(folder: &Path) -> bool {
    let is_page = |path: PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        name.ends_with(".md") && !crate::layout::is_about_the_lab(&name)
    };
    !folder.join("index.json").exists()
        && std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_page(entry.path())))
}

/// Returns the folders in a folder, except hidden ones.
pub(crate) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        find_labs(dir).iter().map(|lab| crate::files::relative(dir, lab)).collect()
    }

    #[test]
    fn a_lab_is_found_where_it_is_named() {
        assert_eq!(names(folder_with(&["workshop/content/a.md", "b/c.md"]).path()), [""]);
        assert_eq!(names(folder_with(&["page.md", "files/x.yaml"]).path()), [""]);
        assert_eq!(names(folder_with(&["resources/workshop.yaml", "README.md"]).path()), [""]);
    }

    #[test]
    fn labs_are_found_in_a_folder_of_labs() {
        let dir = folder_with(&[
            "README.md",
            "full/workshop/content/a.md",
            "deep/er/workshop/content/a.md",
            "bare/page.md",
            "none/README.md",
            "scenario/index.json",
            "scenario/step1.md",
            ".git/x.md",
        ]);
        assert_eq!(names(dir.path()), ["bare", "deep/er", "full"]);
    }

    #[test]
    fn an_empty_folder_holds_no_lab() {
        assert!(names(folder_with(&["README.md"]).path()).is_empty());
    }
}
