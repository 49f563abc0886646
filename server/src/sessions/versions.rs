//! Which version of a lab a session was made from, so that none of an older one is taken out of the reserve.
//!
//! A version is a hash of what the lab consists of, not of times and places of files: servers that were given the
//! same lab in different ways agree.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use lectern_api::ids::LabSlug;
use lectern_content::Lab;
use lectern_content::files::LabFile;
use sha2::{Digest, Sha256};

/// Versions of the labs as they are loaded now, each found out once.
pub(super) struct Versions {
    /// What else makes sessions differ: this release and its workbenches.
    release: String,
    known: Mutex<HashMap<LabSlug, (Weak<Lab>, String)>>,
}

impl Versions {
    pub(super) fn new(workbench_image: &str) -> Self {
        let release = format!("{} {workbench_image}", env!("CARGO_PKG_VERSION"));
        Self { release, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<LabSlug, (Weak<Lab>, String)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version of a lab. The first time that a lab is asked for its files are read.
    pub(super) async fn version_of(&self, lab: &Arc<Lab>) -> String {
        if let Some((known, version)) = self.known().get(&lab.slug)
            && known.ptr_eq(&Arc::downgrade(lab))
        {
            return version.clone();
        }
        let (release, reading) = (self.release.clone(), lab.clone());
        let version = tokio::task::spawn_blocking(move || compute(&release, &reading)).await;
        // a panic while reading would come again: such a lab has nothing in reserve
        let version = version.unwrap_or_default();
        self.known().insert(lab.slug.clone(), (Arc::downgrade(lab), version.clone()));
        version
    }
}

fn compute(release: &str, lab: &Lab) -> String {
    let mut hash = Sha256::new();
    let mut about = String::new();
    // the definition is no file of the workbench's, but says what a session is
    let _ = write!(about, "{release}\n{}\n{}\n{:?}\n{:?}", lab.slug, lab.title, lab.spec, lab.pages);
    hash.update(about.as_bytes());
    for file in lab.home_files().iter().chain(&lab.workshop_files()).chain(&lab.check_files()) {
        add(&mut hash, file);
    }
    for package in &lab.spec.packages {
        for file in lab.package_files(&package.name) {
            add(&mut hash, &LabFile { path: format!("{}/{}", package.name, file.path), ..file });
        }
    }
    hex::encode(&hash.finalize()[..16])
}

fn add(hash: &mut Sha256, file: &LabFile) {
    // lengths before texts, so that none runs into the next
    let mut begin = |length: u64| {
        hash.update(format!("\n{}:{length}:{}:{}\n", file.path.len(), file.executable, file.path));
    };
    if let Some(target) = &file.link {
        let target = format!("{target:?}");
        begin(target.len() as u64);
        hash.update(&target);
        return;
    }
    // one that cannot be read fails the start, with its name
    let Ok(mut source) = file.open() else { return begin(0) };
    begin(source.metadata().map_or(0, |meta| meta.len()));
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = source.read(&mut piece) {
        hash.update(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lab(folder: &Path) -> Arc<Lab> {
        Arc::new(Lab::load(folder).unwrap())
    }

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[tokio::test]
    async fn the_same_lab_in_another_folder_is_the_same_version_and_a_changed_file_is_not() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let manifest =
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {name: seed}\nspec: {}\n";
        for folder in [here.path(), there.path()] {
            write(folder, "resources/workshop.yaml", manifest);
            write(folder, "workshop/content/a.md", "# A\n");
            write(folder, "exercises/x.txt", "one");
        }
        let versions = Versions::new("bench:1");
        let first = lab(here.path());
        let version = versions.version_of(&first).await;
        assert_eq!(version, Versions::new("bench:1").version_of(&lab(there.path())).await);
        assert_ne!(version, Versions::new("bench:2").version_of(&first).await);
        write(here.path(), "exercises/x.txt", "two");
        // what was loaded is what is handed out, until it is loaded again
        assert_eq!(version, versions.version_of(&first).await);
        let second = versions.version_of(&lab(here.path())).await;
        assert_ne!(version, second);
        write(
            here.path(),
            "resources/workshop.yaml",
            &manifest.replace("{}", "{session: {env: [{name: A, value: b}]}}"),
        );
        assert_ne!(second, versions.version_of(&lab(here.path())).await);
    }
}
