//! Making folders; moving, copying and deleting.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lectern_api::agent::{FileRefusal, FileReply, MAX_TRANSFER_BYTES};

use super::learner::found;
use super::paths;
use super::refusal::{refusal, refuse};

/// The maximum number of files and folders that one copy makes.
const MAX_COPIED: usize = 50_000;

pub fn make_folder(path: &str) -> io::Result<FileReply> {
    let folder = paths::place(path)?;
    fs::create_dir_all(&folder)?;
    found(&folder)
}

pub fn delete(path: &str) -> io::Result<FileReply> {
    let entry = paths::entry(path)?;
    // a link is deleted, not what it leads to
    if entry.symlink_metadata()?.is_dir() {
        fs::remove_dir_all(&entry)?;
    } else {
        fs::remove_file(&entry)?;
    }
    Ok(FileReply::Done)
}

pub fn move_to(from: &str, to: &str, overwrite: bool) -> io::Result<FileReply> {
    let (source, target) = (paths::entry(from)?, paths::entry(to)?);
    source.symlink_metadata()?;
    if let Err(refused) = make_way(&source, to, &target, overwrite) {
        return Ok(refused);
    }
    match fs::rename(&source, &target) {
        // the two are on different disks
        Err(error) if error.kind() == ErrorKind::CrossesDevices => match copy_to(from, to, overwrite)? {
            FileReply::Done => delete(from),
            refused => Ok(refused),
        },
        Err(error) => Ok(refusal(to, &error)),
        Ok(()) => Ok(FileReply::Done),
    }
}

pub fn copy_to(from: &str, to: &str, overwrite: bool) -> io::Result<FileReply> {
    let (source, target) = (paths::find(from)?, paths::entry(to)?);
    if let Err(refused) = make_way(&source, to, &target, overwrite) {
        return Ok(refused);
    }
    let mut room = Room { entries: MAX_COPIED, bytes: MAX_TRANSFER_BYTES };
    Ok(copy(&source, &target, &mut room).map_or_else(|error| refusal(to, &error), |()| FileReply::Done))
}

/// Checks that something can be put at a path, and creates the folders above it.
fn make_way(source: &Path, to: &str, target: &Path, overwrite: bool) -> Result<(), FileReply> {
    if target.starts_with(source) {
        return Err(refuse(FileRefusal::Exists, format!("{to} is the same or lies inside of it")));
    }
    match target.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            return Err(refuse(FileRefusal::Exists, format!("there is a folder {to} already")));
        }
        Ok(_) if !overwrite => return Err(refusal(to, &ErrorKind::AlreadyExists.into())),
        _ => {}
    }
    target.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| refusal(to, &error))
}

/// What a copy may still make.
struct Room {
    entries: usize,
    bytes: u64,
}

impl Room {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        match (self.entries.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(entries), Some(bytes)) => {
                *self = Self { entries, bytes };
                Ok(())
            }
            _ => {
                let message =
                    format!("only {MAX_COPIED} files and {MAX_TRANSFER_BYTES} bytes are copied at once");
                Err(io::Error::new(ErrorKind::FileTooLarge, message))
            }
        }
    }
}

fn copy(source: &Path, target: &Path, room: &mut Room) -> io::Result<()> {
    let metadata = source.symlink_metadata()?;
    if metadata.is_dir() {
        room.take(0)?;
        fs::create_dir(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy(&entry.path(), &target.join(entry.file_name()), room)?;
        }
        // at the end: the folder may be one in which nothing can be made
        fs::set_permissions(target, fs::Permissions::from_mode(metadata.permissions().mode() & 0o7777))?;
    } else if metadata.is_symlink() {
        room.take(0)?;
        std::os::unix::fs::symlink(fs::read_link(source)?, target)?;
    } else if metadata.is_file() {
        room.take(metadata.len())?;
        // a link at the target is replaced, not followed
        if target.is_symlink() {
            fs::remove_file(target)?;
        }
        fs::copy(source, target)?;
    }
    // sockets, pipes and devices mean nothing elsewhere
    Ok(())
}
