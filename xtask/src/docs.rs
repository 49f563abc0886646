//! Compares what the documents say about the code with the code.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the checkout that these tests were compiled from.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the checkout").to_owned()
}

/// Adds all sources of a language below a folder to `text`. What is built or installed there is left out.
fn sources(folder: &Path, extension: &str, text: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "node_modules" && name != "target" {
            sources(&path, extension, text);
        } else if path.extension().is_some_and(|found| found == extension) {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// Returns the names in backticks in the last column of a document's tables.
fn named_in_last_column(document: &str) -> Vec<&str> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_test_that_holds_a_lesson_or_a_finding_of_security_exists() {
    let document = fs::read_to_string(checkout().join("docs/SECURITY.md")).unwrap();
    let (mut rust, mut go, mut browser) = (String::new(), String::new(), String::new());
    for folder in
        ["agent", "api", "content", "embedded", "images", "link", "server", "testbed", "web", "xtask"]
    {
        sources(&checkout().join(folder), "rs", &mut rust);
    }
    sources(&checkout().join("cluster"), "go", &mut go);
    sources(&checkout().join("e2e"), "ts", &mut browser);
    let is_there = |name: &str| {
        let last = name.rsplit("::").next().unwrap_or(name);
        browser.contains(name)
            || go.contains(&format!("func {name}("))
            || rust.contains(&format!("fn {last}("))
            || rust.contains(&format!("mod {last};"))
    };
    let names: Vec<_> = named_in_last_column(&document).into_iter().filter(|name| name.len() > 1).collect();
    let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(names.len() > 30, "the table of lessons was not read: {names:?}");
    assert!(missing.is_empty(), "docs/SECURITY.md names tests that do not exist: {missing:#?}");
}
