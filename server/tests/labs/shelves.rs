//! Several sources together, restarts, and the last good version of each lab.

use lectern_api::labs::LabSummary;

use lectern_server::catalog::Viewer;

use crate::support::repository::Repository;
use crate::support::{Folder, Shop, in_time};

const BROKEN: &str = "kind: Workshop\nmetadata:\n  name: one\nspec:\n  title: [never closed\n";

fn titles(labs: &[LabSummary]) -> Vec<&str> {
    labs.iter().map(|lab| lab.title.as_str()).collect()
}

#[tokio::test]
async fn the_catalogue_tells_what_is_read_of_a_lab_and_where_it_comes_from() {
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    let shop = Shop::open(labs.path().to_str().unwrap());
    let listed = shop.expect(&["The first"]).await;
    let lab = &listed[0];
    assert_eq!(lab.description, "A lab for tests.");
    assert_eq!((lab.difficulty.as_deref(), lab.duration_minutes), (Some("beginner"), Some(45)));
    assert_eq!(
        (&lab.tags[..], &lab.authors[..]),
        (&["shell".to_owned(), "files".into()][..], &["Ada".to_owned()][..])
    );
    assert_eq!(lab.source.as_deref(), labs.path().to_str());
}

#[tokio::test]
async fn the_first_source_that_has_a_name_keeps_it() {
    let (first, second) = (Folder::new(), Repository::new());
    first.write_lab("one", "The first's");
    second.files.write_lab("one", "The second's");
    second.files.write_lab("two", "Only the second's");
    second.commit();
    let shop = Shop::open(&format!("{} {}", first.path().display(), second.source()));
    let labs = shop.refreshed().await;
    assert_eq!(titles(&labs), ["The first's", "Only the second's"]);
    let told = &labs[0].errors[0];
    assert!(told.message.contains("the lab one is already in"), "{told:?}");
    assert!(told.file.starts_with("one in git+file://"), "{told:?}");
    assert!(labs[1].errors.is_empty());

    // one that loads goes before one that never did
    std::fs::remove_file(first.path().join("one/workshop/content/page.md")).unwrap();
    let fresh = Shop::open(&format!("{} {}", first.path().display(), second.source()));
    fresh.catalog.refresh().await;
    assert_eq!(titles(&fresh.catalog.list_labs(Viewer::Learner)), ["The second's", "Only the second's"]);
}

#[tokio::test]
async fn a_source_that_was_never_fetched_is_shown_to_authors_only() {
    let absent = Folder::new().path().join("absent.tar.gz");
    let source = format!("file://{}", absent.display());
    let good = Folder::new();
    good.write_lab("one", "The first");
    let shop = Shop::open(&format!("{} {source}", good.path().display()));
    let labs = shop.refreshed().await;
    assert_eq!(titles(&labs), ["The first", &source]);
    assert!(labs[0].errors.is_empty() && labs[1].pages.is_empty());
    assert!(labs[1].errors[0].message.contains("cannot read"), "{:?}", labs[1].errors);
    assert_eq!(labs[1].errors[0].file, source);
    assert_eq!(titles(&shop.catalog.list_labs(Viewer::Learner)), ["The first"]);
    assert!(shop.catalog.find_lab(&labs[1].slug).is_some_and(|lab| lab.is_err()));
}

#[tokio::test]
async fn a_source_without_any_lab_says_so() {
    let repository = Repository::new();
    repository.files.write("README.md", "Nothing here.\n");
    repository.commit();
    let message = Shop::open(&repository.source()).problem().await;
    assert!(message.contains("there is no lab in it"), "{message}");
}

#[tokio::test]
async fn a_broken_lab_of_a_repository_keeps_its_last_good_version_and_the_others_move_on() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.files.write_lab("two", "The second");
    repository.commit();
    let shop = Shop::open(&repository.source());
    shop.expect(&["The first", "The second"]).await;
    repository.files.write("one/resources/workshop.yaml", BROKEN);
    for round in 1..=3 {
        repository.files.write_lab("two", &format!("The second, round {round}"));
        repository.commit();
        let labs = shop.refreshed().await;
        assert_eq!(titles(&labs), ["The first".to_owned(), format!("The second, round {round}")]);
        assert_eq!(labs[0].errors[0].file, "resources/workshop.yaml");
    }
    // what the last good version is read from is still there; versions that nobody reads are gone
    let lab = shop.catalog.find_lab(&"one".parse().unwrap()).unwrap().unwrap();
    assert!(lab.root().join("workshop/content/page.md").is_file());
    assert_eq!(shop.versions(), 3);
    repository.files.write_lab("one", "The first, mended");
    repository.commit();
    shop.expect(&["The first, mended", "The second, round 3"]).await;
    assert_eq!(shop.versions(), 2);
}

#[tokio::test]
async fn what_was_fetched_is_there_at_once_after_a_restart_even_without_the_source() {
    let repository = Repository::new();
    repository.files.write_lab("one", "The first");
    repository.commit();
    let mut shop = Shop::open(&repository.source());
    shop.expect(&["The first"]).await;
    std::fs::remove_dir_all(repository.path()).unwrap();
    shop.restart();
    assert_eq!(titles(&shop.catalog.list_labs(Viewer::Learner)), ["The first"]);
    let message = shop.problem().await;
    assert!(message.contains("git cannot look into"), "{message}");
    assert_eq!(titles(&shop.catalog.list_labs(Viewer::Learner)), ["The first"]);
}

#[tokio::test]
async fn watching_fetches_at_once_and_follows_folders_and_sources() {
    let (folder, repository) = (Folder::new(), Repository::new());
    folder.write_lab("one", "The first");
    repository.files.write_lab("two", "The second");
    repository.commit();
    let shop = Shop::open(&format!("{} {}", folder.path().display(), repository.source()));
    let watching = tokio::spawn(shop.catalog.clone().watch());
    let listed = async |wanted: &[&str]| {
        in_time("the labs", async {
            while titles(&shop.catalog.list_labs(Viewer::Learner)) != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    listed(&["The first", "The second"]).await;
    folder.write_lab("one", "The first, mended");
    listed(&["The first, mended", "The second"]).await;
    watching.abort();
}
