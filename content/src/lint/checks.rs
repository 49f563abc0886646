//! The checks of a lab: whether they can run, and whether a page runs them.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::files;
use crate::lab::{Lab, TESTS};
use crate::rules::Rule;

/// Checks the files in the folder of checks. `used` holds the names of the checks that pages run.
pub(super) fn lint(lab: &Lab, used: &BTreeSet<String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (files, _) = files::list(lab.root(), TESTS, |_| false);
    let mut stems: BTreeSet<String> = BTreeSet::new();
    for file in &files {
        let path = format!("{TESTS}/{}", file.path);
        if file.path.contains('/') && !file.executable {
            // a helper of the checks
            continue;
        }
        let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem).to_lowercase();
        if !stems.insert(stem) {
            found.push(
                Diagnostic::new(
                    Rule::DuplicateCheck,
                    &path,
                    format!("Another check is called almost `{}`", file.path),
                )
                .hint("give checks names that differ by more than case or extension"),
            );
        }
        if !file.executable && file.link.is_none() {
            found.push(
                Diagnostic::new(Rule::CheckNotExecutable, &path, "The check is not executable")
                    .hint(format!("chmod +x {path}")),
            );
        }
        if !used.contains(&file.path) {
            found.push(Diagnostic::new(Rule::UnusedCheck, &path, "No page runs this check"));
        }
    }
    found
}
