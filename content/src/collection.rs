//! Finds labs in a folder.

use std::path::{Path, PathBuf};

use crate::scenario::is_scenario;

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
/// be just Markdown files, and the scenarios for another platform, of which lint says what they are. Returns the folder
/// itself if it contains parts of a lab but no whole one.
#[must_use]
pub fn find_labs(dir: &Path) -> Vec<PathBuf> {
    let mut labs = find_workshops(dir);
    if labs == [dir] {
        return labs;
    }
    if labs.is_empty() && (has_page(dir) || is_scenario(dir)) {
        return vec![dir.to_owned()];
    }
    let is_beside = !labs.is_empty();
    let counts = |folder: &PathBuf| {
        is_scenario(folder) || if is_beside { is_bare_lab(folder) } else { has_page(folder) }
    };
    labs.extend(folders_in(dir).into_iter().filter(counts));
    labs.sort();
    labs.dedup();
    let has_part = dir.join("workshop").is_dir() || dir.join("resources/workshop.yaml").is_file();
    if labs.is_empty() && has_part {
        labs.push(dir.to_owned());
    }
    labs
}

/// The names of folders that hold documentation, whatever is on its pages.
const DOCUMENTATION: &[&str] = &["doc", "docs", "documentation", "project-docs", "site", "website", "blog"];

/// Returns whether a folder beside whole labs is one too, although it has just pages: one of them must have a clickable
/// block. Folders of documentation are none.
#[must_use]
pub fn is_bare_lab(folder: &Path) -> bool {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if DOCUMENTATION.contains(&name.as_str()) {
        return false;
    }
    let Ok(root) = folder.canonicalize() else { return false };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut pages =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_page(name));
    pages.any(|page| {
        let text = crate::files::read_text(&root, &page, crate::files::MAX_MANIFEST_BYTES);
        text.is_ok_and(|text| has_action(&text))
    })
}

/// Returns whether a text holds a fence that begins a clickable block.
fn has_action(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let info = line.strip_prefix("```").or_else(|| line.strip_prefix("~~~"));
        info.is_some_and(|info| crate::page::action_name(info.trim_start_matches(['`', '~'])).is_some())
    })
}

fn is_page(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".md") && !crate::layout::is_about_the_lab(&name)
}

/// Returns whether a folder contains a page and is not written for another platform.
fn has_page(folder: &Path) -> bool {
    !folder.join("index.json").exists()
        && std::fs::read_dir(folder)
            .is_ok_and(|entries| entries.flatten().any(|entry| is_page(&entry.file_name().to_string_lossy())))
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
            let text = match *file {
                "real/index.json" => r#"{"details": {"steps": []}}"#,
                "bare/page.md" | "docs/page.md" => "# A page\n\n```execute\nls\n```\n",
                _ => "x",
            };
            std::fs::write(path, text).unwrap();
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
            "real/index.json",
            "docs/page.md",
            "notes/page.md",
            ".git/x.md",
        ]);
        assert_eq!(names(dir.path()), ["bare", "deep/er", "full", "real"]);
    }

    #[test]
    fn an_empty_folder_holds_no_lab() {
        assert!(names(folder_with(&["README.md"]).path()).is_empty());
    }
}
