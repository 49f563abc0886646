//! What shells, checks and scripts are started with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lectern_api::agent::{CHECKS_DIR, WORKSHOP_DIR};

/// Settings that the server may change at any time.
#[derive(Default)]
pub struct Settings {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// From the server.
    env: BTreeMap<String, String>,
    /// From the lab's set-up scripts; these win.
    set_up_env: BTreeMap<String, String>,
    working_dir: Option<PathBuf>,
}

impl Settings {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // every change is a plain assignment, so what a panic leaves behind is whole
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the server's part.
    pub fn configure(&self, env: BTreeMap<String, String>, working_dir: PathBuf) {
        let mut inner = self.lock();
        inner.env = env;
        inner.working_dir = Some(working_dir);
    }

    /// Adds what set-up scripts wrote.
    pub fn add_set_up_env(&self, env: BTreeMap<String, String>) {
        self.lock().set_up_env.extend(env);
    }

    /// The variables on top of the agent's own environment.
    pub fn env(&self) -> BTreeMap<String, String> {
        let inner = self.lock();
        let mut env = BTreeMap::from([("PATH".to_owned(), path())]);
        env.extend(inner.env.clone());
        env.extend(inner.set_up_env.clone());
        env
    }

    /// Where a new shell begins.
    pub fn working_dir(&self) -> PathBuf {
        let wished = self.lock().working_dir.clone();
        wished.filter(|dir| dir.is_dir()).unwrap_or_else(home)
    }
}

/// The home directory.
pub fn home() -> PathBuf {
    std::env::home_dir().filter(|dir| dir.is_dir()).unwrap_or_else(|| PathBuf::from("/"))
}

/// Where a lab's own files lie.
pub fn workshop() -> PathBuf {
    std::env::var_os("LECTERN_WORKSHOP_DIR").map_or_else(|| PathBuf::from(WORKSHOP_DIR), PathBuf::from)
}

/// What runs in a terminal: `SHELL` where there is such a program, else what the image has.
pub fn shell() -> PathBuf {
    let wished = std::env::var_os("SHELL").map(PathBuf::from).filter(|shell| shell.is_file());
    wished.unwrap_or_else(script_shell)
}

/// What runs a lab's scripts: bash, or where an image has none its `sh`.
pub fn script_shell() -> PathBuf {
    let bash = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"].into_iter().map(PathBuf::from);
    bash.into_iter().find(|shell| shell.is_file()).unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

/// Where runs of checks keep what is theirs.
pub fn checks() -> PathBuf {
    std::env::var_os("LECTERN_CHECKS_DIR").map_or_else(|| PathBuf::from(CHECKS_DIR), PathBuf::from)
}

/// The search path with Lectern's own programs and the lab's at its end.
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
