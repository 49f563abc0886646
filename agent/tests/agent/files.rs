//! Files: archives, single files, and paths that are refused.

use std::os::unix::fs::PermissionsExt;

use lectern_api::agent::{MAX_ENTRIES, MAX_FILE_BYTES, Reply, Request};
use lectern_api::files::FileKind;
use lectern_link::{Link, LinkError};

use crate::support::TestAgent;

fn archive(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    for (path, content, mode) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_entry_type(tar::EntryType::Regular);
        // written by hand: the library refuses to create a path with `..`
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

async fn put(link: &Link, agent: &TestAgent, folder: &str, bytes: &[u8]) -> Result<(), LinkError> {
    link.put_files(agent.path(folder).to_str().unwrap(), bytes).await
}

#[tokio::test]
async fn an_archive_is_unpacked_with_its_permissions_and_over_what_was_there() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    put(&link, &agent, "lab", &archive(&[("a/run.sh", b"old", 0o644)])).await.unwrap();
    let large = vec![7; 3_000_000];
    put(&link, &agent, "lab", &archive(&[("a/run.sh", b"#!/bin/sh", 0o755), ("large", &large, 0o644)]))
        .await
        .unwrap();
    assert_eq!(std::fs::read(agent.path("lab/a/run.sh")).unwrap(), b"#!/bin/sh");
    assert_eq!(agent.path("lab/a/run.sh").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(std::fs::read(agent.path("lab/large")).unwrap(), large);
}

#[tokio::test]
async fn an_archive_never_writes_outside_of_its_folder() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let result = put(&link, &agent, "lab", &archive(&[("../outside", b"x", 0o644)])).await;
    assert!(
        matches!(result, Err(LinkError::Refused(ref message)) if message.contains("outside")),
        "{result:?}"
    );
    assert!(!agent.path("outside").exists());
}

#[tokio::test]
async fn a_file_is_written_whole_with_its_permissions() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let path = agent.path(".kube/config");
    let write = |content: &str| Request::WriteFile {
        path: path.display().to_string(),
        content: content.to_owned(),
        mode: 0o600,
    };
    assert_eq!(link.request(write("one")).await.unwrap(), Reply::Done);
    assert_eq!(link.request(write("two")).await.unwrap(), Reply::Done);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let nowhere = Request::WriteFile { path: "/proc/nowhere/x".into(), content: String::new(), mode: 0o600 };
    assert!(
        matches!(link.request(nowhere).await.unwrap(), Reply::Failed { message } if message.contains("/proc/nowhere"))
    );
}

