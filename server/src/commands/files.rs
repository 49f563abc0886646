//! Writing files that contain secrets.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes a file that only its owner can read, at any moment. Replaces an existing file.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let write = || {
        // a file left there may belong to somebody else, who could read what is written to it
        match std::fs::remove_file(partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_with_a_secret_is_its_owners_alone_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        let others = folder.path().join("ready.json.partial");
        for open in [&path, &others] {
            std::fs::write(open, "anybody reads this").unwrap();
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o666)).unwrap();
        }
        let watched = std::fs::File::open(&others).unwrap();
        write_private(&path, "a secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a secret");
        assert!(!others.exists());
        // who had opened the file that was left there reads nothing
        let mut read = String::new();
        std::io::Read::read_to_string(&mut { watched }, &mut read).unwrap();
        assert_eq!(read, "anybody reads this");
    }
}
