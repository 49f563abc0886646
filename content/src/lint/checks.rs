//! The checks of a lab: can they run, and does a page run them.

use std::collections::BTreeSet;

use super::Linter;
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::lab::TESTS;

/// Looks at the files in the folder of checks; `used` are the names that pages run.
pub(super) fn lint(linter: &Linter<'_>, used: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (files, _) = files::list(linter.lab.root(), TESTS, |_| false);
    let mut stems: BTreeSet<String> = BTreeSet::new();
    for file in &files {
        let path = format!("{TESTS}/{}", file.path);
        if file.path.contains('/') && !file.executable {
            // it helps the checks
            continue;
        }
        let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem).to_lowercase();
        if !stems.insert(stem) {
            found.push(
                Diagnostic::warning(
                    "duplicate-check",
                    &path,
                    format!("Another check is called almost `{}`", file.path),
                )
                .hint("give checks names that differ by more than case or extension"),
            );
        }
        if !file.executable && file.link.is_none() {
            found.push(
                Diagnostic::error("check-not-executable", &path, "The check is not executable")
                    .hint(format!("chmod +x {path}")),
            );
        }
        if !used.contains(&file.path) {
            found.push(Diagnostic::advice("unused-check", &path, "No page runs this check"));
        }
    }
    found
}
