//! Files: archives, single files, and what must not be written.

use std::os::unix::fs::PermissionsExt;

use lectern_api::agent::{Reply, Request};
use lectern_link::{Link, LinkError};

use crate::support::TestAgent;

fn archive(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    for (path, content, mode) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_entry_type(tar::EntryType::Regular);
        // written by hand: the library refuses to make a path that climbs
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
    assert!(matches!(result, Err(LinkError::Refused(ref message)) if message.contains("outside")), "{result:?}");
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
    assert!(matches!(link.request(nowhere).await.unwrap(), Reply::Failed { message } if message.contains("/proc/nowhere")));
}
