//! The files of a lab that go into sessions.

use crate::files::{self, LabFile};
use crate::layers::{self, LaidContent, WORKSHOP};

use super::Lab;

/// Where the sources of a lab were laid out: everything but packages.
pub const LAID_FILES: &str = "files";
/// Where its packages were laid out, each in a folder of its own.
pub const LAID_PACKAGES: &str = "packages";
/// The largest file of a package, in bytes: programs are larger than exercises.
pub(crate) const MAX_PACKAGE_FILE_BYTES: u64 = 512 * 1024 * 1024;

impl Lab {
    /// Lists the files of the learner's home directory: everything except `workshop/`, the files that `.eduk8signore`
    /// lists, those of version control, and pages beside the exercise's files.
    #[must_use]
    pub fn home_files(&self) -> Vec<LabFile> {
        let pages: Vec<String> = if self.layout.content.is_empty() {
            self.layout.pages.iter().map(|page| page.file.clone()).collect()
        } else {
            Vec::new()
        };
        let is_home = |path: &str| !is_below(path, WORKSHOP) && !pages.iter().any(|page| page == path);
        self.files_where(is_home)
    }

    /// Lists the lab's files for which `wanted` returns true, by their paths below its root.
    fn files_where(&self, wanted: impl Fn(&str) -> bool) -> Vec<LabFile> {
        if self.laid.is_some() {
            let (found, _) = files::list(&self.root, "", |_| false);
            return found.into_iter().filter(|file| wanted(&file.path)).collect();
        }
        let (found, _) = layers::lay(Some(&self.root), &self.spec.files, |_| None);
        let placed =
            found.into_iter().filter(|file| wanted(&file.path)).filter_map(|laid| match laid.content {
                LaidContent::File(file) => Some(LabFile { path: laid.path, ..file }),
                // texts of the manifest are laid out with what is fetched
                LaidContent::Text(_) => None,
            });
        placed.collect()
    }

    /// Lists the files of a package, for its folder below `/opt/packages`. A lab that is read in its own folder has none.
    #[must_use]
    pub fn package_files(&self, package: &str) -> Vec<LabFile> {
        let folder = self.laid.as_ref().map(|laid| laid.join(LAID_PACKAGES).join(package));
        let folder = folder.filter(|folder| folder.is_dir());
        folder
            .map(|folder| files::list_within(&folder, "", MAX_PACKAGE_FILE_BYTES, |_| false).0)
            .unwrap_or_default()
    }

    /// Lists the file names of the scripts in `setup.d` of a package, in the order in which they run.
    #[must_use]
    pub fn package_scripts(&self, package: &str) -> Vec<String> {
        let names = self.package_files(package).into_iter().filter_map(|file| {
            let name = file.path.strip_prefix("setup.d/")?;
            (!name.contains('/') && name.ends_with(".sh")).then(|| name.to_owned())
        });
        names.collect()
    }

    /// Lists the files of `/opt/workshop`: all of `workshop/` except the checks, which learners must not read.
    #[must_use]
    pub fn workshop_files(&self) -> Vec<LabFile> {
        self.workshop_files_where(|path| !is_below(path, "examiner"))
    }

    /// Lists the files that a check finds in `/opt/workshop`: the checks, and everything that is neither a page nor used
    /// only when a session starts.
    #[must_use]
    pub fn check_files(&self) -> Vec<LabFile> {
        let left_out = ["content", "static", "_includes", "setup.d", "terminal"];
        self.workshop_files_where(|path| !left_out.iter().any(|folder| is_below(path, folder)))
    }

    fn workshop_files_where(&self, wanted: impl Fn(&str) -> bool) -> Vec<LabFile> {
        let start = format!("{WORKSHOP}/");
        let found = self.files_where(|path| path.strip_prefix(&start).is_some_and(&wanted));
        let moved =
            found.into_iter().map(|file| LabFile { path: file.path[start.len()..].to_owned(), ..file });
        moved.collect()
    }
}

/// Returns whether a path is a folder's or leads into it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
