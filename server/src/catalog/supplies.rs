//! What labs name to be fetched besides their own folders: repositories, files of the web and images. Each is fetched once
//! for all labs that name it, and again at the usual interval. One that cannot be fetched keeps its last good version.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use lectern_content::spec::{LabSource, Origin};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::fetch::{FetchError, Fetcher, FileWish, Gate, Version};
use super::source::{Source, SourceError};
use crate::report;

/// The folder of the cache for supplies.
const FOLDER: &str = "supplies";
/// How many are fetched at a time.
const AT_A_TIME: usize = 3;

/// All supplies of all labs. Clones share them.
#[derive(Clone)]
pub(super) struct Supplies(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    max_mib: u64,
    gate: Gate,
    known: Mutex<BTreeMap<String, Supply>>,
    /// Notified when a lab names something new.
    wanted: Notify,
}

/// One supply.
struct Supply {
    /// `None` if its address is refused or its folder cannot be made; the problem says why.
    fetcher: Option<Arc<Fetcher>>,
    version: Option<Version>,
    problem: Option<String>,
    /// Whether it was asked for since the server was started.
    is_tried: bool,
}

/// What is known of a supply.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The version in the cache.
    pub version: Option<Version>,
    /// Why the last fetch failed.
    pub problem: Option<String>,
}

impl Supplies {
    pub fn new(cache: &Path, max_mib: u64, inner_hosts: &[String]) -> Self {
        Self(Arc::new(Inner {
            folder: cache.join(FOLDER),
            max_mib,
            gate: Gate::new(inner_hosts),
            known: Mutex::default(),
            wanted: Notify::new(),
        }))
    }

    pub fn max_mib(&self) -> u64 {
        self.0.max_mib
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Supply>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the name of a source's supply, which is fetched from now on. Returns `None` if there is nothing to fetch.
    pub fn want(&self, source: &LabSource) -> Option<String> {
        let (text, wish) = address(&source.origin)?;
        let id = hex::encode(&Sha256::digest(format!("{text} {wish:?}"))[..12]);
        let mut known = self.known();
        if !known.contains_key(&id) {
            known.insert(id.clone(), self.open(&id, &text, wish));
            self.0.wanted.notify_one();
        }
        Some(id)
    }

    fn open(&self, id: &str, text: &str, wish: FileWish) -> Supply {
        let opened = parse(text).and_then(|source| {
            let folder = self.0.folder.join(id);
            Fetcher::open_for_author(source, folder, self.0.max_mib, self.0.gate.clone(), wish)
                .map_err(|error| told(&error))
        });
        match opened {
            Ok(fetcher) => {
                let version = fetcher.present();
                Supply { fetcher: Some(Arc::new(fetcher)), version, problem: None, is_tried: false }
            }
            Err(problem) => Supply { fetcher: None, version: None, problem: Some(problem), is_tried: true },
        }
    }

    pub fn find(&self, id: &str) -> Known {
        let known = self.known();
        known.get(id).map_or_else(Known::default, |supply| Known {
            version: supply.version.clone(),
            problem: supply.problem.clone(),
        })
    }

    /// Returns a number that changes when any of these supplies does.
    pub fn stamp(&self, ids: &[String]) -> u64 {
        let known = self.known();
        let mut hasher = DefaultHasher::new();
        for supply in ids.iter().filter_map(|id| known.get(id)) {
            supply.version.as_ref().map(|version| &version.revision).hash(&mut hasher);
            supply.problem.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Waits until something is wanted that was never asked for.
    pub async fn wait_for_new(&self) {
        while !self.known().values().any(|supply| !supply.is_tried) {
            self.0.wanted.notified().await;
        }
    }

    /// Fetches those that were never asked for, or all of them.
    pub async fn fetch(&self, all: bool) {
        let due: Vec<_> = {
            let known = self.known();
            let due = known.iter().filter(|(_, supply)| all || !supply.is_tried);
            due.filter_map(|(id, supply)| Some((id.clone(), supply.fetcher.clone()?, supply.version.clone())))
                .collect()
        };
        futures::stream::iter(due)
            .for_each_concurrent(AT_A_TIME, async |(id, fetcher, present)| {
                let result = fetcher.fetch(present.as_ref()).await;
                self.record(&id, result);
            })
            .await;
    }

    fn record(&self, id: &str, result: Result<Option<Version>, FetchError>) {
        let mut known = self.known();
        // a lab that named it may be gone by now
        let Some(supply) = known.get_mut(id) else { return };
        supply.is_tried = true;
        let before = supply.problem.take();
        match result {
            Ok(None) => {}
            Ok(Some(version)) => {
                tracing::info!(supply = id, revision = version.revision, "fetched files that labs name");
                supply.version = Some(version);
            }
            Err(error) => {
                let message = told(&error);
                if before.as_ref() != Some(&message) {
                    tracing::warn!(
                        supply = id,
                        error = message,
                        "files that a lab names could not be fetched"
                    );
                }
                supply.problem = Some(message);
            }
        }
    }

    /// Forgets the supplies that no lab names any more, and removes them and old versions from the cache.
    pub fn retain(&self, used: &BTreeSet<String>) {
        let mut known = self.known();
        known.retain(|id, _| used.contains(id));
        // what was laid out has its own copies, so nothing reads an old version
        for fetcher in known.values().filter_map(|supply| supply.fetcher.as_ref()) {
            fetcher.sweep(&[]);
        }
        drop(known);
        keep_only(&self.0.folder, used);
    }
}

/// Removes the entries of a folder that are not among these names.
pub(super) fn keep_only(folder: &Path, names: &BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !names.contains(entry.file_name().to_string_lossy().as_ref())
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "files that no lab needs could not be removed");
        }
    }
}

