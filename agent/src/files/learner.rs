//! The learner's files, for the editor and the files tab.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use lectern_api::agent::{Expected, FileRefusal, FileReply, FileRequest, MAX_TRANSFER_BYTES, Reply};
use lectern_link::{LinkError, Messages};
use tempfile::NamedTempFile;

use super::access::{describe, entries_of, finish, receive, send_content};
use super::refusal::{refusal, refuse};
use super::{changes, manage, named, on_disk, paths, search};

/// The permissions of new files, before the process's mask.
const NEW_FILE_MODE: u32 = 0o644;

/// Answers a request.
pub async fn answer(mut messages: Messages, request: FileRequest) -> Result<(), LinkError> {
    let reply = match request {
        FileRequest::Read { path } => return read(messages, path).await,
        FileRequest::Watch { paths } => return changes::watch_folders(messages, paths).await,
        FileRequest::Put { path, expected } => put(&mut messages, path, expected).await?,
        FileRequest::Stat { path } => work(path, |path| found(&paths::find(path)?)).await,
        FileRequest::List { path } => work(path, list).await,
        FileRequest::MakeFolder { path } => work(path, manage::make_folder).await,
        FileRequest::Delete { path } => work(path, manage::delete).await,
        FileRequest::Move { from, to, overwrite } => {
            work(from, move |from| manage::move_to(from, &to, overwrite)).await
        }
        FileRequest::Copy { from, to, overwrite } => {
            work(from, move |from| manage::copy_to(from, &to, overwrite)).await
        }
        FileRequest::Search { path, text, match_case } => {
            work(path, move |path| search::search(&paths::find(path)?, &text, match_case)).await
        }
    };
    messages.send(&Reply::Files(reply)).await
}

/// Does something with a path on a thread that may wait for the disk. An error is about that path.
async fn work(path: String, work: impl FnOnce(&str) -> io::Result<FileReply> + Send + 'static) -> FileReply {
    let worked = on_disk(move || Ok(work(&path).unwrap_or_else(|error| refusal(&path, &error)))).await;
    worked.unwrap_or_else(|error| refuse(FileRefusal::Other, error.to_string()))
}

/// Describes what is at a path without links.
pub fn found(path: &Path) -> io::Result<FileReply> {
    let metadata = path.metadata().map_err(|error| named(&error, path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(FileReply::Found {
        path: path.to_string_lossy().into_owned(),
        revision: revision(&metadata),
        entry: describe(name, &metadata),
    })
}

/// Returns a text that changes when a file's content does: programs either write to the file, which changes its time, or
/// replace it, which changes its number.
fn revision(metadata: &Metadata) -> String {
    let (secs, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    format!("{secs:x}.{nanos:x}-{:x}-{:x}", metadata.len(), metadata.ino())
}

fn list(path: &str) -> io::Result<FileReply> {
    let folder = paths::find(path)?;
    let (entries, is_cut) = entries_of(&folder)?;
    Ok(FileReply::Entries { path: folder.to_string_lossy().into_owned(), entries, is_cut })
}

async fn read(mut messages: Messages, path: String) -> Result<(), LinkError> {
    let name = path.clone();
    let opened = on_disk(move || {
        let found_path = paths::find(&path)?;
        let metadata = found_path.metadata()?;
        // opening a named pipe would wait for its other end
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::other("this is not a file"));
        }
        if metadata.len() > MAX_TRANSFER_BYTES {
            let message = format!("the file is longer than {MAX_TRANSFER_BYTES} bytes, which is the most");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let file = File::open(&found_path)?;
        Ok((found(&found_path)?, file))
    });
    let (found, file) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return messages.send(&Reply::Files(refusal(&name, &error))).await,
    };
    messages.send(&Reply::Files(found)).await?;
    let ended = match send_content(&mut messages, file, MAX_TRANSFER_BYTES).await? {
        Ok(()) => FileReply::Done,
        Err(error) => refusal(&name, &error),
    };
    messages.send(&Reply::Files(ended)).await
}

async fn put(
    messages: &mut Messages,
    path: String,
    expected: Option<Expected>,
) -> Result<FileReply, LinkError> {
    let name = path.clone();
    let put_down = move |place: &Path, unfinished: NamedTempFile| replace(&path, place, unfinished, expected);
    let received = receive(messages, name.clone(), MAX_TRANSFER_BYTES, put_down).await?;
    Ok(received.unwrap_or_else(|error| refusal(&name, &error)))
}

/// Moves a complete file into place if what is there is what was expected.
fn replace(
    path: &str,
    place: &Path,
    unfinished: NamedTempFile,
    expected: Option<Expected>,
) -> io::Result<FileReply> {
    let there = match place.metadata() {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if there.as_ref().is_some_and(Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match (expected, &there) {
        (Some(Expected::Nothing), Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
        (Some(Expected::Revision(expected)), Some(metadata)) if expected != revision(metadata) => {
            let message = format!("{path} was changed meanwhile, by another program or another window");
            return Ok(refuse(FileRefusal::Changed, message));
        }
        (Some(Expected::Revision(_)), None) => {
            return Ok(refuse(FileRefusal::Changed, format!("{path} was deleted or renamed meanwhile")));
        }
        _ => {}
    }
    // whoever may not write to a file in their shell does not replace it here
    if let Some(metadata) = &there
        && metadata.permissions().readonly()
    {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    let mode = there.map_or(NEW_FILE_MODE, |metadata| metadata.permissions().mode());
    finish(place, unfinished, mode)?;
    found(place)
}
