//! Fingerprints: a result is named by everything that went into it, so that the same inputs find the earlier result.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Folders that hold results, never sources.
const RESULTS: [&str; 5] = ["target", "node_modules", "dist", "artefacts", "test-results"];

/// A hash under construction. Every part is hashed with its length, so that two parts never read as one.
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins a fingerprint with the kind of result that it names.
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).text(kind)
    }

    /// Adds a word, such as a compiler's version.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a file's content, not its name.
    pub fn file(self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        Ok(self.bytes(&content))
    }

    /// Adds every source file below `folder` that is `wanted`: its relative path, whether it is executable, and its
    /// content. Folders of results and hidden folders are left out.
    pub fn tree(mut self, folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Self> {
        for relative in source_files(folder)? {
            if !wanted(&relative) {
                continue;
            }
            let path = folder.join(&relative);
            let metadata = fs::symlink_metadata(&path)?;
            self = self.text(&relative.to_string_lossy());
            if metadata.is_symlink() {
                self = self.text("link").text(&fs::read_link(&path)?.to_string_lossy());
            } else {
                let executable = metadata.permissions().mode() & 0o111 != 0;
                self = self.text(if executable { "program" } else { "file" }).file(&path)?;
            }
        }
        Ok(self)
    }

    /// Returns the fingerprint: sixteen hexadecimal digits.
    pub fn finish(self) -> String {
        self.0.finalize().iter().take(8).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }
}

/// Returns all files and links below a folder, relative to it and in order.
fn source_files(folder: &Path) -> Result<Vec<PathBuf>> {
    fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
        let folder = root.join(below);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let relative = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if !name.starts_with('.') && !RESULTS.contains(&name.as_ref()) {
                    walk(root, &relative, found)?;
                }
            } else {
                found.push(relative);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folder: &Path) -> String {
        let not_a_test = |path: &Path| !path.to_string_lossy().ends_with("_test.go");
        Fingerprint::new("test").tree(folder, not_a_test).unwrap().finish()
    }

    fn sources() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/a.go"), "package a").unwrap();
        fs::write(folder.path().join("b.go"), "package b").unwrap();
        folder
    }

    #[test]
    fn the_same_sources_in_another_place_have_the_same_fingerprint() {
        assert_eq!(of(sources().path()), of(sources().path()));
    }

    #[test]
    fn a_changed_byte_a_new_name_and_an_execute_bit_each_change_it() {
        let folder = sources();
        let before = of(folder.path());

        fs::write(folder.path().join("b.go"), "package c").unwrap();
        let changed = of(folder.path());
        assert_ne!(before, changed);

        fs::rename(folder.path().join("b.go"), folder.path().join("c.go")).unwrap();
        let renamed = of(folder.path());
        assert_ne!(changed, renamed);

        fs::set_permissions(folder.path().join("c.go"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(renamed, of(folder.path()));
    }

    #[test]
    fn results_hidden_folders_and_unwanted_files_do_not_count() {
        let folder = sources();
        let before = of(folder.path());
        for name in ["node_modules", ".git", "target"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("x"), "x").unwrap();
        }
        fs::write(folder.path().join("b_test.go"), "package b").unwrap();
        assert_eq!(before, of(folder.path()));
    }

    #[test]
    fn two_parts_never_read_as_one() {
        let split = Fingerprint::new("test").text("ab").text("c").finish();
        assert_ne!(split, Fingerprint::new("test").text("a").text("bc").finish());
        assert_eq!(split.len(), 16);
    }
}
