//! Lint finds what an author should know, and nothing else.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::path::{Path, PathBuf};

use lectern_content::{Diagnostic, Severity, lint};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn shown(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .map(|one| {
            let file = one.file.rsplit('/').next().unwrap();
            format!("{file}:{}:{} {} {}", one.line, one.column, one.code(), one.severity)
        })
        .collect()
}

#[test]
fn every_fault_is_found_with_its_place() {
    let found = lint(&fixture("faulty"));
    assert_eq!(
        shown(&found),
        [
            "workshop.yaml:7:3 unknown-field warning",
            "workshop.yaml:8:15 unknown-word warning",
            "workshop.yaml:10:12 not-allowed warning",
            "workshop.yaml:13:7 unknown-field warning",
            "workshop.yaml:17:15 bad-object error",
            "workshop.yaml:18:5 not-acted-on warning",
            "workshop.yaml:22:14 unknown-variable warning",
            "workshop.yaml:27:9 not-acted-on warning",
            "workshop.yaml:35:7 bad-object error",
            "workshop.yaml:37:7 bad-object error",
            "workshop.yaml:41:7 bad-object error",
            "first.md:3:1 unknown-variable warning",
            "first.md:3:20 unknown-variable warning",
            "first.md:3:43 unset-variable warning",
            "first.md:5:1 missing-include warning",
            "first.md:7:1 unknown-action warning",
            "first.md:11:1 missing-file warning",
            "first.md:12:1 unknown-argument warning",
            "first.md:17:1 bad-action error",
            "first.md:20:1 missing-file warning",
            "first.md:24:1 missing-file warning",
            "first.md:29:1 missing-check error",
            "first.md:37:1 broken-link warning",
            "first.md:37:22 broken-image warning",
            "first.md:37:45 broken-link warning",
            "first.md:37:67 broken-link warning",
            "lonely.md:1:1 unlisted-page warning",
            "old.adoc:1:1 unlisted-page warning",
            "old.adoc:3:1 asciidoc warning",
            "er:1:1 unused-check advice",
            "is-done:1:1 unused-check advice",
            "is-done.sh:1:1 unused-check advice",
            "is-done.sh:1:1 duplicate-check warning",
            "plain:1:1 check-not-executable error",
            "workshop.yaml:5:5 missing-page warning",
        ]
    );
}

#[test]
fn a_hint_names_what_was_probably_meant() {
    let found = lint(&fixture("faulty"));
    let hint = |code: &str, part: &str| {
        let one = found.iter().find(|one| one.code() == code && one.message.contains(part));
        one.and_then(|one| one.hint.clone()).unwrap_or_else(|| panic!("no hint for {part}"))
    };
    assert!(hint("unknown-field", "descripton").contains("`description`"));
    assert!(hint("unknown-field", "budgte").contains("`budget`"));
    assert!(hint("unknown-variable", "sesion_namespace").contains("`session_namespace`"));
    assert!(hint("unknown-variable", "session_namespcae").contains("$(session_namespace)"));
    assert!(hint("unknown-action", "terminal:exectue").contains("`terminal:execute`"));
    assert!(hint("unknown-argument", "comand").contains("`command`"));
    assert!(hint("missing-check", "is-don").contains("`is-done`"));
}

#[test]
fn what_is_right_is_not_complained_about() {
    let about_pages = |name: &str| {
        let found = lint(&fixture(name));
        shown(&found.into_iter().filter(|one| one.severity > Severity::Advice).collect::<Vec<_>>())
    };
    assert!(about_pages("bare").is_empty(), "{:?}", about_pages("bare"));
    assert_eq!(
        about_pages("classic"),
        [
            "02-oven.md:7:1 bad-action error",
            "02-oven.md:12:1 bad-action error",
            "02-oven.md:18:1 unknown-action warning",
        ]
    );
    assert_eq!(
        about_pages("hugo"),
        ["workshop.yaml:21:9 not-acted-on warning", "02-planting.md:33:1 dropped-html warning"]
    );
}

#[test]
fn a_lab_that_does_not_load_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let found = lint(dir.path());
    assert!(found.iter().any(|one| one.code() == "no-pages" && one.severity == Severity::Error), "{found:?}");
}
