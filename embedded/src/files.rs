//! Files and folders, with errors that name the path.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;

/// Creates a folder and its missing ancestors, accessible to their owner only. Existing folders stay as they are.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), Error> {
    create_dir(path, 0o700)
}

/// Creates a folder and its missing ancestors with these permissions. Existing folders stay as they are.
pub(crate) fn create_dir(path: &Path, mode: u32) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::file("create", path))
}

/// Replaces a file atomically, so that a reader sees either the old or the new content. Only its owner may read it.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = Path::new(&name);
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)
        .and_then(|mut file| file.write_all(content.as_ref()))
        .map_err(Error::file("write", draft))?;
    fs::rename(draft, path).map_err(Error::file("write", path))
}

/// Writes a settings file unless it has this content already. Creates its folder.
pub(crate) fn settle(path: &Path, content: &str) -> Result<(), Error> {
    if fs::read_to_string(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        create_private_dir(folder)?;
    }
    replace(path, content)
}

/// Writes settings as JSON, like [`settle`].
pub(crate) fn settle_json(path: &Path, settings: &Value) -> Result<(), Error> {
    settle(path, &format!("{settings:#}\n"))
}

/// Writes settings as TOML, like [`settle`].
pub(crate) fn settle_toml(path: &Path, settings: &Value) -> Result<(), Error> {
    settle(path, &toml::to_string(settings).map_err(Error::settings(path))?)
}

/// Writes settings as YAML, one document for each, like [`settle`].
pub(crate) fn settle_yaml(path: &Path, settings: &[Value]) -> Result<(), Error> {
    settle(path, &to_yaml(settings).map_err(Error::settings(path))?)
}

pub(crate) fn to_yaml(settings: &[Value]) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string_multiple(settings)
}

/// Replaces a file with a value as JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|source| Error::Damaged { path: path.to_owned(), source })?;
    replace(path, text)
}

/// Reads a value from a JSON file. Returns `None` if the file does not exist.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| Error::Damaged { path: path.to_owned(), source })
}

/// Removes a file, if it exists.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_file(path)).map_err(Error::file("remove", path))
}

/// Removes a folder and everything in it, if it exists.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(Error::file("remove", path))
}

fn absent_is_fine(outcome: std::io::Result<()>) -> std::io::Result<()> {
    match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Asserts that settings, written as YAML and read back, are the same as those in these documents.
    #[track_caller]
    pub(crate) fn assert_same_yaml(settings: &[Value], expected: &[&str]) {
        let yaml = to_yaml(settings).expect("YAML");
        let written: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML that reads back");
        let expected: Vec<Value> =
            expected.iter().map(|text| serde_saphyr::from_str(text).expect("YAML")).collect();
        assert_eq!(written, expected, "{yaml}");
    }

    #[test]
    fn what_looks_like_a_number_or_a_word_of_yaml_stays_a_text() {
        let settings = serde_json::json!({ "pid": "8192", "answer": "yes", "path": "/a: b #c", "port": 80 });
        assert_same_yaml(&[settings], &["pid: \"8192\"\nanswer: \"yes\"\npath: \"/a: b #c\"\nport: 80\n"]);
    }
}
