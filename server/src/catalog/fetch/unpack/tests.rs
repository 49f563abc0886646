use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;

/// An archive of entries whose names stand in it exactly as given, which the writer would not allow.
fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, text) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if name.ends_with(".sh") { 0o4755 } else { 0o600 });
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        let body = if is_link { "" } else { *text };
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

const FILE: EntryType = EntryType::Regular;
const LINK: EntryType = EntryType::Symlink;

fn unpacked(bytes: &[u8]) -> (tempfile::TempDir, Result<Vec<LabProblem>, UnpackError>) {
    let around = tempfile::tempdir().unwrap();
    let result = unpack(bytes, &around.path().join("in"), &mut Budget::new(1, 20));
    // whatever happens, nothing comes to lie beside the folder
    assert!(std::fs::read_dir(around.path()).unwrap().count() <= 1);
    (around, result)
}

fn refused(entries: &[(&str, EntryType, &str)]) -> String {
    let (_folder, result) = unpacked(&archive(entries));
    result.expect_err("an archive that must not be unpacked").to_string()
}

#[test]
fn files_folders_and_links_come_out_with_plain_rights() {
    let bytes = archive(&[
        ("./", EntryType::Directory, ""),
        ("lab/page.md", FILE, "hello"),
        ("lab/run.sh", FILE, "true"),
        ("lab/copy.md", EntryType::Link, "lab/page.md"),
        ("lab/deep/link.md", LINK, "../page.md"),
        ("lab/.git/config", FILE, "x"),
    ]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    for bytes in [bytes, gzip.finish().unwrap()] {
        let (around, result) = unpacked(&bytes);
        assert_eq!(result.unwrap(), []);
        let lab = around.path().join("in/lab");
        for name in ["page.md", "copy.md", "deep/link.md"] {
            assert_eq!(fs::read_to_string(lab.join(name)).unwrap(), "hello", "{name}");
        }
        let mode = |name: &str| fs::metadata(lab.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("run.sh"), mode("page.md") & 0o111), (0o755, 0));
        assert!(!lab.join(".git").exists());
    }
}

#[test]
fn no_name_leads_out_of_the_folder() {
    for name in ["../x", "a/../../x", "/etc/x", "a/./../../x"] {
        let message = refused(&[(name, FILE, "x")]);
        assert!(message.contains("leads upwards") || message.contains("is absolute"), "{name}: {message}");
    }
    assert!(refused(&[("a", FILE, "x"), ("b", EntryType::Link, "../a")]).contains("leads upwards"));
    assert!(refused(&[("b", EntryType::Link, "a")]).contains("not in it"));
}

#[test]
fn nothing_is_written_through_a_link() {
    let (around, result) = unpacked(&archive(&[("out", LINK, ".."), ("out/x", FILE, "x")]));
    assert_eq!(result.unwrap()[0].file, "out");
    assert!(around.path().join("in/out/x").is_file() && !around.path().join("x").exists());
    let error = unpacked(&archive(&[("a/b", LINK, "."), ("a/b/x", FILE, "x")])).1.unwrap_err();
    assert!(error.to_string().contains("is a folder and a file"), "{error}");

    // not through one of an earlier layer either
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("in");
    fs::create_dir_all(folder.join("real")).unwrap();
    symlink("real", folder.join("link")).unwrap();
    for kind in [FILE, EntryType::Directory] {
        let bytes = archive(&[("link/x", kind, "")]);
        let error = unpack(&bytes[..], &folder, &mut Budget::new(1, 20)).unwrap_err();
        assert!(error.to_string().contains("below a file or link"), "{error}");
    }
    assert!(!folder.join("real/x").exists());
}

#[test]
fn a_link_that_leads_out_is_left_out_and_named() {
    let bytes = archive(&[
        ("lab/page.md", FILE, "x"),
        ("lab/absolute", LINK, "/etc/passwd"),
        ("lab/upwards", LINK, "../../x"),
        ("lab/here", LINK, "."),
        ("here", LINK, "."),
        // by itself it stays inside; through the other link it does not
        ("sly", LINK, "here/../../in2"),
        ("sly2", LINK, "here/.."),
        ("nowhere", LINK, "absent"),
    ]);
    let (around, result) = unpacked(&bytes);
    let mut files: Vec<_> = result.unwrap().into_iter().map(|problem| problem.file).collect();
    files.sort();
    assert_eq!(files, ["lab/absolute", "lab/upwards", "sly", "sly2"]);
    let is_link = |name: &str| fs::symlink_metadata(around.path().join("in").join(name)).is_ok();
    assert!(is_link("lab/here") && is_link("nowhere"));
    assert!(!is_link("lab/absolute") && !is_link("sly") && !is_link("sly2"));
}

#[test]
fn devices_and_pipes_are_refused() {
    for (kind, word) in [(EntryType::Char, "device"), (EntryType::Block, "device"), (EntryType::Fifo, "pipe")]
    {
        let message = refused(&[("lab/page.md", FILE, "x"), ("lab/odd", kind, "")]);
        assert!(message.contains(word) && message.contains("lab/odd"), "{message}");
    }
}

#[test]
fn too_much_is_refused_before_it_is_written() {
    let half = "x".repeat(600 * 1024);
    assert!(refused(&[("a", FILE, &half), ("b", FILE, &half)]).contains("1 MiB"));
    let names: Vec<String> = (0..21).map(|number| format!("f{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), FILE, "")).collect();
    assert!(refused(&many).contains("20 files"));
}

#[test]
fn a_small_archive_that_grows_without_end_is_refused() {
    // a name of a gigabyte, which the reader would have to hold
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    let zeros = vec![b'a'; 1 << 20];
    for _ in 0..80 {
        gzip.write_all(&zeros).unwrap();
    }
    let bytes = gzip.finish().unwrap();
    assert!(bytes.len() < 1 << 20);
    let (_folder, result) = unpacked(&bytes);
    assert!(matches!(result, Err(UnpackError::TooLarge { .. })), "{result:?}");
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b""[..], b"<!doctype html><html></html>", b"\x1f\x8b garbage", &[0; 2048]] {
        let (_folder, result) = unpacked(bytes);
        assert!(matches!(result, Err(UnpackError::Broken(_) | UnpackError::Empty)), "{result:?}");
    }
    let mut cut = archive(&[("a", FILE, &"x".repeat(3000))]);
    cut.truncate(1500);
    assert!(matches!(unpacked(&cut).1, Err(UnpackError::Broken(_))));
}
