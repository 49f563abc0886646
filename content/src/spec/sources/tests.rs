use super::*;
use crate::rules::Rule;
use crate::spec::{LabSpec, read};
use crate::yaml::parse;

fn spec_of(spec: &str) -> (LabSpec, Vec<String>) {
    let text = format!(
        "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: lab-x}}\nspec:\n{spec}"
    );
    let found = read(&parse(&text).unwrap(), "resources/workshop.yaml");
    let findings = found.findings.diagnostics.iter();
    (found.spec, findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect())
}

fn origins(spec: &str) -> Vec<Origin> {
    let (spec, findings) = spec_of(spec);
    assert!(findings.is_empty(), "{findings:?}");
    spec.files.into_iter().map(|source| source.origin).collect()
}

fn git(url: &str, reference: &str) -> Origin {
    Origin::Git { url: url.to_owned(), reference: reference.to_owned() }
}

#[test]
fn every_kind_of_source_is_read_in_the_authors_order() {
    let (spec, findings) = spec_of(
        "  workshop:
    files:
    - image: {url: $(image_repository)/lab-x-files:$(workshop_version)}
      includePaths: [/workshop/**, /exercises/**]
    - git: {url: https://github.com/acme/shared, ref: origin/main}
      path: ./exercises/shared/
      newRootPath: samples/one
      excludePaths: ['**/*.md']
    - http: {url: https://example.org/$(platform_arch)/data.tar.gz, sha256: abc}
    - image: {url: ghcr.io/acme/tools:v1}
    - inline: {paths: {notes/a.txt: hello}}
",
    );
    assert!(findings.is_empty(), "{findings:?}");
    let [own, shared, data, tools, notes] = spec.files.as_slice() else { panic!("{:?}", spec.files) };
    assert_eq!(own.origin, Origin::Own);
    assert_eq!(own.rules.include, ["/workshop/**", "/exercises/**"]);
    assert_eq!(shared.origin, git("https://github.com/acme/shared", "main"));
    assert_eq!((shared.path.as_str(), shared.new_root.as_str()), ("exercises/shared", "samples/one"));
    assert_eq!(shared.line, 9);
    let url = format!("https://example.org/{}/data.tar.gz", platform_arch());
    assert_eq!(data.origin, Origin::Http { url, sha256: Some("abc".into()), keeps_archive: false });
    assert_eq!(tools.origin, Origin::Image { reference: "ghcr.io/acme/tools:v1".into(), plain_http: false });
    assert_eq!(notes.origin, Origin::Inline(vec![("notes/a.txt".into(), "hello".into())]));
    assert!(spec.brings_files_from_elsewhere());
}

#[test]
fn the_labs_own_image_is_its_folder_and_brings_nothing_from_elsewhere() {
    let (spec, _) = spec_of("  workshop: {files: [{image: {url: \"$(image_repository)/x-files:1\"}}]}\n");
    assert_eq!(spec.files[0].origin, Origin::Own);
    assert!(!spec.brings_files_from_elsewhere() && !LabSpec::default().brings_files_from_elsewhere());
}

#[test]
fn packages_have_a_name_and_sources_of_the_same_kinds() {
    let (spec, findings) = spec_of(
        "  workshop:
    packages:
    - name: argocd
      files: [{path: ., image: {url: ghcr.io/acme/argocd:v2}}]
    - name: ../out
      files: []
",
    );
    assert_eq!(spec.packages.len(), 1);
    assert_eq!(spec.packages[0].name, "argocd");
    assert!(
        matches!(&spec.packages[0].files[0].origin, Origin::Image { reference, .. } if reference == "ghcr.io/acme/argocd:v2")
    );
    assert_eq!(findings, ["bad-name: the package \"../out\" is left out"]);
}

#[test]
fn what_cannot_be_fetched_is_a_warning_that_names_it_and_costs_nothing_else() {
    let (spec, findings) = spec_of(
        "  workshop:
    files:
    - githubRelease: {slug: acme/x, tag: v1}
    - helmChart: {name: x}
    - git: {url: https://github.com/acme/x, ref: v1, secretRef: {name: s}}
    - image: {url: $(oci_image_cache)/x:1}
    - git: {url: https://github.com/acme/y}
      path: ../up
    - git: {url: https://github.com/acme/z}
      includePaths: ['[a']
",
    );
    let urls: Vec<_> = spec.files.iter().map(LabSource::title).collect();
    assert_eq!(urls, ["https://github.com/acme/x", "https://github.com/acme/z"]);
    assert_eq!(
        findings,
        [
            "not-acted-on: Lectern does not fetch `githubRelease`",
            "not-acted-on: Lectern does not fetch `helmChart`",
            "not-acted-on: `git` names a secret, which Lectern does not use",
            "not-acted-on: \"$(oci_image_cache)/x:1\" names something that only Educates has",
            "outside: `path` leads out: \"../up\"; the source is left out",
            "bad-pattern: \"[a\" is no pattern of paths",
        ]
    );
    assert_eq!(Rule::NotActedOn.code(), "not-acted-on");
}

#[test]
fn the_older_form_names_everything_in_one_text() {
    for (text, origin, folder) in [
        ("github.com/acme/lab", git("https://github.com/acme/lab", ""), ""),
        ("github.com/acme/lab/sub/x?ref=develop", git("https://github.com/acme/lab", "develop"), "sub/x"),
        ("gitlab.com/acme/lab", git("https://gitlab.com/acme/lab", ""), ""),
        (
            "https://example.org/lab.tar.gz?path=lab-main&token=1",
            Origin::Http {
                url: "https://example.org/lab.tar.gz?token=1".into(),
                sha256: None,
                keeps_archive: false,
            },
            "lab-main",
        ),
        (
            "imgpkg+https://ghcr.io/acme/lab:1?path=sub",
            Origin::Image { reference: "ghcr.io/acme/lab:1".into(), plain_http: false },
            "sub",
        ),
        (
            "imgpkg+http://localhost:5001/lab:1",
            Origin::Image { reference: "localhost:5001/lab:1".into(), plain_http: true },
            "",
        ),
        (
            "ghcr.io/acme/lab:1",
            Origin::Image { reference: "ghcr.io/acme/lab:1".into(), plain_http: false },
            "",
        ),
        ("$(image_repository)/lab:1", Origin::Own, ""),
    ] {
        let spec = format!("  content: {{files: '{text}'}}\n");
        assert_eq!(origins(&spec), [origin], "{text}");
        assert_eq!(spec_of(&spec).0.files[0].new_root, folder, "{text}");
    }
    let (spec, findings) = spec_of("  content: {files: some words}\n");
    assert!(spec.files.is_empty());
    assert_eq!(findings, ["not-acted-on: \"some words\" cannot be fetched"]);
}

#[test]
fn the_repository_or_image_of_the_lab_itself_is_its_own_folder() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    let settled = |entry: &str| {
        let (mut spec, _) = spec_of(&format!("  workshop: {{files: [{entry}]}}\n"));
        settle(&mut spec.files, dir.path(), &["lab-x", "folder"]);
        (spec.files[0].origin == Origin::Own, spec.files[0].new_root.clone())
    };
    let own = |root: &str| (true, root.to_owned());
    assert_eq!(settled("{git: {url: 'https://github.com/acme/lab-x.git'}}"), own(""));
    assert_eq!(settled("{image: {url: 'ghcr.io/acme/lab-x-files:1.2'}}"), own(""));
    assert_eq!(settled("{git: {url: 'https://github.com/acme/all'}, newRootPath: labs/folder}"), own(""));
    assert_eq!(settled("{git: {url: 'https://github.com/acme/lab-x'}, newRootPath: files}"), own("files"));
    for other in [
        "{git: {url: 'https://github.com/acme/other'}}",
        "{git: {url: 'https://github.com/acme/lab-x'}, path: sub}",
        "{git: {url: 'https://github.com/acme/lab-x'}, newRootPath: not/there}",
    ] {
        assert!(!settled(other).0, "{other}");
    }
}

#[test]
fn entries_that_name_the_labs_repository_are_its_own_folder_and_other_folders_of_it_are_not() {
    let (mut spec, _) = spec_of(
        "  workshop:
    files:
    - git: {url: https://GitHub.com/acme/labs.git}
      newRootPath: one
    - git: {url: https://github.com/acme/labs}
      newRootPath: common
",
    );
    settle_repository(&mut spec.files, "https://github.com/acme/labs", "one");
    assert_eq!(spec.files[0].origin, Origin::Own);
    assert_eq!(spec.files[1].origin, git("https://github.com/acme/labs", ""));
}

#[test]
fn patterns_take_and_leave_out_as_the_dialect_says() {
    let rules = |include: &[&str], exclude: &[&str]| {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        PathRules { include: owned(include), exclude: owned(exclude) }.matcher()
    };
    let some = rules(&["/exercises/**", "/README.md", "docs/*.txt"], &["**/secret.txt"]);
    for (path, taken) in [
        ("exercises/a", true),
        ("exercises/.b/c", true),
        ("README.md", true),
        ("sub/README.md", false),
        ("docs/a.txt", true),
        ("docs/deep/a.txt", false),
        ("exercises/deep/secret.txt", false),
        ("other", false),
    ] {
        assert_eq!(some.takes(path), taken, "{path}");
    }
    assert!(rules(&[], &[]).takes("anything/at/all"));
}
