//! Labs in git repositories.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use lectern_server::catalog::Viewer;

use crate::support::repository::Repository;
use crate::support::web::{Shown, Web};
use crate::support::{Folder, Shop};

#[tokio::test]
async fn a_repository_is_fetched_at_its_main_branch_and_again_when_that_moves() {
    let repository = Repository::new();
    repository.files.write("README.md", "Labs.\n");
    repository.files.write_lab("one", "The first");
    repository.commit();
    let shop = Shop::open(&repository.source());
    assert!(shop.catalog.list_labs(Viewer::Author).is_empty());
    let labs = shop.expect(&["The first"]).await;
    assert_eq!(labs[0].source.as_deref(), Some(repository.source().as_str()));
    shop.expect(&["The first"]).await;
    assert_eq!(shop.versions(), 1);

    repository.files.write_lab("one", "The first, mended");
    repository.files.write_lab("two", "The second");
    repository.commit();
    shop.expect(&["The first, mended", "The second"]).await;
}

#[tokio::test]
async fn a_branch_a_tag_a_commit_and_a_folder_can_be_named() {
    let repository = Repository::new();
    repository.files.write_lab("workshops/one", "As tagged");
    let tagged = repository.commit();
    repository.git(&["tag", "v1"]);
    repository.git(&["tag", "--annotate", "v1-signed", "--message", "Version 1"]);
    repository.files.write_lab("workshops/one", "On main");
    repository.commit();
    repository.git(&["checkout", "--quiet", "-b", "topic/x"]);
    repository.files.write_lab("workshops/one", "On a branch");
    repository.files.write("other/page.md", "# Another\n\n```execute\nls\n```\n");
    repository.commit();
    repository.git(&["checkout", "--quiet", "main"]);
    let source = repository.source();
    for (behind, titles) in [
        ("", &["On main"][..]),
        ("#main", &["On main"]),
        ("#v1", &["As tagged"]),
        ("#v1-signed:workshops", &["As tagged"]),
        ("#refs/tags/v1", &["As tagged"]),
        (&format!("#{tagged}"), &["As tagged"]),
        ("#topic/x:workshops", &["On a branch"]),
        ("#topic/x:workshops/one", &["On a branch"]),
        ("#topic/x", &["On a branch", "Another"]),
    ] {
        Shop::open(&format!("{source}{behind}")).expect(titles).await;
    }
}

#[tokio::test]
async fn a_lab_that_is_the_whole_repository_is_one_lab() {
    let repository = Repository::new();
    repository.files.write("README.md", "A lab.\n");
    repository.files.write("workshop/content/page.md", "# A page\n");
    repository.files.write("exercises/notes.md", "Not a page.\n");
    repository.files.write(
        "resources/workshop.yaml",
        "kind: Workshop\nmetadata:\n  name: alone\nspec:\n  title: Alone\n  description: x\n",
    );
    repository.commit();
    let labs = Shop::open(&repository.source()).expect(&["Alone"]).await;
    assert_eq!((labs[0].slug.as_str(), labs[0].pages.len()), ("alone", 1));
}

#[tokio::test]
async fn what_is_wrong_is_told_and_the_last_good_version_stays() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.commit();
    let hidden = repository.files.path().join("hidden");
    let shop = Shop::open(&repository.source());
    shop.expect(&["The first"]).await;
    std::fs::rename(repository.path(), &hidden).unwrap();
    let message = shop.problem().await;
    assert!(message.starts_with("git cannot look into file://"), "{message}");
    assert_eq!(shop.catalog.list_labs(Viewer::Learner)[0].title, "The first");
    std::fs::rename(&hidden, repository.path()).unwrap();
    shop.expect(&["The first"]).await;

    let source = repository.source();
    for (behind, words) in [
        ("#absent", "has no branch or tag absent"),
        ("#main:absent", "there is no folder absent in"),
        ("#main:absent", "it holds one"),
        ("#main:one/resources/workshop.yaml", "there is no folder"),
    ] {
        let message = Shop::open(&format!("{source}{behind}")).problem().await;
        assert!(message.contains(words), "{behind}: {message}");
    }
    let empty = Repository::new();
    let message = Shop::open(&empty.source()).problem().await;
    assert!(message.contains("has no commit yet"), "{message}");
}

