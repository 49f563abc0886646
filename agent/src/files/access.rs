//! Listing folders, reading and writing single files. Files are written completely or not at all.

use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lectern_api::agent::{MAX_ENTRIES, MAX_FILE_BYTES, MAX_FRAME_BYTES, Reply};
use lectern_api::files::{FileEntry, FileKind};
use lectern_link::{LinkError, Messages};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{UNFINISHED, failed, named, on_disk, paths};

/// The estimated size at which a listing is cut, in bytes of JSON: messages have a limit.
const LIST_BYTES: usize = 700 * 1024;

/// Returns whether a folder is empty, apart from what new file systems contain. A folder that does not exist is empty.
pub fn is_empty(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.all(|entry| entry.file_name() == "lost+found")
}

/// Lists a folder.
pub async fn list(path: String) -> io::Result<Reply> {
    on_disk(move || {
        let (entries, is_cut) = entries_of(&paths::find(&path)?)?;
        Ok(Reply::Entries { entries, is_cut })
    })
    .await
}

/// Reads a folder's entries, sorted by name, and whether it has more than these.
pub fn entries_of(folder: &Path) -> io::Result<(Vec<FileEntry>, bool)> {
    let mut entries = Vec::new();
    let (mut is_cut, mut bytes) = (false, 0);
    for entry in std::fs::read_dir(folder).map_err(|error| named(&error, folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // fails if the entry was removed meanwhile
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += 2 * name.len() + 128;
        if entries.len() == MAX_ENTRIES || bytes > LIST_BYTES {
            is_cut = true;
            break;
        }
        entries.push(describe(name, &metadata));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, is_cut))
}

/// Describes what a name stands for.
pub fn describe(name: String, metadata: &Metadata) -> FileEntry {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Folder,
        kind if kind.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    FileEntry {
        name,
        kind,
        size_bytes: metadata.len(),
        mode: metadata.permissions().mode() & 0o7777,
        modified_ms: modified.and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or_default(),
    }
}

/// Sends a file: its description, its content, and whether all of it could be read.
pub async fn read(mut messages: Messages, path: String) -> Result<(), LinkError> {
    let opened = on_disk(move || {
        let found = paths::find(&path)?;
        let metadata = found.metadata().map_err(|error| named(&error, &found))?;
        // opening a named pipe would wait for its other end
        if !metadata.is_file() {
            return Err(io::Error::other(format!("{path} is not a file")));
        }
        if metadata.len() > MAX_FILE_BYTES {
            let size = metadata.len();
            return Err(io::Error::other(format!(
                "{path} has {size} bytes, and {MAX_FILE_BYTES} is the most"
            )));
        }
        let name = found.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = std::fs::File::open(&found).map_err(|error| named(&error, &found))?;
        Ok((describe(name, &metadata), file))
    });
    let (entry, file) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return messages.send(&failed(&error)).await,
    };
    messages.send(&Reply::File(entry)).await?;
    let ended = send_content(&mut messages, file, MAX_FILE_BYTES).await?;
    messages.send(&ended.map_or_else(|error| failed(&error), |()| Reply::Done)).await
}

/// Sends a file's content in pieces, up to `max_bytes`. Returns whether all of it could be read.
pub async fn send_content(
    messages: &mut Messages,
    file: std::fs::File,
    max_bytes: u64,
) -> Result<io::Result<()>, LinkError> {
    let mut file = tokio::fs::File::from_std(file).take(max_bytes);
    let mut piece = Vec::with_capacity(MAX_FRAME_BYTES);
    let ended = loop {
        piece.clear();
        match (&mut file).take(MAX_FRAME_BYTES as u64).read_to_end(&mut piece).await {
            Ok(0) => break Ok(()),
            Ok(_) => messages.send_piece(&piece).await?,
            Err(error) => break Err(error),
        }
    };
    messages.end_pieces().await?;
    Ok(ended)
}

/// Receives a file and moves it into place when it is complete.
pub async fn upload(messages: &mut Messages, path: String, mode: u32) -> Result<io::Result<()>, LinkError> {
    receive(messages, path, MAX_FILE_BYTES, move |place, unfinished| finish(place, unfinished, mode)).await
}

/// Receives the content of a file of up to `max_bytes`, and passes it to `finish` when it is complete.
pub async fn receive<T: Send + 'static>(
    messages: &mut Messages,
    path: String,
    max_bytes: u64,
    finish: impl FnOnce(&Path, NamedTempFile) -> io::Result<T> + Send + 'static,
) -> Result<io::Result<T>, LinkError> {
    let begun = on_disk(move || begin(&path)).await;
    let mut result: io::Result<()> = Ok(());
    let mut upload = match begun {
        Ok((place, unfinished)) => match unfinished.as_file().try_clone() {
            Ok(file) => Some((place, unfinished, tokio::fs::File::from_std(file))),
            Err(error) => {
                result = Err(error);
                None
            }
        },
        Err(error) => {
            result = Err(error);
            None
        }
    };
    let mut size = 0;
    // the server sends everything before it reads the answer, even if writing failed
    while let Some(piece) = messages.receive_piece().await? {
        size += piece.len() as u64;
        let Some((_, _, file)) = &mut upload else { continue };
        let written = if size <= max_bytes {
            file.write_all(&piece).await
        } else {
            let message = format!("the file is longer than {max_bytes} bytes, which is the most");
            Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
        };
        if let Err(error) = written {
            result = Err(error);
            upload = None;
        }
    }
    let (place, unfinished, mut file) = match (upload, result) {
        (Some(upload), Ok(())) => upload,
        (_, Err(error)) => return Ok(Err(error)),
        (None, Ok(())) => return Ok(Err(io::ErrorKind::Interrupted.into())),
    };
    if let Err(error) = file.flush().await {
        return Ok(Err(error));
    }
    Ok(on_disk(move || finish(&place, unfinished)).await)
}

/// Writes one file.
pub async fn write(path: String, content: String, mode: u32) -> io::Result<()> {
    on_disk(move || {
        let (place, mut unfinished) = begin(&path)?;
        unfinished.write_all(content.as_bytes()).map_err(|error| named(&error, &place))?;
        finish(&place, unfinished, mode)
    })
    .await
}

fn begin(path: &str) -> io::Result<(PathBuf, NamedTempFile)> {
    let place = paths::place(path)?;
    let folder = place.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    let begin = || {
        std::fs::create_dir_all(folder)?;
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
    };
    let unfinished = begin().map_err(|error| named(&error, &place))?;
    Ok((place, unfinished))
}

/// Gives a file its permissions and moves it into place.
pub fn finish(place: &Path, unfinished: NamedTempFile, mode: u32) -> io::Result<()> {
    let finish = || {
        unfinished.as_file().set_permissions(std::fs::Permissions::from_mode(mode & 0o777))?;
        unfinished.persist(place)?;
        Ok(())
    };
    finish().map_err(|error| named(&error, place))
}
