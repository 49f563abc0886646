//! The environment of shells and scripts: variables, folders, programs.

#![expect(clippy::disallowed_methods, reason = "this is where the agent reads its settings")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lectern_api::agent::{CHECKS_DIR, PACKAGES_DIR, WORKSHOP_DIR};

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
        let mut found = package_programs();
        found.push(path());
        let mut env = BTreeMap::from([("PATH".to_owned(), found.join(":"))]);
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

/// Lists the folders with programs of the packages, by the packages' names.
fn package_programs() -> Vec<String> {
    let entries = std::fs::read_dir(packages()).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path().join("bin")).filter(|folder| folder.is_dir()).collect();
    found.sort();
    // a colon would end the entry of the search path
    found.iter().map(|folder| folder.display().to_string()).filter(|folder| !folder.contains(':')).collect()
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

/// Returns the search path, with the folders of Lectern's and the lab's programs at its end.
pub fn path() -> String {
    let own = ["/opt/lectern/bin", "/opt/workshop/bin"];
    let mut path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    for folder in own {
        if !path.split(':').any(|known| known == folder) {
            path.push(':');
            path.push_str(folder);
        }
    }
    path
}
