//! What a lab names to be fetched, read without loading the lab.

use std::path::Path;

use super::workshops;
use crate::spec::{self, LabSource, LabSpec, Package, ReadSpec};

/// What a lab names to be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabSources {
    /// The manifest's file in findings.
    pub manifest: String,
    /// Where the learner's files come from.
    pub files: Vec<LabSource>,
    pub packages: Vec<Package>,
}

impl LabSources {
    /// Reads the sources of the lab in a folder, which need not load. `origin` is the repository from which it came and its
    /// folder in that, if there is one.
    #[must_use]
    pub fn read(dir: &Path, origin: Option<(&str, &str)>) -> Self {
        let Ok(root) = dir.canonicalize() else { return Self::default() };
        // of several resources the first counts
        let mut workshop = workshops::read(&root).0.into_iter().next().unwrap_or_default();
        settle(&mut workshop, &root);
        let LabSpec { mut files, packages, .. } = workshop.spec;
        if let Some((repository, folder)) = origin {
            spec::settle_repository(&mut files, repository, folder);
        }
        Self { manifest: workshop.findings.file, files, packages }
    }

    /// Returns whether anything has to be laid out besides the lab's own folder.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.packages.is_empty() || self.files.iter().any(LabSource::is_elsewhere)
    }

    /// Lists all entries.
    pub fn iter(&self) -> impl Iterator<Item = &LabSource> {
        self.files.iter().chain(self.packages.iter().flat_map(|package| &package.files))
    }
}

/// Finds out which of a lab's sources is the lab itself.
pub(super) fn settle(workshop: &mut ReadSpec, root: &Path) {
    let folder = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let names: Vec<&str> = workshop.name.as_deref().into_iter().chain([folder.as_str()]).collect();
    spec::settle(&mut workshop.spec.files, root, &names);
}
