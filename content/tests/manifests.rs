//! Whatever is wrong with a lab's manifests, its pages are shown and its sessions start.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::fs;
use std::path::{Path, PathBuf};

use lectern_content::allow::Allowances;
use lectern_content::spec::{Budget, LabSpec, NamespaceRole};
use lectern_content::{Lab, Rule, Severity, lint};

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in
            [("workshop/content/a.md", "# A\n"), ("workshop/content/b.md", "# B\n")].iter().chain(files)
        {
            let path = folder.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("my-lab")
    }

    fn labs(&self) -> Vec<Lab> {
        let (first, others) = Lab::load_all(&self.root()).unwrap();
        std::iter::once(first).chain(others).collect()
    }
}

fn names(labs: &[Lab]) -> Vec<&str> {
    labs.iter().map(|lab| lab.slug.as_str()).collect()
}

fn pages(lab: &Lab) -> Vec<&str> {
    lab.pages.iter().map(|page| page.name.as_str()).collect()
}

const HEAD: &str = "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: ";

#[test]
fn a_template_gives_what_it_says_without_its_values() {
    let folder = Folder::with(&[(
        "resources/workshop.yaml",
        "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: lab-tea\nspec:\n  title: Tea\n  \
         description: {{ .Values.description }}\n  {{- if .Values.small }}\n  session:\n    namespaces:\n      budget: small\n  \
         {{- end }}\n",
    )]);
    let lab = Lab::load(&folder.root()).unwrap();
    assert_eq!((lab.slug.as_str(), lab.title.as_str(), pages(&lab)), ("lab-tea", "Tea", vec!["a", "b"]));
    assert_eq!(lab.spec.session.namespaces.budget, Some(Budget::Small));
    let [finding] = lab.warnings.as_slice() else { panic!("{:?}", lab.warnings) };
    assert_eq!((finding.rule, finding.severity), (Rule::BadYaml, Severity::Warning));
    assert!(finding.message.contains("template"), "{finding}");
}

#[test]
fn a_template_whose_name_is_a_value_has_the_folders_name() {
    let folder = Folder::with(&[(
        "resources/workshop.yaml",
        "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  title: \
         {{ .Values.title }}\n  session:\n    namespaces:\n      role: {{ .Values.role }}\n",
    )]);
    let lab = Lab::load(&folder.root()).unwrap();
    assert_eq!((lab.slug.as_str(), lab.title.as_str()), ("my-lab", "My Lab"));
    assert_eq!(lab.spec.session.namespaces.role, NamespaceRole::Admin);
    assert_eq!(lab.warnings.len(), 1, "{:?}", lab.warnings);
}

#[test]
fn a_manifest_that_cannot_be_read_costs_nothing_but_a_finding() {
    for (text, slug) in [
        (format!("{HEAD}lab-x\nspec:\n  title: [Tea\n"), "lab-x"),
        (format!("{HEAD}lab-x\nspec:\n  title: 'Tea\n"), "lab-x"),
        ("kind: Workshop\nspec: @\n".to_owned(), "my-lab"),
        ("just words: [".to_owned(), "my-lab"),
    ] {
        let folder = Folder::with(&[("resources/workshop.yaml", &text)]);
        let lab = Lab::load(&folder.root()).unwrap();
        assert_eq!((lab.slug.as_str(), pages(&lab)), (slug, vec!["a", "b"]), "{text}");
        assert_eq!(lab.spec, LabSpec::default(), "{text}");
        let found: Vec<_> = lab.warnings.iter().map(|one| (one.rule, one.severity)).collect();
        assert_eq!(found, [(Rule::BadYaml, Severity::Warning)], "{text}");
        assert!(lint(&folder.root()).iter().any(|one| one.rule == Rule::BadYaml), "{text}");
    }
}

#[test]
fn a_key_that_stands_twice_has_its_last_value() {
    let folder = Folder::with(&[(
        "resources/workshop.yaml",
        &format!("{HEAD}lab-x\nspec:\n  title: One\n  title: Two\n"),
    )]);
    let lab = Lab::load(&folder.root()).unwrap();
    assert_eq!(lab.title, "Two");
    assert_eq!(
        lab.warnings.iter().map(|one| (one.line, one.rule)).collect::<Vec<_>>(),
        [(6, Rule::DuplicateKey)]
    );
}

#[test]
fn a_table_of_contents_that_cannot_be_read_or_names_no_page_lists_all() {
    for contents in
        ["modules: {activate: [a", "modules: {activate: [gone]}", "modules:\n\tactivate:\n\t- gone\n"]
    {
        let folder = Folder::with(&[("workshop/workshop.yaml", contents)]);
        let lab = Lab::load(&folder.root()).unwrap();
        assert_eq!(pages(&lab), ["a", "b"], "{contents}");
        assert!(!lab.warnings.is_empty(), "{contents}");
    }
}