/// Returns the words for an author, who cannot change how the operator's own sources are written.
fn told(error: &FetchError) -> String {
    match error {
        FetchError::TooLarge { max_mib, .. } => {
            format!(
                "it is larger than {max_mib} MiB; name a smaller one, or ask the operator to raise --labs-max-mib"
            )
        }
        FetchError::NoReference { reference, .. } => format!("it has no {reference}; correct `ref`"),
        error => report::chain(error),
    }
}

/// Returns the address of what a source names in the catalogue's own notation, and what is wanted of a file.
fn address(origin: &Origin) -> Option<(String, FileWish)> {
    match origin {
        Origin::Own | Origin::Inline(_) => None,
        Origin::Git { url, reference } if reference.is_empty() => {
            Some((format!("git+{url}"), FileWish::default()))
        }
        Origin::Git { url, reference } => Some((format!("git+{url}#{reference}"), FileWish::default())),
        Origin::Http { url, sha256, keeps_archive } => {
            let url = url.split('#').next().unwrap_or_default();
            let wish = FileWish { sha256: sha256.clone(), keeps_archive: *keeps_archive };
            Some((format!("tar+{url}"), wish))
        }
        Origin::Image { reference, plain_http } => {
            let registry =
                reference.split('/').next().filter(|_| reference.contains('/')).unwrap_or_default();
            let host = registry.split(':').next().unwrap_or_default();
            let is_loopback = host == "localhost" || host.starts_with("127.");
            let scheme = if *plain_http || is_loopback { "oci+http" } else { "oci" };
            // as every client of registries reads a name without one
            let prefix = match registry {
                "" => "docker.io/library/",
                registry if host != "localhost" && !registry.contains(['.', ':']) => "docker.io/",
                _ => "",
            };
            Some((format!("{scheme}://{prefix}{reference}"), FileWish::default()))
        }
    }
}

/// Parses the address. Only what is on the web may be named: nothing on the server's machine, and nothing that is reached
/// with the operator's keys.
fn parse(text: &str) -> Result<Source, String> {
    // the address itself may hold credentials
    let refused = || Err("only addresses that begin with https:// or http:// are fetched".to_owned());
    let is_on_the_web = |scheme: &str| matches!(scheme, "https" | "http");
    match text.parse::<Source>() {
        Ok(Source::Git(git)) if is_on_the_web(git.url.scheme()) => Ok(Source::Git(git)),
        Ok(Source::Tar(tar)) if is_on_the_web(tar.url.scheme()) => Ok(Source::Tar(tar)),
        Ok(Source::Oci(oci)) => Ok(Source::Oci(oci)),
        Ok(_) => refused(),
        // its own message would speak of the notation that only operators use
        Err(_) if text.starts_with("oci") => {
            Err("that is no image's name; write registry/name:tag".to_owned())
        }
        Err(SourceError::Reference { rule, .. }) => Err(format!("that is no branch, tag or commit: {rule}")),
        Err(_) => refused(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(origin: &Origin) -> String {
        let (text, _) = address(origin).unwrap();
        parse(&text).map_or_else(|problem| problem, |source| source.to_string())
    }

    #[test]
    fn what_a_lab_names_is_a_source_of_the_catalogue() {
        let git = |url: &str, reference: &str| Origin::Git { url: url.into(), reference: reference.into() };
        let image = |reference: &str| Origin::Image { reference: reference.into(), plain_http: false };
        let http = |url: &str| Origin::Http { url: url.into(), sha256: None, keeps_archive: false };
        for (origin, text) in [
            (git("https://github.com/a/b", "v1"), "git+https://github.com/a/b#v1"),
            (git("https://github.com/a/b.git", ""), "git+https://github.com/a/b.git"),
            (image("ghcr.io/a/b:1"), "oci://ghcr.io/a/b:1"),
            (image("a/b:1"), "oci://docker.io/a/b:1"),
            (image("busybox"), "oci://docker.io/library/busybox:latest"),
            (image("localhost:5001/a:1"), "oci+http://localhost:5001/a:1"),
            (http("https://a.example/x.tgz#frag"), "https://a.example/x.tgz"),
            (http("https://a.example/tool"), "tar+https://a.example/tool"),
        ] {
            assert_eq!(named(&origin), text);
        }
    }

    #[test]
    fn nothing_of_the_servers_machine_and_nothing_behind_its_keys_can_be_named() {
        for origin in [
            Origin::Git { url: "file:///srv/secret.git".into(), reference: String::new() },
            Origin::Git { url: "ssh://git@github.com/a/b".into(), reference: String::new() },
            Origin::Git { url: "git@github.com:a/b.git".into(), reference: String::new() },
            Origin::Http { url: "file:///etc/passwd".into(), sha256: None, keeps_archive: true },
            Origin::Http { url: "/etc/passwd".into(), sha256: None, keeps_archive: true },
        ] {
            let words = "only addresses that begin with https:// or http:// are fetched";
            assert_eq!(named(&origin), words, "{origin:?}");
        }
        let option =
            Origin::Git { url: "https://github.com/a/b".into(), reference: "--upload-pack=x".into() };
        assert!(named(&option).starts_with("that is no branch, tag or commit: "), "{}", named(&option));
        let image = Origin::Image { reference: "ghcr.io/A B".into(), plain_http: false };
        assert_eq!(named(&image), "that is no image's name; write registry/name:tag");
    }
}
