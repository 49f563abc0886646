//! Reports of changed files.

use std::time::Duration;

use lectern_api::files::{ChangeKind, FileChange};
use lectern_link::{LinkError, Watch};

use crate::support::{PATIENCE, TestAgent};

/// Waits for this change, skipping others.
async fn wait_for(watch: &mut Watch, path: &std::path::Path, change: ChangeKind) {
    let path = path.display().to_string();
    let wanted = FileChange { path, change };
    let waiting = async { while watch.next().await.unwrap().expect("the watch goes on") != wanted {} };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never told: {wanted:?}"));
}

#[tokio::test]
async fn what_is_made_changed_moved_and_removed_below_a_folder_is_told() {
    let agent = TestAgent::start();
    let home = agent.home.path().canonicalize().unwrap();
    std::fs::create_dir_all(home.join("work/deep")).unwrap();
    let link = agent.link().await;
    let mut watch = link.watch_files("work").await.unwrap();
    let file = home.join("work/deep/notes");
    std::fs::write(&file, "one").unwrap();
    wait_for(&mut watch, &file, ChangeKind::Created).await;
    std::fs::write(&file, "two").unwrap();
    wait_for(&mut watch, &file, ChangeKind::Changed).await;
    std::fs::rename(&file, home.join("work/moved")).unwrap();
    wait_for(&mut watch, &file, ChangeKind::Removed).await;
    // also in a new folder
    std::fs::create_dir(home.join("work/later")).unwrap();
    wait_for(&mut watch, &home.join("work/later"), ChangeKind::Created).await;
    std::fs::write(home.join("work/later/x"), "").unwrap();
    wait_for(&mut watch, &home.join("work/later/x"), ChangeKind::Created).await;
    // a file that is moved into place is one change, whatever its name was before
    link.upload("work/whole", 0o644, &[b'x'; 100_000][..]).await.unwrap();
    let next = tokio::time::timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
    let whole = home.join("work/whole").display().to_string();
    assert_eq!(next, FileChange { path: whole, change: ChangeKind::Created });
}

#[tokio::test]
async fn more_changes_than_can_be_told_are_told_as_missed() {
    let agent = TestAgent::start();
    let home = agent.home.path().canonicalize().unwrap();
    std::fs::create_dir(home.join("work")).unwrap();
    let link = agent.link().await;
    let mut watch = link.watch_files("work").await.unwrap();
    // far more than the queue and the stream hold while nothing is read
    for n in 0..40_000 {
        std::fs::write(home.join(format!("work/{n}")), "").unwrap();
    }
    wait_for(&mut watch, &home.join("work"), ChangeKind::Missed).await;
}

#[tokio::test]
async fn a_folder_elsewhere_cannot_be_watched() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    std::os::unix::fs::symlink("/etc", agent.path("out")).unwrap();
    for path in ["/etc", "out", "../", "absent"] {
        let refused =
            tokio::time::timeout(Duration::from_secs(5), link.watch_files(path)).await.unwrap().err();
        assert!(matches!(refused, Some(LinkError::Refused(_))), "{path}: {refused:?}");
    }
}
