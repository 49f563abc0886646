//! Laying out files: archives and single ones, always whole or not at all.

use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lectern_link::MuxStream;
use tokio_util::io::SyncIoBridge;

/// Unpacks a tar archive below a folder, and gives the stream back for the reply. `first` is what was read of the
/// archive already.
pub async fn unpack(first: Bytes, stream: MuxStream, directory: PathBuf) -> (MuxStream, io::Result<()>) {
    let bridge = SyncIoBridge::new(stream);
    let work = tokio::task::spawn_blocking(move || {
        let mut source = Cursor::new(first).chain(bridge);
        let result = unpack_now(&mut source, &directory);
        // the sender writes to the end, whatever became of it
        let drained = io::copy(&mut source, &mut io::sink()).map(drop);
        (source.into_inner().1, result.and(drained))
    });
    #[expect(clippy::expect_used, reason = "the work has no panic of its own, and without it there is no stream")]
    let (bridge, result) = work.await.expect("unpacking ends");
    (bridge.into_inner(), result)
}

fn unpack_now(source: &mut impl Read, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| named(&error, directory))?;
    let mut archive = tar::Archive::new(source);
    archive.set_preserve_permissions(true);
    archive.set_overwrite(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let unpacked = entry.unpack_in(directory).map_err(|error| named(&error, &path))?;
        if !unpacked {
            let message = format!("{} would lie outside of {}", path.display(), directory.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

/// Writes one file: beside its place first, then into it.
pub async fn write(path: PathBuf, content: Vec<u8>, mode: u32) -> io::Result<()> {
    tokio::task::spawn_blocking(move || write_now(&path, &content, mode).map_err(|error| named(&error, &path)))
        .await
        .map_err(io::Error::other)?
}

fn write_now(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode & 0o777))?;
    file.persist(path)?;
    Ok(())
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
