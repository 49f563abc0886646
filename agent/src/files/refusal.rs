//! Why something could not be done with a file, for programs and in words.

use std::io::{self, ErrorKind};

use lectern_api::agent::{FileRefusal, FileReply};

use super::paths::PathError;

/// A refusal that no error of the system stands for.
pub fn refuse(reason: FileRefusal, message: String) -> FileReply {
    FileReply::Refused { reason, message }
}

/// Returns the refusal that an error about a path stands for.
pub fn refusal(path: &str, error: &io::Error) -> FileReply {
    if let Some(PathError::Outside(_)) = error.get_ref().and_then(|cause| cause.downcast_ref()) {
        return refuse(FileRefusal::Denied, error.to_string());
    }
    let (reason, message) = match error.kind() {
        ErrorKind::NotFound => (FileRefusal::Absent, format!("{path} does not exist")),
        ErrorKind::AlreadyExists => (FileRefusal::Exists, format!("{path} exists already")),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (FileRefusal::Denied, format!("you may not do this with {path}"))
        }
        ErrorKind::NotADirectory => (FileRefusal::WrongKind, format!("{path} is not a folder")),
        ErrorKind::IsADirectory => (FileRefusal::WrongKind, format!("{path} is a folder, not a file")),
        ErrorKind::FileTooLarge => (FileRefusal::TooLarge, format!("{path}: {error}")),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (FileRefusal::NoSpace, format!("there is no room left on the disk for {path}"))
        }
        ErrorKind::InvalidFilename => (FileRefusal::Other, format!("{path} is no name for a file")),
        _ => (FileRefusal::Other, format!("{path}: {error}")),
    };
    refuse(reason, message)
}
