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
            "workshop.yaml:17:15 bad-namespace warning",
            "workshop.yaml:18:5 not-acted-on warning",
            "workshop.yaml:22:14 unknown-variable warning",
            "workshop.yaml:27:9 not-acted-on warning",
            "workshop.yaml:35:7 not-allowed warning",
            "workshop.yaml:37:7 not-allowed warning",
            "workshop.yaml:41:7 not-allowed warning",
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
            "01-dough.md:7:1 missing-program warning",
            "02-oven.md:7:1 bad-action error",
            "02-oven.md:12:1 bad-action error",
            "02-oven.md:18:1 unknown-action warning",
            "oldpage.adoc:27:1 missing-terminal warning",
        ]
    );
    assert_eq!(about_pages("hugo"), ["02-planting.md:33:1 dropped-html warning"]);
}

#[test]
fn a_lab_that_does_not_load_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let found = lint(dir.path());
    assert!(found.iter().any(|one| one.code() == "no-pages" && one.severity == Severity::Error), "{found:?}");
}

/// A lab with these files, linted: the codes of its findings with their lines.
fn found(files: &[(&str, &str)]) -> Vec<(String, u32)> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [("workshop/workshop.yaml", "name: A lab\n")].iter().chain(files) {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    lint(dir.path()).iter().map(|one| (one.code().to_owned(), one.line)).collect()
}

fn page(text: &str) -> Vec<(String, u32)> {
    found(&[("workshop/content/a.md", text)])
}

fn codes(found: &[(String, u32)]) -> Vec<&str> {
    found.iter().map(|(code, _)| code.as_str()).collect()
}

#[test]
fn a_file_that_anything_brings_is_not_missing() {
    let reading = "```execute\nkubectl apply -f made/x.yaml\n```\n";
    assert_eq!(codes(&page(reading)), ["missing-file"]);
    for bringing in [
        "```execute\ncat > made/x.yaml <<EOF\nkind: Pod\nEOF\n```\n",
        "```execute\nkubectl run x --dry-run=client -o yaml > made/x.yaml\n```\n",
        "```execute\ncurl -sLo made/x.yaml https://example.test/x.yaml\n```\n",
        "```execute\nwget https://example.test/x.yaml\n```\n",
        "```execute\ngit clone https://example.test/made.git\n```\n",
        "```execute\nmkdir -p made && cp /opt/x.yaml made\n```\n",
        "```execute\nsed s/a/b/ y | tee made/x.yaml\n```\n",
        "```execute\ngit clone https://example.test/other\ncd other\n```\n",
        "```execute\ncd $WHERE\n```\n",
        "```editor:append-lines-to-file\nfile: ~/made/x.yaml\ntext: kind\n```\n",
        "```copy\ncat > made/x.yaml\n```\n",
        "```\nvim made/x.yaml\n```\n",
        "Create a file called `made/x.yaml`.\n",
    ] {
        let found = page(&format!("{bringing}\n{reading}"));
        assert!(!codes(&found).contains(&"missing-file"), "{bringing}: {found:?}");
    }
    // what only names it too does not bring it
    for naming in ["```execute\nkubectl delete -f made/x.yaml\n```\n", "```execute\nls made\n```\n"] {
        assert!(codes(&page(&format!("{naming}\n{reading}"))).contains(&"missing-file"), "{naming}");
    }
}

#[test]
fn a_file_that_a_script_or_a_source_of_the_lab_brings_is_not_missing() {
    let reading = ("workshop/content/a.md", "```execute\ncat x.yaml\n```\n");
    let resource = |rest: &str| {
        format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: lab}}\nspec:\n  {rest}\n"
        )
    };
    let is_missing = |file: (&str, &str)| codes(&found(&[reading, file])).contains(&"missing-file");
    assert!(!is_missing(("workshop/setup.d/1.sh", "#!/bin/bash\nenvsubst < t > ~/x.yaml\n")));
    assert!(!is_missing(("workshop/setup.d/1.sh", "#!/bin/bash\npython3 -c 'open(\"x.yaml\", \"w\")'\n")));
    for source in [
        "workshop: {files: [{git: {url: a}}, {http: {url: b}}]}",
        "workshop: {files: [{image: {url: a}, path: further}]}",
        "workshop: {packages: [{name: a}]}",
        "content: {files: [{git: {url: a}}, {git: {url: b}}]}",
        "session: {initContainers: [{name: a}]}",
    ] {
        assert!(!is_missing(("resources/workshop.yaml", &resource(source))), "{source}");
    }
    assert!(is_missing(("resources/workshop.yaml", &resource("workshop: {files: [{git: {url: a}}]}"))));
}