#[test]
fn a_name_that_a_lab_cannot_have_is_made_to_fit() {
    for (given, slug) in
        [("Lab_Tea", "lab-tea"), ("tea.example", "tea-example"), ("---x", "x"), ("'###'", "my-lab")]
    {
        let folder =
            Folder::with(&[("resources/workshop.yaml", &format!("{HEAD}{given}\nspec: {{title: T}}\n"))]);
        let lab = Lab::load(&folder.root()).unwrap();
        assert_eq!(lab.slug.as_str(), slug);
        assert_eq!(
            lab.warnings.iter().map(|one| (one.line, one.rule)).collect::<Vec<_>>(),
            [(4, Rule::BadName)]
        );
    }
}

#[test]
fn files_that_no_session_can_have_are_left_out() {
    let folder = Folder::with(&[("exercises/x.txt", "x")]);
    let root = folder.root();
    std::os::unix::fs::symlink("/etc/passwd", root.join("exercises/passwd")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("exercises/lost")).unwrap();
    fs::write(root.join("workshop/content/c.md"), [b'#', b' ', 0xff, b'\n']).unwrap();
    let lab = Lab::load(&root).unwrap();
    let home: Vec<_> = lab.home_files().into_iter().map(|file| file.path).collect();
    assert_eq!((home.as_slice(), pages(&lab)), (&["exercises/x.txt".to_owned()][..], vec!["a", "b"]));
    let mut found: Vec<_> = lab.warnings.iter().map(|one| one.code()).collect();
    found.sort_unstable();
    assert_eq!(found, ["missing-file", "not-utf8", "outside"]);
}

#[test]
fn objects_that_no_session_can_have_are_left_out_and_namespaces_get_another_name() {
    let folder = Folder::with(&[(
        "resources/workshop.yaml",
        &format!(
            "{HEAD}lab-x\nspec:\n  session:\n    namespaces:\n      secondary:\n      - name: other\n      - name: \
             $(session_namespace)-b\n      - name: $(session_namespace)-b\n    objects:\n    - words\n    - {{kind: ConfigMap}}\n    \
             - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: good}}}}\n"
        ),
    )]);
    let mut lab = Lab::load(&folder.root()).unwrap();
    lab.restrict(&Allowances::default());
    assert_eq!(lab.spec.session.objects.len(), 1);
    let found = lint(&folder.root());
    let count = |rule| found.iter().filter(|one| one.rule == rule).count();
    assert_eq!((count(Rule::NotAllowed), count(Rule::BadNamespace)), (2, 1), "{found:?}");
}

#[test]
fn several_resources_in_files_and_documents_are_several_labs() {
    let one = |name: &str, title: &str, file: &str| {
        format!(
            "{HEAD}{name}\nspec:\n  title: {title}\n  session:\n    env: [{{name: WORKSHOP_FILE, value: {file}}}]\n"
        )
    };
    let folder = Folder::with(&[
        ("workshop/short.yaml", "modules: {activate: [b]}\n"),
        ("workshop/long.yaml", "modules: {activate: [b, a]}\n"),
        (
            "resources/workshop.yaml",
            &format!(
                "{}---\nkind: ConfigMap\n---\n{}",
                one("lab-long", "Long", "long.yaml"),
                one("lab-short", "Short", "short.yaml")
            ),
        ),
        ("resources/workshop-again.yaml", &one("lab-short", "Again", "long.yaml")),
        ("resources/portal.yaml", "kind: TrainingPortal\n"),
        ("resources/a-third.yaml", &one("lab-third", "Third", "absent.yaml")),
        ("resources/broken.yaml", "{{ if }}\nkind: ConfigMap\n"),
    ]);
    let labs = folder.labs();
    assert_eq!(names(&labs), ["lab-long", "lab-short", "lab-third"]);
    assert_eq!(labs.iter().map(|lab| lab.title.as_str()).collect::<Vec<_>>(), ["Long", "Short", "Third"]);
    assert_eq!(labs.iter().map(pages).collect::<Vec<_>>(), [vec!["b", "a"], vec!["b"], vec!["a", "b"]]);
    let [twice] = labs[1].warnings.as_slice() else { panic!("{:?}", labs[1].warnings) };
    assert_eq!((twice.rule, twice.severity), (Rule::BadName, Severity::Advice));
    assert_eq!(twice.file, "resources/workshop-again.yaml");
    // a page that only one of them lists is listed
    let found = lint(&folder.root());
    assert!(!found.iter().any(|one| one.rule == Rule::UnlistedPage), "{found:?}");
    assert!(found.iter().any(|one| one.rule == Rule::BadName));
}

#[test]
fn a_killercoda_scenario_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("index.json"), r#"{"title": "x", "details": {"steps": [{"text": "one.md"}]}}"#)
        .unwrap();
    fs::write(dir.path().join("one.md"), "words\n").unwrap();
    let error = Lab::load(dir.path()).unwrap_err();
    assert_eq!(error.diagnostics.iter().map(|one| one.rule).collect::<Vec<_>>(), [Rule::OtherPlatform]);
    assert!(error.to_string().contains("Killercoda"), "{error}");
    assert_eq!(lectern_content::collection::find_labs(dir.path()), [Path::new(dir.path())]);
}
