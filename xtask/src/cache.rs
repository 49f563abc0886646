//! The folder of finished results, `~/.cache/lectern`: `<kind>/<fingerprint>/…`.
//!
//! A result is made in a temporary folder beside its place and renamed into it, so what is there is whole.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

/// Everything that xtask puts into the cache folder.
const CONTENTS: [&str; 13] = [
    "agent",
    "cluster",
    "conformance",
    "conformance-images",
    "images",
    "logs",
    "playwright",
    "target",
    "tools",
    "wasm-bindgen",
    "wasm-opt",
    "wasm-toolchain",
    "web",
];

/// How many results of one kind stay. One more removes the least recently used one.
const KEPT_PER_KIND: usize = 3;
/// How many runs' logs stay.
const KEPT_LOGS: usize = 10;

/// The cache folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// Held while results are being made; another xtask waits for it. The kernel releases it when the process ends.
pub struct Lock {
    _file: File,
}

impl Cache {
    /// Opens the cache, and creates its folder if it is missing.
    pub fn open(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root)
            .with_context(|| format!("could not create the cache folder {}", root.display()))?;
        remove_broken_links(&root)?;
        Ok(Self { root })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Waits until no other xtask makes results, and prints a line if it has to wait.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.root.join("lock");
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                println!("Waiting for another cargo xtask to end (process {})", holder.trim());
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("could not lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(Lock { _file: file })
    }

    /// Returns the finished result under that key, or `None` if it has not been made.
    pub fn find(&self, kind: &str, key: &str) -> Option<PathBuf> {
        let place = self.root.join(kind).join(key);
        let folder = File::open(&place).ok()?;
        // pruning removes what was used longest ago
        let _ = folder.set_modified(SystemTime::now());
        Some(place)
    }

    /// Returns the result under that key. If there is none, `make` fills an empty folder with it. Call it with the lock
    /// held.
    pub fn find_or_make(
        &self,
        kind: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        if let Some(place) = self.find(kind, key) {
            return Ok(place);
        }
        let folder = self.root.join(kind);
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        remove_leftovers(&folder)?;
        let unfinished = folder.join(format!(".unfinished-{}", std::process::id()));
        fs::create_dir(&unfinished)?;
        if let Err(error) = make(&unfinished) {
            let _ = fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        let place = folder.join(key);
        fs::rename(&unfinished, &place).with_context(|| format!("could not create {}", place.display()))?;
        keep_newest(&folder, KEPT_PER_KIND, is_key)?;
        Ok(place)
    }

    /// Creates a folder for the logs of one run.
    pub fn new_log_folder(&self, command: &str) -> Result<PathBuf> {
        let logs = self.root.join("logs");
        let started_at =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let folder = logs.join(format!("{started_at}-{command}-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        keep_newest(&logs, KEPT_LOGS, |_| true)?;
        Ok(folder)
    }

    /// Removes everything that xtask put there, and returns the folders that it removed.
    pub fn clean(&self) -> Result<Vec<PathBuf>> {
        let mut removed = Vec::new();
        for kind in CONTENTS {
            let folder = self.root.join(kind);
            if folder.is_dir() {
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("could not remove {}", folder.display()))?;
                removed.push(folder);
            }
        }
        Ok(removed)
    }
}

/// Removes links in that folder which lead nowhere. Who moves a part of the cache to another disk leaves a link, and when
/// that disk is gone nothing can be created in the link's place; what it held is only made again.
fn remove_broken_links(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_symlink() && !path.exists() {
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn is_key(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes what a killed run left. The caller holds the lock, so nobody works in there.
fn remove_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".unfinished-") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn keep_newest(folder: &Path, kept: usize, ours: impl Fn(&str) -> bool) -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if ours(&entry.file_name().to_string_lossy()) {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    found.sort();
    for (_, path) in found.iter().rev().skip(kept) {
        fs::remove_dir_all(path).with_context(|| format!("could not remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("lectern")).unwrap();
        (folder, cache)
    }

    #[test]
    fn a_result_is_made_once() {
        let (_folder, cache) = cache();
        let make = |folder: &Path| Ok(fs::write(folder.join("program"), "1")?);
        let first = cache.find_or_make("cluster", "0123456789abcdef", make).unwrap();
        let again =
            cache.find_or_make("cluster", "0123456789abcdef", |_| anyhow::bail!("made twice")).unwrap();
        assert_eq!(first, again);
        assert_eq!(fs::read_to_string(first.join("program")).unwrap(), "1");
    }

    #[test]
    fn a_failed_result_leaves_nothing() {
        let (_folder, cache) = cache();
        let failed = cache.find_or_make("cluster", "0123456789abcdef", |folder| {
            fs::write(folder.join("half"), "1")?;
            anyhow::bail!("the compiler failed")
        });
        assert!(failed.is_err());
        assert_eq!(cache.find("cluster", "0123456789abcdef"), None);
        assert_eq!(fs::read_dir(cache.root().join("cluster")).unwrap().count(), 0);
    }

    #[test]
    fn a_link_that_leads_nowhere_makes_room_for_a_folder() {
        let (folder, cache) = cache();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, cache.root().join("web")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("gone"), cache.root().join("target")).unwrap();

        let cache = Cache::open(cache.root().to_owned()).unwrap();
        fs::create_dir(cache.root().join("target")).unwrap();
        assert!(cache.root().join("web").is_symlink(), "a link to a folder that is there stays");
    }

    #[test]
    fn the_result_used_longest_ago_makes_room() {
        let (_folder, cache) = cache();
        for number in 0..KEPT_PER_KIND {
            let place = cache.find_or_make("web", &format!("{number:016x}"), |_| Ok(())).unwrap();
            let earlier = SystemTime::now() - Duration::from_secs(3600 - number as u64);
            File::open(place).unwrap().set_modified(earlier).unwrap();
        }
        fs::create_dir(cache.root().join("web/by-hand")).unwrap();
        assert!(cache.find("web", &format!("{:016x}", 0)).is_some(), "using it makes it new");
        cache.find_or_make("web", &format!("{:016x}", 99), |_| Ok(())).unwrap();

        let there = |number: u64| cache.find("web", &format!("{number:016x}")).is_some();
        assert_eq!([there(0), there(1), there(2), there(99)], [true, false, true, true]);
        assert!(cache.root().join("web/by-hand").is_dir());
    }
}