#[test]
fn a_block_is_not_wrong_for_a_variable_that_lint_cannot_know() {
    for fine in [
        "```editor:open-file\nfile: x\nline: {{ ENV_LINE }}\n```\n",
        "```execute-1\n{{ ENV_COMMAND }}\n```\n",
        "```terminal:execute\ncommand: {{ ENV_COMMAND }}\n```\n",
        "1. In a list\n\n   ```terminal:execute\n   command: %session_namespace%\n   session: {{ ENV_SESSION }}\n   ```\n",
    ] {
        assert!(!codes(&page(fine)).contains(&"bad-action"), "{fine}: {:?}", page(fine));
    }
    let wrong = page("```terminal:execute\ncomand: {{ ENV_COMMAND }}\n```\n");
    assert!(codes(&wrong).contains(&"bad-action"), "{wrong:?}");
}

#[test]
fn a_program_that_nothing_brings_is_named_once() {
    let text = "```execute\nhelm ls\n```\n\n```execute\nFOO=1 helm install x | grep y; ls\n```\n";
    assert_eq!(page(text), [("missing-program".to_owned(), 1)]);
    let brought = |path: &str, script: &str| found(&[("workshop/content/a.md", text), (path, script)]);
    assert!(brought("bin/helm", "#!/bin/sh\n").is_empty());
    assert!(
        brought("workshop/setup.d/1.sh", "#!/bin/sh\ncurl -L https://example.test/helm -o ~/bin/helm\n")
            .is_empty()
    );
    assert!(brought("workshop/profile", "export PATH=$PATH:/opt/tools\n").is_empty());
    for fine in [
        "```execute\nhelm() { kubectl \"$@\"; }\nhelm\n```\n",
        "```execute\nalias helm=kubectl\nhelm\n```\n",
        "```execute\nkubectl exec -it x -- bash\n```\n\n```execute\nps aux; helm\n```\n",
        "```execute\ncurl -s https://example.test/get | bash\n```\n\n```execute\nhelm\n```\n",
        "```execute\nfor x in a b; do kubectl get $x; done\n```\n",
        "```execute\nif [ -f x ]; then echo; fi && export A=b && ./run.sh && k get pods\n```\n",
        "```execute\ncat <<EOF | kubectl apply -f -\nkind: Pod\nspec: x\nEOF\n```\n",
    ] {
        assert!(page(fine).is_empty(), "{fine}: {:?}", page(fine));
    }
}

#[test]
fn a_terminal_that_the_layout_lacks_is_found() {
    let with = |layout: &str, text: &str| {
        let resource = format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: lab}}\nspec:\n  title: T\n  session:\n    \
             applications: {{terminal: {{enabled: true, layout: {layout}}}}}\n"
        );
        found(&[("resources/workshop.yaml", &resource), ("workshop/content/a.md", text)])
    };
    let third = "```execute-3\nls\n```\n";
    assert_eq!(with("split", third), [("missing-terminal".to_owned(), 1)]);
    assert!(with("split/2", third).is_empty());
    for fine in ["\"*\"", "01", "1", "2"] {
        let text = format!("```terminal:execute\ncommand: ls\nsession: {fine}\n```\n");
        assert!(!codes(&with("split", &text)).contains(&"missing-terminal"), "{fine}");
    }
    assert_eq!(codes(&with("none", "```execute-all\nls\n```\n")), ["missing-terminal"]);
    let made = "```dashboard:create-dashboard\nname: More\nurl: terminal:more\n```\n\n```terminal:execute\ncommand: ls\nsession: more\n```\n";
    assert!(with("default", made).is_empty());
}

#[test]
fn a_check_on_another_server_is_found() {
    let check = |line: &str| {
        let page = format!("```examiner:execute-test\nname: is-done\n{line}\n```\n");
        let script = ("workshop/examiner/tests/is-done", "#!/bin/sh\n");
        let found = found(&[("workshop/content/a.md", &page), script]);
        codes(&found).contains(&"idle-action")
    };
    assert!(check("url: https://checks.example.org"));
    assert!(!check("timeout: 5"));
}

#[test]
fn a_command_that_the_editor_does_not_have_is_found() {
    let codes_of = |command: &str| {
        let text = format!("```editor:execute-command\ncommand: {command}\n```\n");
        codes(&found(&[("workshop/content/a.md", &text)]))
            .into_iter()
            .filter(|code| *code == "idle-action")
            .count()
    };
    assert_eq!(codes_of("workbench.action.files.save"), 0);
    assert_eq!(codes_of("spring.initializr.maven-project"), 1);
}
