//! The folder of one run of a check, and what it holds.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::sweep::sweep;
use crate::files::on_disk;
use crate::settings::{check_path, checks, script_shell};

/// How long a check waits for another one of the same session to end.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// The interval between two attempts to take the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Programs that read settings from the home directory which change their output: `~/.jq` can redefine any function.
/// Checks run them with an empty home; paths that a check itself writes with `~` still lead to the learner's home.
const WITHOUT_SETTINGS: [&str; 8] = ["curl", "helm", "jq", "kubectl", "oc", "psql", "wget", "yq"];

/// The folder of one run: its name is not known before, no other check runs while it exists, and it is removed with the
/// run.
pub struct Folder {
    path: PathBuf,
    /// The lock that is held during the run.
    _lock: File,
}

impl Folder {
    /// Waits until no other check runs, kills and removes what earlier runs left, and creates the folder.
    pub async fn prepare(run: Uuid, kubeconfig: Option<String>) -> io::Result<Self> {
        let base = checks();
        std::fs::create_dir_all(&base)?;
        let lock = File::options().create(true).append(true).mode(0o600).open(base.join("turn"))?;
        let asked = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if asked.elapsed() > LOCK_WAIT => {
                    return Err(io::Error::other(
                        "another check is still running; try again when it has ended",
                    ));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            }
        }
        on_disk(move || Self::create(&base, run, kubeconfig, lock)).await
    }

    fn create(base: &Path, run: Uuid, kubeconfig: Option<String>, lock: File) -> io::Result<Self> {
        sweep()?;
        for entry in std::fs::read_dir(base)?.flatten() {
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        let folder = Self { path: base.join(run.to_string()), _lock: lock };
        for part in ["", "workshop", "home", "tmp", "bin"] {
            DirBuilder::new().mode(0o700).create(folder.path.join(part))?;
        }
        if let Some(text) = kubeconfig {
            let mut file = File::options()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(folder.path.join("kubeconfig"))?;
            file.write_all(text.as_bytes())?;
        }
        for name in WITHOUT_SETTINGS {
            if let Some(program) = find(name, &check_path()) {
                folder.write_wrapper(name, &program)?;
            }
        }
        Ok(folder)
    }

    fn write_wrapper(&self, name: &str, program: &Path) -> io::Result<()> {
        let place = self.path.join("bin").join(name);
        let (shell, home, program) = (script_shell(), self.path.join("home"), program.display());
        let text = format!("#!{}\nHOME={} exec {program} \"$@\"\n", shell.display(), home.display());
        std::fs::write(&place, text)?;
        std::fs::set_permissions(&place, Permissions::from_mode(0o700))
    }

    /// Returns the folder for the lab's files.
    pub fn workshop(&self) -> PathBuf {
        self.path.join("workshop")
    }

    /// Returns the check's environment: the given variables, and those that confine it to its own programs, credentials
    /// and temporary files.
    pub fn env(&self, given: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let place = |name: &str| self.path.join(name).display().to_string();
        let usual = given.get("PATH").cloned().unwrap_or_else(check_path);
        let mut env = given;
        env.insert("PATH".to_owned(), format!("{}:{}:{usual}", place("bin"), place("workshop/bin")));
        env.insert("KUBECONFIG".to_owned(), place("kubeconfig"));
        env.insert("TMPDIR".to_owned(), place("tmp"));
        env.insert("PYTHONNOUSERSITE".to_owned(), "1".to_owned());
        env
    }

    /// Kills all that the run started, and removes the folder.
    pub fn remove(self) -> io::Result<()> {
        sweep()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // if it fails, the next run tries again and reports the error
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Returns the first program of that name on a search path.
fn find(name: &str, path: &str) -> Option<PathBuf> {
    path.split(':').map(|folder| Path::new(folder).join(name)).find(|program| {
        program.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}
