//! Scenarios of Killercoda and Katacoda, which are recognised but not run.

use std::path::Path;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::files;
use crate::rules::Rule;

const INDEX: &str = "index.json";

/// Returns whether a folder is a scenario of Killercoda: its `index.json` lists steps.
#[must_use]
pub fn is_scenario(folder: &Path) -> bool {
    if !folder.join(INDEX).is_file() {
        return false;
    }
    let index = files::read_text(folder, INDEX, files::MAX_MANIFEST_BYTES).ok();
    let index =
        index.and_then(|text| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).ok());
    index.is_some_and(|index| index.pointer("/details/steps").is_some_and(Value::is_array))
}

/// Returns the finding that a folder is such a scenario.
pub(crate) fn finding() -> Diagnostic {
    Diagnostic::new(Rule::OtherPlatform, INDEX, "This is a scenario for Killercoda, which Lectern does not run")
        .hint("a lab is a folder with workshop/content, or with pages; write its steps as pages with clickable blocks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_told_by_the_steps_in_its_index() {
        let dir = tempfile::tempdir().unwrap();
        for (index, wanted) in [
            (r#"{"title": "x", "details": {"steps": [{"text": "a.md"}]}}"#, true),
            ("\u{feff}{\"details\": {\"steps\": []}}", true),
            (r#"{"title": "x"}"#, false),
            ("no JSON", false),
        ] {
            std::fs::write(dir.path().join(INDEX), index).unwrap();
            assert_eq!(is_scenario(dir.path()), wanted, "{index}");
        }
    }
}
