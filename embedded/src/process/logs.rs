//! The parts' logs: they are opened for appending, rotated when they grow, and read for the last line of a dead part.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The size at which a log is rotated. One older log is kept.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Opens a part's log so that several writers can append to it.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path).map_err(Error::file("open", path))
}

/// Rotates a log that is too big. The part keeps writing to the same file, so its content is copied and the file emptied.
pub(crate) fn rotate(path: &Path) -> Result<(), Error> {
    rotate_beyond(path, LIMIT_BYTES)
}

fn rotate_beyond(path: &Path, limit_bytes: u64) -> Result<(), Error> {
    let size = fs::metadata(path).map_or(0, |found| found.len());
    if size <= limit_bytes {
        return Ok(());
    }
    fs::copy(path, older(path)).map_err(Error::file("copy", path))?;
    let file = OpenOptions::new().write(true).open(path).map_err(Error::file("open", path))?;
    file.set_len(0).map_err(Error::file("empty", path))
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

/// Returns the last line that is not blank, shortened, or an empty text if there is none.
pub(crate) fn last_line(path: &Path) -> String {
    let tail = read_tail(path, 8 * 1024).unwrap_or_default();
    let line = tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(400).collect()
}

fn read_tail(path: &Path, bytes: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(bytes)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_writer_goes_on_in_the_emptied_log_after_it_was_cut() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("part.log");
        let mut log = open(&path).expect("log");
        writeln!(log, "the first line").expect("write");
        rotate_beyond(&path, 4).expect("rotate");
        write!(log, "second\n\n").expect("write");
        assert_eq!(fs::read_to_string(&path).expect("log"), "second\n\n");
        assert_eq!(fs::read_to_string(folder.path().join("part.log.1")).expect("older"), "the first line\n");
        assert_eq!(last_line(&path), "second");
    }

    #[test]
    fn a_log_that_is_not_there_has_no_last_line() {
        assert_eq!(last_line(Path::new("/nonexistent/part.log")), "");
    }
}