#[tokio::test]
async fn a_repository_is_fetched_over_http_with_a_password() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.commit();
    let web = Web::start(Shown { repository: Some(repository.path()), ..Shown::default() });
    let host = web.base.strip_prefix("http://").unwrap();
    Shop::open(&format!("git+http://{host}/repository#main")).expect(&["The first"]).await;

    web.shown().password = Some("s@cret");
    let message = Shop::open(&format!("git+http://{host}/repository")).problem().await;
    // git does not wait for anybody to type
    assert!(message.contains("could not read Username"), "{message}");
    let private = Shop::open(&format!("git+http://ada:s%40cret@{host}/repository"));
    let labs = private.expect(&["The first"]).await;
    assert_eq!(labs[0].source, Some(format!("git+http://{host}/repository")));
    web.shown().password = Some("another");
    let message = private.problem().await;
    assert!(!message.contains("cret"), "{message}");
}

#[tokio::test]
async fn nothing_that_a_repository_holds_runs_and_no_submodule_is_fetched() {
    let marks = Folder::new();
    let mark = marks.path().join("it-ran");
    let script = format!("#!/bin/sh\ntouch {}\ncat\n", mark.display());
    let inner = Repository::new();
    inner.files.write("inner.md", "# Inner\n");
    inner.commit();

    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    for place in ["hooks/post-checkout", "one/workshop/setup.d/run.sh", ".githooks/post-checkout", "evil.sh"]
    {
        repository.files.write(place, &script);
        let path = repository.files.path().join(place);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    repository.files.write(".gitattributes", "* filter=evil\n*.md export-subst\n");
    repository.files.write(".lfsconfig", "[lfs]\nurl = http://127.0.0.1:1/\n");
    repository.files.write("one/workshop/content/page.md", "# $Format:%H$\n");
    repository.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "one/inner"]);
    repository.commit();
    // the server's side of a fetch, which is somebody else's machine unless it is this one
    repository.git(&["config", "filter.evil.smudge", &format!("touch {}", mark.display())]);
    repository.git(&["config", "core.hooksPath", repository.files.path().join("hooks").to_str().unwrap()]);
    let labs = Shop::open(&repository.source()).expect(&["The first"]).await;
    assert_eq!(labs[0].pages.len(), 1);
    assert!(!mark.exists(), "something of the repository ran");
    let root = Shop::open(&repository.source());
    root.expect(&["The first"]).await;
    let lab = root.catalog.find_lab(&"one".parse().unwrap()).unwrap().unwrap();
    assert!(!lab.root().join("inner/inner.md").exists());
    assert!(lab.root().join("workshop/setup.d/run.sh").is_file());
}

#[tokio::test]
async fn a_link_out_of_the_repository_is_left_out_and_told_with_its_lab() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.files.write_lab("two", "The second");
    symlink("/etc/passwd", repository.files.path().join("one/secrets.txt")).unwrap();
    symlink("workshop/content/page.md", repository.files.path().join("one/fine.md")).unwrap();
    repository.commit();
    let labs = Shop::open(&repository.source()).refreshed().await;
    assert!(labs[0].errors[0].message.contains("/etc/passwd"), "{:?}", labs[0].errors);
    assert_eq!(labs[0].errors[0].file, "one/secrets.txt");
    assert!(labs[1].errors.is_empty());
}

#[tokio::test]
async fn a_repository_that_is_too_large_is_refused() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.commit();
    let shop = Shop::open(&repository.source());
    shop.expect(&["The first"]).await;
    repository.files.write("one/large.bin", &"x".repeat(5 << 20));
    repository.commit();
    let message = shop.problem().await;
    assert!(message.contains("is larger than 4 MiB"), "{message}");
    assert_eq!(shop.catalog.list_labs(Viewer::Learner)[0].title, "The first");
}