fn refused<T>(result: Result<T, LinkError>) -> String {
    match result {
        Err(LinkError::Refused(words)) => words,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn a_file_of_any_content_reads_as_it_was_written_and_a_failed_one_leaves_nothing() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    for len in [0, 1, 65_536, 3_000_001usize] {
        let content: Vec<u8> = (0..len).map(|n| (n * 7 % 256) as u8).collect();
        link.upload("deep/down/file", 0o640, content.as_slice()).await.unwrap();
        let (entry, read) = link.read_file("~/deep/down/file", u64::MAX).await.unwrap();
        assert!(read == content, "{len} bytes");
        assert_eq!((entry.name.as_str(), entry.kind, entry.mode), ("file", FileKind::File, 0o640));
        assert_eq!(entry.size_bytes, len as u64);
    }
    assert!(refused(link.read_file("deep/down/file", 3_000_000).await).contains("longer than"));
    // if the sender disconnects in the middle, the file stays as it was
    let cut = link.upload("deep/down/file", 0o640, Cut(100_000)).await;
    assert!(matches!(cut, Err(LinkError::Io(_))), "{cut:?}");
    let folder = agent.path("deep/down");
    crate::support::until("nothing is left of it", || std::fs::read_dir(&folder).unwrap().count() == 1).await;
    assert_eq!(std::fs::metadata(agent.path("deep/down/file")).unwrap().len(), 3_000_001);
    let large = tokio::io::AsyncReadExt::take(tokio::io::repeat(7), MAX_FILE_BYTES + 1);
    assert!(refused(link.upload("large", 0o640, large).await).contains("which is the most"));
    assert!(!agent.path("large").exists());
}

/// Content whose reading fails after this many bytes.
struct Cut(usize);

impl tokio::io::AsyncRead for Cut {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        let len = self.0.min(buf.remaining());
        buf.put_slice(&vec![1; len]);
        self.0 -= len;
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_folder_is_listed_by_name_up_to_a_limit() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    std::fs::create_dir_all(agent.path("work/folder")).unwrap();
    std::fs::write(agent.path("work/b"), "four").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", agent.path("work/a")).unwrap();
    let (entries, is_cut) = link.list_files("work").await.unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    assert_eq!(seen, [("a", FileKind::Link), ("b", FileKind::File), ("folder", FileKind::Folder)]);
    assert_eq!((entries[1].size_bytes, is_cut), (4, false));
    assert!(entries[1].modified_ms > 1_700_000_000_000);
    for n in 0..=MAX_ENTRIES {
        std::fs::write(agent.path(&format!("work/folder/{n}")), "").unwrap();
    }
    let (entries, is_cut) = link.list_files("work/folder").await.unwrap();
    assert_eq!((entries.len(), is_cut), (MAX_ENTRIES, true));
    assert!(refused(link.list_files("work/b").await).contains("work/b"));
}

#[tokio::test]
async fn a_folder_comes_down_as_an_archive_that_unpacks_to_the_same() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    std::fs::create_dir_all(agent.path("work/empty")).unwrap();
    let large: Vec<u8> = (0..2_000_000u32).map(|n| (n % 253) as u8).collect();
    std::fs::write(agent.path("work/large"), &large).unwrap();
    std::fs::write(agent.path("work/run.sh"), "#!/bin/sh").unwrap();
    std::fs::set_permissions(agent.path("work/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc", agent.path("work/out")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(agent.path("work/socket")).unwrap();
    let mut archive = vec![];
    let mut download = link.download("work").await.unwrap();
    while let Some(piece) = download.next().await.unwrap() {
        archive.extend_from_slice(&piece);
    }
    let there = tempfile::tempdir().unwrap();
    tar::Archive::new(archive.as_slice()).unpack(there.path()).unwrap();
    let there = there.path().join("work");
    assert!(std::fs::read(there.join("large")).unwrap() == large);
    assert_eq!(there.join("run.sh").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(there.join("empty").is_dir() && !there.join("socket").exists());
    // a link is downloaded as a link, without its target
    assert_eq!(std::fs::read_link(there.join("out")).unwrap(), std::path::Path::new("/etc"));
    assert!(refused(link.download("absent").await).contains("absent"));
    // a download that is cancelled in the middle ends, and the link still works
    let mut given_up = link.download("work").await.unwrap();
    given_up.next().await.unwrap();
    drop(given_up);
    link.list_files("work").await.unwrap();
}

#[tokio::test]
async fn no_path_leads_out_of_the_home_and_the_labs_folder() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("secret"), "s").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), agent.path("way")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret"), agent.path("file")).unwrap();
    let outside = elsewhere.path().join("secret").display().to_string();
    for path in ["way/secret", "file", outside.as_str(), "/etc/passwd", "work/../../x", "/", "../x"] {
        refused(link.read_file(path, 100).await);
        refused(link.download(path).await);
        refused(link.upload(path, 0o644, &b"x"[..]).await);
        refused(link.put_files(path, archive(&[("x", b"x", 0o644)]).as_slice()).await);
        let write = Request::WriteFile { path: path.to_owned(), content: "x".into(), mode: 0o644 };
        assert!(matches!(link.request(write).await.unwrap(), Reply::Failed { .. }), "{path}");
    }
    refused(link.list_files("way").await);
    assert_eq!(std::fs::read_to_string(elsewhere.path().join("secret")).unwrap(), "s");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    // a link whose target is inside is followed, and stays a link
    std::fs::create_dir(agent.path("dotfiles")).unwrap();
    std::fs::write(agent.path("dotfiles/rc"), "old").unwrap();
    std::os::unix::fs::symlink("dotfiles/rc", agent.path("rc")).unwrap();
    link.upload("rc", 0o644, &b"new"[..]).await.unwrap();
    assert_eq!(std::fs::read_to_string(agent.path("dotfiles/rc")).unwrap(), "new");
    assert!(agent.path("rc").is_symlink());
    // the lab's own folder is allowed too
    let workshop = agent.path("workshop/notes").display().to_string();
    link.upload(&workshop, 0o644, &b"n"[..]).await.unwrap();
    assert_eq!(link.read_file(&workshop, 10).await.unwrap().1, "n");
}
