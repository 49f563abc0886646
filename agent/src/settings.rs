//! The environment of shells and scripts: variables, folders, programs.

#![expect(clippy::disallowed_methods, reason = "this is where the agent reads its settings")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lectern_api::agent::{CHECKS_DIR, PACKAGES_DIR, WORKSHOP_DIR};

/// The folder of Lectern's own programs.
const AGENT_FOLDER: &str = "/opt/lectern/bin";

/// Settings that the server may change at any time.
#[derive(Default)]
pub struct Settings {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Variables from the server.
    env: BTreeMap<String, String>,
    /// Variables from the lab's set-up scripts, which take precedence.
    set_up_env: BTreeMap<String, String>,
    working_dir: Option<PathBuf>,
}

impl Settings {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // every change is a plain assignment, so a panic leaves nothing half done
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the settings that the server gave before.
    pub fn configure(&self, env: BTreeMap<String, String>, working_dir: PathBuf) {
        let mut inner = self.lock();
        inner.env = env;
        inner.working_dir = Some(working_dir);
    }

    /// Adds variables that set-up scripts wrote.
    pub fn add_set_up_env(&self, env: BTreeMap<String, String>) {
        self.lock().set_up_env.extend(env);
    }

    /// Returns the variables to set in addition to the agent's own environment.
    pub fn env(&self) -> BTreeMap<String, String> {
        let inner = self.lock();
        let mut env = BTreeMap::from([("PATH".to_owned(), path())]);
        env.extend(inner.env.clone());
        env.extend(inner.set_up_env.clone());
        env
    }

    /// Returns the folder in which new shells start: the home directory unless the configured one exists.
    pub fn working_dir(&self) -> PathBuf {
        let configured = self.lock().working_dir.clone();
        configured.filter(|dir| dir.is_dir()).unwrap_or_else(home)
    }
}

/// Returns the home directory, or `/` if it does not exist.
pub fn home() -> PathBuf {
    std::env::home_dir().filter(|dir| dir.is_dir()).unwrap_or_else(|| PathBuf::from("/"))
}

/// Returns the folder of the lab's own files.
pub fn workshop() -> PathBuf {
    std::env::var_os("LECTERN_WORKSHOP_DIR").map_or_else(|| PathBuf::from(WORKSHOP_DIR), PathBuf::from)
}

/// Returns the folder of the lab's packages.
pub fn packages() -> PathBuf {
    std::env::var_os("LECTERN_PACKAGES_DIR").map_or_else(|| PathBuf::from(PACKAGES_DIR), PathBuf::from)
}

/// Returns the shell for terminals: `SHELL` if that program exists, otherwise the one that scripts run with.
pub fn shell() -> PathBuf {
    let preferred = std::env::var_os("SHELL").map(PathBuf::from).filter(|shell| shell.is_file());
    preferred.unwrap_or_else(script_shell)
}

/// Returns the shell for the lab's scripts: bash, or `sh` if the image has no bash.
pub fn script_shell() -> PathBuf {
    let bash = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"].into_iter().map(PathBuf::from);
    bash.into_iter().find(|shell| shell.is_file()).unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

/// Returns the folder in which runs of checks keep their files.
pub fn checks() -> PathBuf {
    std::env::var_os("LECTERN_CHECKS_DIR").map_or_else(|| PathBuf::from(CHECKS_DIR), PathBuf::from)
}

/// Returns the search path of shells and set-up scripts: the learner's own programs, those of the lab and of its packages,
/// then the image's and Lectern's.
pub fn path() -> String {
    let home = home();
    let mut first = vec![home.join("bin"), home.join(".local/bin"), workshop().join("bin")];
    first.extend(package_programs(&packages()));
    joined(&first, &image_path())
}

/// Returns the search path of checks: nothing on it is the learner's.
pub fn check_path() -> String {
    image_path()
}

/// Returns the image's search path, with the folder of Lectern's programs at its end.
fn image_path() -> String {
    let image = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    if image.split(':').any(|known| known == AGENT_FOLDER) {
        image
    } else {
        format!("{image}:{AGENT_FOLDER}")
    }
}

/// Puts folders in front of a search path.
fn joined(first: &[PathBuf], rest: &str) -> String {
    let first: Vec<String> = first.iter().map(|folder| folder.display().to_string()).collect();
    let rest = rest.split(':').filter(|folder| !first.iter().any(|known| known == folder));
    first.iter().map(String::as_str).chain(rest).collect::<Vec<_>>().join(":")
}

/// Returns the folders of the packages' programs, in the order of their names.
fn package_programs(packages: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(packages).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path().join("bin")).collect();
    // a colon would end the entry of the search path
    folders.retain(|folder| folder.is_dir() && !folder.to_string_lossy().contains(':'));
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_learner_and_the_lab_bring_comes_before_the_image_and_nothing_twice() {
        let first = ["/home/learner/bin", "/opt/workshop/bin"].map(PathBuf::from);
        assert_eq!(
            joined(&first, "/usr/bin:/opt/workshop/bin:/bin"),
            "/home/learner/bin:/opt/workshop/bin:/usr/bin:/bin"
        );
    }

    #[test]
    fn the_programs_of_packages_are_found_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for part in ["kail/bin", "argo/bin", "docs/text", "a:b/bin"] {
            std::fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        let expected = ["argo/bin", "kail/bin"].map(|part| folder.path().join(part));
        assert_eq!(package_programs(folder.path()), expected);
        assert!(package_programs(Path::new("/nowhere")).is_empty());
    }
}
