//! Every rule of lint is explained, and its example leads to its finding.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lectern_content::{Rule, lint};

/// Rules whose example cannot be written as a small lab: it would need a file that is too large or unreadable, a
/// symbolic link, an operator's settings, or a registry.
const WITHOUT_A_LAB: &[Rule] = &[
    Rule::NotUtf8,
    Rule::Outside,
    Rule::PrivilegedLab,
    Rule::TooLong,
    Rule::TooManyFiles,
    Rule::UnpullableImage,
    Rule::Unreadable,
];

/// Returns the files that the example of a rule consists of: path and text.
fn example(rule: Rule) -> Vec<(&'static str, &'static str)> {
    let (_, rest) = rule.explanation().split_once("## Example\n").unwrap();
    let fences: Vec<&str> = rest.split("````").collect();
    fences.iter().skip(1).step_by(2).map(|fence| fence.split_once('\n').unwrap()).collect()
}

#[test]
fn codes_are_sorted_and_unique_and_lead_back_to_their_rules() {
    for pair in Rule::ALL.windows(2) {
        assert!(pair[0].code() < pair[1].code() && pair[0] < pair[1], "{} {}", pair[0], pair[1]);
    }
    for rule in Rule::ALL {
        assert_eq!(rule.code().parse(), Ok(*rule));
    }
}

#[test]
fn every_rule_is_explained_with_an_example_and_a_remedy() {
    for rule in Rule::ALL {
        let headings: Vec<_> = rule.explanation().lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## Example", "## Remedy"], "{rule}");
        let (meaning, _) = rule.explanation().split_once("## Example").unwrap();
        let (_, remedy) = rule.explanation().split_once("## Remedy").unwrap();
        assert!(meaning.trim().len() > 40 && remedy.trim().len() > 10, "{rule}");
        assert!(!rule.summary().is_empty() && !rule.summary().ends_with('.'), "{rule}");
        assert!(!example(*rule).is_empty(), "{rule}");
    }
}

#[test]
fn every_explanation_belongs_to_a_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(Rule::find(name.trim_end_matches(".md")).is_some(), "{name}");
    }
}

#[test]
fn every_example_leads_to_its_finding() {
    for rule in Rule::ALL.iter().filter(|rule| !WITHOUT_A_LAB.contains(rule)) {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let files = example(*rule);
        let has = |start: &str| files.iter().any(|(path, _)| path.starts_with(start));
        // what an example leaves out: a style, and a page
        let is_whole = matches!(rule, Rule::NoPages | Rule::OtherPlatform);
        if !has("workshop/workshop.yaml") && !is_whole {
            write("workshop/config.yaml", "");
        }
        if !has("workshop/content/") && !is_whole {
            write("workshop/content/page.md", "Words.\n");
        }
        for (path, text) in &files {
            write(path, text);
        }
        let found = lint(dir.path());
        assert!(found.iter().any(|one| one.rule == *rule), "{rule}: {found:#?}");
    }
}

#[test]
fn a_misspelt_code_is_answered_with_the_one_that_was_meant() {
    let error = "unknown-acton".parse::<Rule>().unwrap_err();
    assert_eq!(error.to_string(), "there is no finding `unknown-acton`; did you mean `unknown-action`?");
    assert_eq!("nothing-like-it".parse::<Rule>().unwrap_err().nearest, None);
}
