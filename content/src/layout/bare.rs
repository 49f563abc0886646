//! A folder of Markdown files: each is a page, and the other files are the exercise's.

use std::path::Path;

use super::{Layout, add_page, page_of};
use crate::template::Style;

/// Files that describe the lab and are not pages of it.
const NOT_PAGES: &[&str] = &["README", "CONTRIBUTING", "LICENSE", "CHANGELOG", "CODE_OF_CONDUCT", "SECURITY"];

/// Returns whether a file at the top of a lab describes the lab and is not a page of it.
pub(crate) fn is_about_the_lab(file: &str) -> bool {
    page_of(file).is_some_and(|(name, _)| NOT_PAGES.contains(&name.to_uppercase().as_str()))
}

/// Reads the pages in a folder, in the order of their names.
pub(super) fn read(root: &Path) -> Layout {
    let mut layout = Layout::new(Style::Either, "");
    let mut names: Vec<String> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let is_page = |file: &&String| page_of(file).is_some() && !is_about_the_lab(file);
    let mut pages: Vec<&String> = names.iter().filter(is_page).collect();
    if pages.is_empty() {
        pages = names
            .iter()
            .filter(|name| page_of(name).is_some_and(|(name, _)| name.eq_ignore_ascii_case("readme")))
            .collect();
    }
    for file in pages {
        if let Some((name, markup)) = page_of(file) {
            add_page(root, &mut layout, name, file.clone(), markup);
        }
    }
    layout
}
