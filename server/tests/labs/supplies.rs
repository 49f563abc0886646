//! What labs name to be fetched besides their own folders.

use lectern_api::labs::LabSummary;
use lectern_content::{Lab, LabFile};
use lectern_server::catalog::Viewer;

use crate::artefacts::{GZIP, Registry, layer, ready};
use crate::support::repository::Repository;
use crate::support::web::{Shown, Web};
use crate::support::{Folder, Shop};

/// Writes a lab of one page whose Workshop resource has this under `workshop`.
fn write_lab(labs: &Folder, workshop: &str) {
    let indented: String = workshop.lines().map(|line| format!("    {line}\n")).collect();
    labs.write(
        "one/resources/workshop.yaml",
        &format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: one\nspec:\n  \
             title: One\n  workshop:\n{indented}"
        ),
    );
    labs.write("one/workshop/content/page.md", "# A page\n");
    labs.write("one/exercises/own.txt", "own");
}

fn shop(labs: &Folder) -> Shop {
    Shop::open_for_neighbours(&labs.path().display().to_string())
}

fn lab(shop: &Shop) -> std::sync::Arc<Lab> {
    shop.catalog.find_lab(&"one".parse().expect("a name")).expect("it is there").expect("it loads")
}

fn shown(files: &[LabFile]) -> Vec<String> {
    let text = |file: &LabFile| String::from_utf8(file.read().expect("a file")).expect("text");
    files.iter().map(|file| format!("{}={}", file.path, text(file).trim())).collect()
}

fn home(shop: &Shop) -> Vec<String> {
    let files = lab(shop).home_files();
    shown(&files).into_iter().filter(|file| !file.starts_with("resources/")).collect()
}

fn errors(labs: &[LabSummary]) -> Vec<String> {
    labs[0].errors.iter().map(|error| format!("{}:{:?}: {}", error.file, error.line, error.message)).collect()
}

fn repository(files: &[(&str, &str)]) -> (Repository, Web) {
    let repository = Repository::new();
    for (path, text) in files {
        repository.files.write(path, text);
    }
    repository.commit();
    let web = Web::start(Shown { repository: Some(repository.path()), ..Shown::default() });
    (repository, web)
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let folder = Folder::new();
    for (path, text) in files {
        folder.write(path, text);
    }
    layer(&folder, "x.tar.gz")
}

