//! Labs in tar archives.

use lectern_server::catalog::Viewer;

use crate::support::web::{Shown, Web};
use crate::support::{Folder, Shop};

fn packed(folder: &Folder) -> Vec<u8> {
    let place = Folder::new();
    let path = place.path().join("labs.tar.gz");
    folder.pack(&path);
    std::fs::read(path).expect("an archive")
}

#[tokio::test]
async fn an_archive_on_this_machine_is_followed() {
    let (labs, place) = (Folder::new(), Folder::new());
    for name in ["labs.tar", "labs.tar.gz", "labs.tgz"] {
        let path = place.path().join(name);
        labs.write_lab("one", "The first");
        labs.pack(&path);
        let shop = Shop::open(&format!("file://{}", path.display()));
        shop.expect(&["The first"]).await;
        labs.write_lab("one", "The first, mended");
        labs.pack(&path);
        shop.expect(&["The first, mended"]).await;
        std::fs::write(&path, "no archive").unwrap();
        let message = shop.problem().await;
        assert!(message.contains("is no tar archive"), "{message}");
        std::fs::remove_file(&path).unwrap();
        let message = shop.problem().await;
        assert!(message.contains("cannot read") && message.contains(name), "{message}");
        assert_eq!(shop.catalog.list_labs(Viewer::Learner)[0].title, "The first, mended");
    }
}

#[tokio::test]
async fn an_archive_from_the_web_is_downloaded_again_only_when_it_changed() {
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    let web = Web::start(Shown { body: packed(&labs), etag: Some("\"1\""), ..Shown::default() });
    let shop = Shop::open(&format!("{}/labs.tar.gz", web.base));
    shop.expect(&["The first"]).await;
    shop.expect(&["The first"]).await;
    assert_eq!(web.shown().sent, 1);

    labs.write_lab("one", "The first, mended");
    (web.shown().body, web.shown().etag) = (packed(&labs), Some("\"2\""));
    shop.expect(&["The first, mended"]).await;
    assert_eq!((web.shown().sent, shop.versions()), (2, 2));

    // a server that marks nothing is asked every time, and what it sends is compared
    web.shown().etag = None;
    shop.expect(&["The first, mended"]).await;
    shop.expect(&["The first, mended"]).await;
    assert_eq!((web.shown().sent, shop.versions()), (4, 2));
}

#[tokio::test]
async fn a_server_that_fails_leaves_the_last_good_version_and_its_answer_is_told() {
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    let web = Web::start(Shown { body: packed(&labs), ..Shown::default() });
    let shop = Shop::open(&format!("{}/labs.tar.gz", web.base));
    shop.expect(&["The first"]).await;
    for (status, words) in [(404, "answered 404 Not Found"), (503, "answered 503")] {
        web.shown().status = Some(status);
        let message = shop.problem().await;
        assert!(message.contains(words), "{message}");
    }
    web.shown().status = None;
    web.shown().body = b"<!doctype html>".to_vec();
    let message = shop.problem().await;
    assert!(message.contains("is no tar archive"), "{message}");
    web.shown().body = vec![0; 5 << 20];
    let message = shop.problem().await;
    assert!(message.contains("larger than 4 MiB") && message.contains("--labs-max-mib"), "{message}");
    web.shown().body = packed(&labs);
    shop.expect(&["The first"]).await;
    drop(web);
    let learner = shop.catalog.list_labs(Viewer::Learner);
    assert_eq!(
        (learner[0].title.as_str(), learner[0].errors.len(), &learner[0].source),
        ("The first", 0, &None)
    );
}

#[tokio::test]
async fn an_archive_may_need_a_password_and_be_called_one() {
    let labs = Folder::new();
    labs.write_lab("deep/one", "The first");
    labs.write("deep/notes.txt", "x");
    labs.write("README.md", "x");
    let web = Web::start(Shown { body: packed(&labs), password: Some("s@cret"), ..Shown::default() });
    let host = web.base.strip_prefix("http://").unwrap();
    let private = Shop::open(&format!("tar+http://ada:s%40cret@{host}/download/7#deep"));
    let seen = private.expect(&["The first"]).await;
    assert_eq!(seen[0].source, Some(format!("tar+http://{host}/download/7#deep")));
    let message = Shop::open(&format!("tar+http://{host}/download/7")).problem().await;
    assert!(message.contains("401") && message.contains("credentials"), "{message}");
    let message = Shop::open(&format!("tar+http://ada:s%40cret@{host}/download/7#absent")).problem().await;
    assert!(message.contains("no folder absent") && message.contains("it holds deep"), "{message}");
    assert!(!message.contains("cret"), "{message}");
}

#[tokio::test]
async fn an_archive_with_everything_in_one_folder_is_understood() {
    let labs = Folder::new();
    labs.write_lab("labs-main/one", "The first");
    labs.write("labs-main/two/page.md", "# The second\n\n```execute\nls\n```\n");
    let web = Web::start(Shown { body: packed(&labs), ..Shown::default() });
    Shop::open(&format!("{}/labs.tar.gz", web.base)).expect(&["The first", "The second"]).await;
}

#[tokio::test]
async fn a_link_out_of_the_archive_is_told_with_its_lab() {
    let labs = Folder::new();
    labs.write_lab("deep/one", "The first");
    labs.write_lab("deep/two", "The second");
    std::os::unix::fs::symlink("/etc/passwd", labs.path().join("deep/two/secrets.txt")).unwrap();
    let web = Web::start(Shown { body: packed(&labs), ..Shown::default() });
    let seen = Shop::open(&format!("{}/labs.tar.gz#deep", web.base)).refreshed().await;
    assert!(seen[0].errors.is_empty());
    assert_eq!(seen[1].errors[0].file, "deep/two/secrets.txt");
}
