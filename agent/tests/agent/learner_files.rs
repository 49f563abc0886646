//! The learner's files: what the editor and the files tab ask for.

use std::os::unix::fs::{PermissionsExt, symlink};

use lectern_api::agent::{Expected, FileRefusal, FileRequest};
use lectern_api::files::{ChangeKind, FileChange, FileKind};
use lectern_link::{Link, LinkError};

use crate::support::{PATIENCE, TestAgent};

fn refused<T>(result: Result<T, LinkError>) -> FileRefusal {
    match result {
        Err(LinkError::File { reason, message }) => {
            assert!(!message.is_empty() && !message.contains("os error"), "{message}");
            reason
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

async fn read(link: &Link, path: &str) -> Result<Vec<u8>, LinkError> {
    let (found, mut content) = link.open_file(path).await?;
    let mut bytes = vec![];
    while let Some(piece) = content.next().await? {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes.len() as u64, found.entry.size_bytes);
    Ok(bytes)
}

fn moving(from: &str, to: &str, overwrite: bool) -> FileRequest {
    FileRequest::Move { from: from.into(), to: to.into(), overwrite }
}

fn copying(from: &str, to: &str, overwrite: bool) -> FileRequest {
    FileRequest::Copy { from: from.into(), to: to.into(), overwrite }
}

fn deleting(path: &str) -> FileRequest {
    FileRequest::Delete { path: path.into() }
}

#[tokio::test]
async fn a_file_is_written_only_over_the_revision_that_was_read() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let nothing = || Some(Expected::Nothing);
    let first = link.put_file("~/new/folder/a.yaml", nothing(), &b"one"[..]).await.unwrap();
    assert_eq!((first.entry.size_bytes, first.entry.mode), (3, 0o644));
    assert!(first.path.ends_with("/new/folder/a.yaml") && first.path.starts_with('/'));
    assert_eq!(link.find_file("$HOME/new/folder/a.yaml").await.unwrap(), first);
    assert_eq!(refused(link.put_file("new/folder/a.yaml", nothing(), &b"x"[..]).await), FileRefusal::Exists);
    // a program that replaces the file by one of the same length at the same moment changes its revision too
    let on_disk = agent.path("new/folder/a.yaml");
    std::fs::write(agent.path("other"), "two").unwrap();
    std::fs::set_permissions(agent.path("other"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(agent.path("other"), &on_disk).unwrap();
    let stale = Some(Expected::Revision(first.revision.clone()));
    assert_eq!(refused(link.put_file(&first.path, stale.clone(), &b"x"[..]).await), FileRefusal::Changed);
    assert_eq!(std::fs::read_to_string(&on_disk).unwrap(), "two");
    let second = link.find_file(&first.path).await.unwrap();
    let third =
        link.put_file(&first.path, Some(Expected::Revision(second.revision)), &b"three"[..]).await.unwrap();
    assert_eq!((third.entry.size_bytes, third.entry.mode), (5, 0o755));
    assert_eq!(read(&link, &first.path).await.unwrap(), b"three");
    // nothing is left beside it
    assert_eq!(std::fs::read_dir(agent.path("new/folder")).unwrap().count(), 1);
    std::fs::remove_file(&on_disk).unwrap();
    assert_eq!(refused(link.put_file(&first.path, stale, &b"x"[..]).await), FileRefusal::Changed);
    std::fs::create_dir(&on_disk).unwrap();
    assert_eq!(refused(link.put_file(&first.path, None, &b"x"[..]).await), FileRefusal::WrongKind);
    std::fs::write(agent.path("locked"), "").unwrap();
    std::fs::set_permissions(agent.path("locked"), std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(refused(link.put_file("locked", None, &b"x"[..]).await), FileRefusal::Denied);
}

#[tokio::test]
async fn files_and_folders_are_moved_copied_and_deleted() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let home = |name: &str| agent.path(name);
    link.make_folder("work/deep").await.unwrap();
    link.make_folder("work/deep").await.unwrap();
    link.put_file("work/deep/a", None, &b"a"[..]).await.unwrap();
    symlink("a", home("work/deep/link")).unwrap();
    link.change_files(copying("work", "copy/of/work", false)).await.unwrap();
    assert_eq!(std::fs::read_to_string(home("copy/of/work/deep/a")).unwrap(), "a");
    assert!(home("copy/of/work/deep/link").is_symlink());
    link.put_file("b", None, &b"b"[..]).await.unwrap();
    for (request, reason) in [
        (copying("b", "work/deep/a", false), FileRefusal::Exists),
        (moving("b", "work/deep/a", false), FileRefusal::Exists),
        (moving("b", "work/deep", true), FileRefusal::Exists),
        (moving("work", "work/deep/inside", false), FileRefusal::Exists),
        (copying("absent", "x", false), FileRefusal::Absent),
        (moving("absent", "x", false), FileRefusal::Absent),
        (moving("b", "b/x", false), FileRefusal::Exists),
        (deleting("absent"), FileRefusal::Absent),
    ] {
        assert_eq!(refused(link.change_files(request.clone()).await), reason, "{request:?}");
    }
    link.change_files(copying("b", "work/deep/a", true)).await.unwrap();
    assert_eq!(std::fs::read_to_string(home("work/deep/a")).unwrap(), "b");
    link.change_files(moving("b", "new/place", false)).await.unwrap();
    assert!(!home("b").exists() && home("new/place").is_file());
    // a link is deleted, not what it leads to
    link.change_files(deleting("work/deep/link")).await.unwrap();
    assert!(home("work/deep/a").is_file());
    link.change_files(deleting("work")).await.unwrap();
    assert!(!home("work").exists());
}

#[tokio::test]
async fn nothing_outside_of_the_home_is_read_or_changed() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    symlink(elsewhere.path(), agent.path("way")).unwrap();
    symlink(&secret, agent.path("file")).unwrap();
    std::fs::write(agent.path("mine"), "m").unwrap();
    let outside = secret.display().to_string();
    for path in ["way/secret", outside.as_str(), "work/../../x", "/", "../x", "~", ".", "/etc/passwd"] {
        assert_eq!(refused(link.change_files(deleting(path)).await), FileRefusal::Denied, "{path}");
        assert_eq!(
            refused(link.change_files(moving(path, "here", true)).await),
            FileRefusal::Denied,
            "{path}"
        );
        refused(link.change_files(moving("mine", path, true)).await);
        refused(link.change_files(copying("mine", path, true)).await);
    }
    for path in ["way/secret", "file", outside.as_str(), "../x", "/etc/passwd"] {
        assert_eq!(refused(link.find_file(path).await), FileRefusal::Denied, "{path}");
        assert_eq!(refused(read(&link, path).await), FileRefusal::Denied, "{path}");
        assert_eq!(refused(link.put_file(path, None, &b"x"[..]).await), FileRefusal::Denied, "{path}");
        assert_eq!(
            refused(link.change_files(copying(path, "here", true)).await),
            FileRefusal::Denied,
            "{path}"
        );
    }
    assert_eq!(refused(link.list_folder("way").await), FileRefusal::Denied);
    assert_eq!(refused(link.search_files("way", "s", true).await), FileRefusal::Denied);
    assert_eq!(refused(link.make_folder("way/new").await), FileRefusal::Denied);
    // the link itself is the learner's
    link.change_files(moving("file", "renamed", false)).await.unwrap();
    link.change_files(copying("mine", "renamed", true)).await.unwrap();
    assert_eq!(std::fs::read_to_string(agent.path("renamed")).unwrap(), "m");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "s");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_is_listed_and_searched_with_absolute_paths() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let home = agent.home.path().canonicalize().unwrap().display().to_string();
    link.put_file("work/a.txt", None, &b"one\ntwo Two\n"[..]).await.unwrap();
    let listing = link.list_folder("~/work").await.unwrap();
    assert_eq!((listing.path, listing.is_cut), (format!("{home}/work"), false));
    assert_eq!((listing.entries[0].name.as_str(), listing.entries[0].kind), ("a.txt", FileKind::File));
    let found = link.search_files("~", "TWO", false).await.unwrap().matches;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.clone(), found[0].line), (format!("{home}/work/a.txt"), 2));
    assert!(link.search_files("~", "TWO", true).await.unwrap().matches.is_empty());
    assert_eq!(refused(link.list_folder("work/a.txt").await), FileRefusal::WrongKind);
    assert_eq!(refused(read(&link, "work").await), FileRefusal::WrongKind);
    assert_eq!(refused(link.list_folder("absent").await), FileRefusal::Absent);
}

#[tokio::test]
async fn the_entries_of_watched_folders_are_reported_and_deeper_ones_are_not() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let home = agent.home.path().canonicalize().unwrap();
    std::fs::create_dir_all(home.join("a/deep")).unwrap();
    std::fs::create_dir(home.join("b")).unwrap();
    let paths = vec!["a".into(), "absent".into(), "~/b".into()];
    let mut watch = link.watch_folders(paths).await.unwrap();
    std::fs::write(home.join("a/deep/unseen"), "").unwrap();
    std::fs::write(home.join("b/seen"), "").unwrap();
    let next = tokio::time::timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
    let path = home.join("b/seen").display().to_string();
    assert_eq!(next, FileChange { path, change: ChangeKind::Created });
}