#[tokio::test]
async fn several_sources_lie_over_the_labs_folder_in_the_authors_order() {
    ready();
    let (_repository, git) = repository(&[
        ("samples/one/a.txt", "from git"),
        ("samples/one/notes.md", "left out"),
        ("other/b.txt", "not in the root"),
    ]);
    let web =
        Web::start(Shown { body: packed(&[("a.txt", "from the web"), ("c.txt", "c")]), ..Shown::default() });
    let registry = Registry::start();
    registry.push("acme/data:v1", vec![(GZIP, packed(&[("d.txt", "from the registry")]))]).await;
    let labs = Folder::new();
    write_lab(
        &labs,
        &format!(
            "files:
- git: {{url: {}/repository, ref: origin/main}}
  path: exercises
  newRootPath: samples/one
  excludePaths: ['**/*.md']
- http: {{url: '{}/data.tar.gz'}}
  path: ./exercises/
- image: {{url: '{}/acme/data:v1'}}
  includePaths: [/d.txt]
- inline: {{paths: {{e.txt: written}}}}
- image: {{url: $(image_repository)/one-files:$(workshop_version)}}
  includePaths: [/workshop/**, /exercises/**]
",
            git.base, web.base, registry.host
        ),
    );
    let shop = shop(&labs);
    // before anything was fetched the lab is there with its own files
    assert_eq!(lab(&shop).pages.len(), 1);
    let listed = shop.refreshed().await;
    assert_eq!(errors(&listed), Vec::<String>::new());
    assert_eq!(
        home(&shop),
        [
            "d.txt=from the registry",
            "e.txt=written",
            "exercises/a.txt=from the web",
            "exercises/c.txt=c",
            "exercises/own.txt=own",
        ]
    );
}

#[tokio::test]
async fn a_source_that_changes_is_laid_out_again_and_one_that_does_not_is_not_sent_again() {
    ready();
    let web = Web::start(Shown { body: packed(&[("a.txt", "1")]), etag: Some("\"1\""), ..Shown::default() });
    let labs = Folder::new();
    write_lab(&labs, &format!("files: [{{http: {{url: '{}/data.tgz'}}}}]", web.base));
    let mut shop = shop(&labs);
    shop.refreshed().await;
    shop.refreshed().await;
    assert_eq!((home(&shop), web.shown().sent), (vec!["a.txt=1".into(), "exercises/own.txt=own".into()], 1));
    let first = lab(&shop);
    (web.shown().body, web.shown().etag) = (packed(&[("a.txt", "2")]), Some("\"2\""));
    shop.refreshed().await;
    assert_eq!(home(&shop), ["a.txt=2", "exercises/own.txt=own"]);
    // a session that was starting meanwhile still finds the files before
    assert!(shown(&first.home_files()).contains(&"a.txt=1".to_owned()));
    // it is there at once after a restart, even if the source is not
    web.shown().status = Some(503);
    shop.restart();
    assert_eq!(home(&shop), ["a.txt=2", "exercises/own.txt=own"]);
    // the author's own change counts at once
    labs.write("one/exercises/own.txt", "changed");
    shop.catalog.reload().unwrap();
    assert_eq!(home(&shop), ["a.txt=2", "exercises/own.txt=changed"]);
}

#[tokio::test]
async fn a_source_that_cannot_be_fetched_is_a_finding_and_the_lab_starts_without_it() {
    ready();
    let web = Web::start(Shown { status: Some(404), ..Shown::default() });
    let labs = Folder::new();
    let url = format!("{}/data.tgz", web.base);
    write_lab(
        &labs,
        &format!("files:\n- http: {{url: '{url}'}}\n- git: {{url: 'ssh://ada:secret@a.example/x'}}\n"),
    );
    let shop = shop(&labs);
    let listed = shop.refreshed().await;
    assert_eq!(
        errors(&listed),
        [
            format!(
                "resources/workshop.yaml:Some(9): {url} could not be fetched, and the lab starts without it: {url} \
                 answered 404 Not Found; check the address, and the credentials where it needs any"
            ),
            "resources/workshop.yaml:Some(10): ssh://a.example/x could not be fetched, and the lab starts \
             without it: only addresses that begin with https:// or http:// are fetched"
                .to_owned(),
        ]
    );
    assert_eq!(home(&shop), ["exercises/own.txt=own"]);
    assert_eq!(shop.catalog.list_labs(Viewer::Learner).len(), 1);
    // the next interval
    web.shown().status = None;
    web.shown().body = packed(&[("a.txt", "at last")]);
    assert_eq!(errors(&shop.refreshed().await).len(), 1);
    assert_eq!(home(&shop), ["a.txt=at last", "exercises/own.txt=own"]);
}

#[tokio::test]
async fn labs_reach_no_private_network_unless_the_operator_allows_its_host() {
    ready();
    let (_repository, web) = repository(&[("a.txt", "secret")]);
    web.shown().body = packed(&[("a.txt", "secret")]);
    let registry = Registry::start();
    registry.push("data:v1", vec![(GZIP, packed(&[("a.txt", "secret")]))]).await;
    let labs = Folder::new();
    let port = web.base.rsplit(':').next().expect("a port").to_owned();
    write_lab(
        &labs,
        &format!(
            "files:
- http: {{url: '{}/a.tgz'}}
- http: {{url: 'http://localhost:{port}/a.tgz'}}
- git: {{url: '{}/repository'}}
- image: {{url: '{}/data:v1'}}
",
            web.base, web.base, registry.host
        ),
    );
    let shop = Shop::open(&labs.path().display().to_string());
    let found = errors(&shop.refreshed().await);
    assert_eq!(found.len(), 4, "{found:#?}");
    for (error, host) in found.iter().zip(["127.0.0.1", "localhost", "127.0.0.1", "127.0.0.1"]) {
        let words = format!(
            "{host} is in a private network; the operator can allow it with --labs-inner-host {host}"
        );
        assert!(error.ends_with(&words), "{error}");
    }
    assert_eq!(home(&shop), ["exercises/own.txt=own"]);
    assert_eq!(web.shown().sent, 0);
}

#[tokio::test]
async fn a_file_that_is_no_archive_keeps_its_name_and_must_have_its_hash() {
    ready();
    let web = Web::start(Shown { body: b"words".to_vec(), ..Shown::default() });
    let labs = Folder::new();
    let (base, right) = (&web.base, "DBA36BFFA5CAB0F922D087A3AEB179F9D4E745DF40B323E1B1471402848C8A3E");
    let wrong = "0".repeat(64);
    write_lab(
        &labs,
        &format!(
            "files:
- http: {{url: '{base}/files/tool.txt'}}
  path: bin
- http: {{url: '{base}/x', sha256: {right}}}
- http: {{url: '{base}/y', sha256: '{wrong}'}}
"
        ),
    );
    let shop = shop(&labs);
    let found = errors(&shop.refreshed().await);
    assert_eq!(home(&shop), ["bin/tool.txt=words", "exercises/own.txt=own", "x=words"]);
    let words = format!("has the SHA-256 {}, not {wrong}", right.to_lowercase());
    assert!(found.len() == 1 && found[0].contains(&words), "{found:?}");
}

#[tokio::test]
async fn pages_and_scripts_of_a_source_are_the_labs() {
    ready();
    let (_repository, web) = repository(&[
        ("course/workshop/content/first.md", "# The first\n"),
        ("course/workshop/setup.d/a.sh", "true\n"),
        ("course/resources/workshop.yaml", "kind: Nothing\n"),
    ]);
    let labs = Folder::new();
    let files = format!("files: [{{git: {{url: '{}/repository'}}, newRootPath: course}}]", web.base);
    write_lab(&labs, &files);
    std::fs::remove_dir_all(labs.path().join("one/workshop")).unwrap();
    let shop = shop(&labs);
    shop.expect(&["One"]).await;
    let lab = lab(&shop);
    assert_eq!(lab.pages[0].title, "The first");
    assert_eq!(lab.setup_scripts, ["a.sh"]);
    assert_eq!(shown(&lab.workshop_files()), ["content/first.md=# The first", "setup.d/a.sh=true"]);
}

#[tokio::test]
async fn packages_are_laid_out_with_their_programs_and_scripts() {
    ready();
    let web = Web::start(Shown {
        body: packed(&[
            ("top/bin/tool", "#!/bin/sh\n"),
            ("top/setup.d/b.sh", "2"),
            ("top/setup.d/a.sh", "1"),
        ]),
        ..Shown::default()
    });
    let labs = Folder::new();
    write_lab(
        &labs,
        &format!(
            "packages:\n- name: tools\n  files: [{{http: {{url: '{}/t.tgz'}}, newRootPath: top}}]\n",
            web.base
        ),
    );
    let shop = shop(&labs);
    shop.expect(&["One"]).await;
    let lab = lab(&shop);
    let files: Vec<_> = lab.package_files("tools").into_iter().map(|file| file.path).collect();
    assert_eq!(files, ["bin/tool", "setup.d/a.sh", "setup.d/b.sh"]);
    assert_eq!(lab.package_scripts("tools"), ["a.sh", "b.sh"]);
    assert!(lab.package_files("other").is_empty() && home(&shop) == ["exercises/own.txt=own"]);
}

#[tokio::test]
async fn what_is_too_large_is_told_and_what_no_lab_names_any_more_leaves_the_cache() {
    ready();
    let web = Web::start(Shown { body: vec![0; 5 << 20], ..Shown::default() });
    let labs = Folder::new();
    write_lab(&labs, &format!("files: [{{http: {{url: '{}/data.tgz'}}}}]", web.base));
    let shop = shop(&labs);
    let found = errors(&shop.refreshed().await);
    assert!(found[0].contains("it is larger than 4 MiB; name a smaller one"), "{found:?}");
    assert_eq!(shop.entries("supplies"), 1);
    write_lab(&labs, "files: []");
    shop.expect(&["One"]).await;
    assert_eq!(shop.entries("supplies"), 0);
    std::fs::remove_dir_all(labs.path().join("one")).unwrap();
    shop.catalog.reload().unwrap();
    assert_eq!(shop.entries("laid"), 0);
}
