//! A catalogue of a test's own, folders of labs, and a web server of which the test says what it answers.

pub mod repository;
pub mod web;

use std::path::Path;
use std::process::Command;

use lectern_api::labs::LabSummary;
use lectern_server::catalog::source::SourceList;
use lectern_server::catalog::{Catalog, CatalogConfig, Viewer};
use lectern_server::config::portal::Portal;

/// A folder that a test may change.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Writes a lab of one page.
    pub fn write_lab(&self, folder: &str, title: &str) {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        self.write(
            &format!("{folder}/resources/workshop.yaml"),
            &format!(
                "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: {name}\nspec:\n  \
                 title: {title}\n  description: A lab for tests.\n  difficulty: beginner\n  duration: 45m\n  \
                 tags: [shell, files]\n  authors: [Ada]\n"
            ),
        );
        self.write(&format!("{folder}/workshop/content/page.md"), "# A page\n\nHello.\n");
    }

    /// Packs what is in the folder; the compression follows from the name.
    pub fn pack(&self, archive: &Path) {
        let flag = if archive.extension().is_some_and(|ending| ending == "tar") { "-cf" } else { "-czf" };
        let status = Command::new("tar").arg(flag).arg(archive).arg("-C").arg(self.path()).arg(".").status();
        assert!(status.expect("tar can be started").success());
    }
}

/// A catalogue of these sources, with a cache of its own.
pub struct Shop {
    pub catalog: Catalog,
    pub cache: tempfile::TempDir,
    sources: String,
    inner_hosts: Vec<String>,
}

impl Shop {
    pub fn open(sources: &str) -> Self {
        Self::open_with(sources, vec![])
    }

    /// The same, whose labs may name sources on this machine.
    pub fn open_for_neighbours(sources: &str) -> Self {
        Self::open_with(sources, vec!["127.0.0.1".to_owned()])
    }

    fn open_with(sources: &str, inner_hosts: Vec<String>) -> Self {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let catalog = open(sources, cache.path(), &inner_hosts);
        Self { catalog, cache, sources: sources.to_owned(), inner_hosts }
    }

    /// The same after a restart.
    pub fn restart(&mut self) {
        self.catalog = open(&self.sources, self.cache.path(), &self.inner_hosts);
    }

    /// Fetches, and lists the labs as an author sees them.
    pub async fn refreshed(&self) -> Vec<LabSummary> {
        self.catalog.refresh().await;
        self.catalog.list_labs(Viewer::Author)
    }

    /// Fetches, which must bring exactly these titles and no problem.
    pub async fn expect(&self, titles: &[&str]) -> Vec<LabSummary> {
        let labs = self.refreshed().await;
        let seen: Vec<_> = labs.iter().map(|lab| lab.title.as_str()).collect();
        assert_eq!(seen, titles, "{labs:#?}");
        assert!(labs.iter().all(|lab| lab.errors.is_empty()), "{labs:#?}");
        labs
    }

    /// Fetches, which must fail, and gives the message that the author of the first lab is told.
    pub async fn problem(&self) -> String {
        let labs = self.refreshed().await;
        let errors = labs.first().map(|lab| lab.errors.clone()).unwrap_or_default();
        errors.last().unwrap_or_else(|| panic!("no problem with {labs:#?}")).message.clone()
    }

    /// How many entries a folder of the cache has.
    pub fn entries(&self, folder: &str) -> usize {
        std::fs::read_dir(self.cache.path().join(folder)).map_or(0, Iterator::count)
    }

    /// The versions that lie in the cache.
    pub fn versions(&self) -> usize {
        let sources = std::fs::read_dir(self.cache.path()).expect("the cache").flatten();
        let inside = sources.flat_map(|source| std::fs::read_dir(source.path()).expect("a folder").flatten());
        inside.filter(|entry| entry.file_name().to_string_lossy().starts_with("version-")).count()
    }
}

fn open(sources: &str, cache: &Path, inner_hosts: &[String]) -> Catalog {
    lectern_server::tls::install();
    let sources: SourceList = sources.parse().expect("sources");
    let config = CatalogConfig {
        sources: sources.0,
        refresh_every: std::time::Duration::from_secs(60),
        cache_dir: Some(cache.to_owned()),
        max_mib: 4,
        inner_hosts: inner_hosts.to_vec(),
    };
    Catalog::open(config, &Portal::default()).expect("a catalogue")
}

/// Waits for something, but not for ever.
pub async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
