//! Where a lab's files come from besides its own folder, and the packages that it adds to the workbench.

use std::path::Path;

mod place;

pub(crate) use place::is_pattern;
pub use place::{PathRules, folder_path};

/// The platform's name for the architecture of this machine, which workbenches share.
#[must_use]
pub fn platform_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// One entry of `workshop.files`, of a package's `files`, or `content.files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabSource {
    pub origin: Origin,
    /// The folder into which the files go, relative to the learner's home or the package. Empty for that folder itself.
    pub path: String,
    /// The folder of what was fetched that counts as its root. Empty for all of it.
    pub new_root: String,
    /// Which files are taken.
    pub rules: PathRules,
    /// The line of the entry, for findings.
    pub line: u32,
}

/// What an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The lab's own folder.
    Own,
    /// A git repository.
    Git {
        /// Its address.
        url: String,
        /// A branch, a tag or a commit. Empty for the main branch.
        reference: String,
    },
    /// A file from the web, which is unpacked if it is an archive.
    Http {
        /// Its address.
        url: String,
        /// The hash that it must have, in hexadecimal digits.
        sha256: Option<String>,
        /// Whether an archive stays packed.
        keeps_archive: bool,
    },
    /// An OCI artefact or image, whose layers are unpacked.
    Image {
        /// Its name with tag or digest.
        reference: String,
        /// Whether its registry speaks HTTP without TLS.
        plain_http: bool,
    },
    /// Texts that are written in the Workshop resource: path and content.
    Inline(Vec<(String, String)>),
}

/// Programs or files that are added to the workbench below `/opt/packages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The name of its folder.
    pub name: String,
    pub files: Vec<LabSource>,
}

impl LabSource {
    /// Returns whether the entry stands for files outside of the lab's own folder.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.origin != Origin::Own
    }

    /// Returns a name of the entry for messages, without credentials.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.origin {
            Origin::Own => "the lab's own folder".to_owned(),
            Origin::Git { url, .. } | Origin::Http { url, .. } => without_login(url),
            Origin::Image { reference, .. } => reference.clone(),
            Origin::Inline(_) => "the files written in the manifest".to_owned(),
        }
    }

    /// Returns the last part of the name of the repository or image, as published for a lab.
    fn published_name(&self) -> Option<&str> {
        match &self.origin {
            Origin::Git { url, .. } => {
                let last = url.trim_end_matches('/').rsplit(['/', ':']).next()?;
                Some(last.strip_suffix(".git").unwrap_or(last))
            }
            Origin::Image { reference, .. } => {
                let last = reference.rsplit('/').next()?;
                let name = last.split(['@', ':']).next()?;
                Some(name.strip_suffix("-files").unwrap_or(name))
            }
            _ => None,
        }
    }
}

/// Removes the user and password from an address.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Finds the entry under which the lab itself was published and lets it stand for the lab's own folder, so that an
/// author's changes count and nothing is fetched twice. `names` are those under which the lab is known: its own and its
/// folder's.
pub(crate) fn settle(sources: &mut [LabSource], root: &Path, names: &[&str]) {
    if sources.iter().any(|source| source.origin == Origin::Own) {
        return;
    }
    for source in sources.iter_mut().filter(|source| source.path.is_empty()) {
        let last = |path: &str| path.rsplit('/').next().is_some_and(|last| names.contains(&last));
        let is_folder = !source.new_root.is_empty() && last(&source.new_root);
        let is_whole = source.published_name().is_some_and(|name| names.contains(&name));
        if is_folder && matches!(source.origin, Origin::Git { .. } | Origin::Http { .. }) {
            source.new_root.clear();
        } else if !is_whole || !root.join(&source.new_root).is_dir() {
            continue;
        }
        source.origin = Origin::Own;
        return;
    }
}

/// Lets entries that name the repository from which the lab came stand for its own folder.
pub(crate) fn settle_repository(sources: &mut [LabSource], repository: &str, folder: &str) {
    for source in sources {
        let Origin::Git { url, .. } = &source.origin else { continue };
        if same_repository(url, repository) && source.new_root == folder {
            source.origin = Origin::Own;
            source.new_root.clear();
        }
    }
}

fn same_repository(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        let url = without_login(url).to_ascii_lowercase();
        let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        url.trim_end_matches('/').trim_end_matches(".git").to_owned()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests;
