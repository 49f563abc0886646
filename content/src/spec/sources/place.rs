//! Which files of a source are taken, and where they go.

use globset::{GlobBuilder, GlobMatcher};

/// Patterns for the paths that are taken and those that are not. `**` stands for any folders, `*` and `?` for parts of one
/// name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// What is taken. Everything, if there are none.
    pub include: Vec<String>,
    /// What is left out of that.
    pub exclude: Vec<String>,
}

/// Patterns that are ready to compare with paths.
pub(crate) struct Matcher {
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
}

impl PathRules {
    /// Prepares the patterns. Those that are not valid match nothing; reading the manifest reports them.
    pub(crate) fn matcher(&self) -> Matcher {
        let ready = |patterns: &[String]| patterns.iter().filter_map(|pattern| parse(pattern)).collect();
        Matcher { include: ready(&self.include), exclude: ready(&self.exclude) }
    }
}

impl Matcher {
    /// Returns whether the file at a path, relative to the source's root, is taken.
    pub(crate) fn takes(&self, path: &str) -> bool {
        let any = |patterns: &[GlobMatcher]| patterns.iter().any(|pattern| pattern.is_match(path));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// Returns whether a text is a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    parse(text).is_some()
}

/// Parses a pattern, which may begin with a slash for the source's root. Returns `None` if it is not valid.
fn parse(pattern: &str) -> Option<GlobMatcher> {
    let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().ok()?;
    Some(glob.compile_matcher())
}

/// Returns a folder's path without `.` and slashes at its ends. Returns `None` if it leads upwards or is absolute
/// otherwise than from the source's root.
#[must_use]
pub fn folder_path(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.trim().split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let is_plain = parts.iter().all(|part| *part != ".." && !part.contains(['\0', '\\']));
    is_plain.then(|| parts.join("/"))
}
