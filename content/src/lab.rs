//! A lab, loaded: its description, its pages, and the files for sessions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lectern_api::ids::{CheckName, LabSlug};
use lectern_api::page::PageLink;

use crate::allow::{self, Allowances, Overreach};
use crate::diagnostic::{Diagnostic, LabError};
use crate::files;
use crate::layout::{self, Hints, Layout, Pathway};
use crate::rules::Rule;
use crate::severity::Severity;
use crate::spec::{self, LabSpec, ReadSpec};
use crate::template::Style;
use crate::variables::{Declared, Variables};
use crate::yaml::{self, Node};

mod assets;
mod contents;
mod sources;

pub(crate) use assets::Assets;
pub(crate) use contents::MAX_PACKAGE_FILE_BYTES;
pub use contents::{LAID_FILES, LAID_PACKAGES};
pub use sources::LabSources;
use sources::settle;

/// A lab, as its files were when it was loaded.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Its name in URLs.
    pub slug: LabSlug,
    pub title: String,
    /// Its Workshop resource, reduced by [`Lab::restrict`].
    pub spec: LabSpec,
    /// The table of contents without a pathway.
    pub pages: Vec<PageLink>,
    pub pathways: Vec<Pathway>,
    /// The checks in `workshop/examiner/tests`.
    pub checks: Vec<CheckName>,
    /// The file names of the scripts in `workshop/setup.d`, in the order in which they run.
    pub setup_scripts: Vec<String>,
    /// Findings of loading that do not keep the lab from working.
    pub warnings: Vec<Diagnostic>,
    /// Findings about what the operator does not allow, for authors; see [`Lab::restrict`].
    pub refusals: Vec<Diagnostic>,
    /// The things that are switched off, in a few plain words each, for learners.
    pub switched_off: Vec<String>,
    root: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) workshop: ReadSpec,
    pub(crate) page_names: Arc<BTreeSet<String>>,
    /// The folder of what the lab's sources were laid out to. `None` for a lab that is read in its own folder.
    laid: Option<PathBuf>,
}

impl Lab {
    /// Loads the lab in a folder.
    ///
    /// # Errors
    /// Fails with all findings, not just the first, if at least one is an error.
    pub fn load(dir: &Path) -> Result<Self, LabError> {
        Self::load_from(dir, None)
    }

    /// Loads a lab whose sources were laid out: the Workshop resource is that of the lab's own folder, `files` in `laid` is
    /// everything else, and each folder in `laid/packages` a package. See [`layers::lay`].
    ///
    /// # Errors
    /// Fails with all findings, not just the first, if at least one is an error.
    pub fn load_laid(dir: &Path, laid: &Path) -> Result<Self, LabError> {
        Self::load_from(dir, Some(laid))
    }

    fn load_from(dir: &Path, laid: Option<&Path>) -> Result<Self, LabError> {
        let root = dir.canonicalize().map_err(|error| {
            Diagnostic::new(
                Rule::Unreadable,
                ".",
                format!("The lab's folder {} cannot be read: {error}", dir.display()),
            )
        })?;
        if !root.is_dir() {
            let message = format!("{} is not a folder", dir.display());
            return Err(Diagnostic::new(Rule::Unreadable, ".", message).into());
        }
        let mut diagnostics = files::check_ignore_file(&root);
        let mut workshop = read_workshop(&root, &mut diagnostics);
        settle(&mut workshop, &root);
        diagnostics.extend(workshop.findings.diagnostics.iter().cloned());
        let slug = slug_of(&workshop, &root).map_err(|diagnostic| diagnostics.push(diagnostic)).ok();
        let root = laid.map_or(root, |laid| laid.join(LAID_FILES));
        let mut layout = layout::read(&root, hints(&workshop));
        diagnostics.append(&mut layout.diagnostics);
        if let Some(name) = workshop.environment("PATHWAY_NAME") {
            layout.default_pathway = Some(name.to_owned());
        }
        if layout.pages.iter().all(|page| !page.listed) {
            let wanted = if layout.content.is_empty() { "workshop/content/<page>.md" } else { "<page>.md" };
            diagnostics.push(
                Diagnostic::new(
                    Rule::NoPages,
                    if layout.content.is_empty() { "." } else { &layout.content },
                    "The lab has no pages",
                )
                .hint(format!("write {wanted}")),
            );
        }
        let (_, stray) = files::list(&root, "", |_| false);
        // of what was fetched the author can change nothing
        let is_laid = laid.is_some();
        diagnostics
            .extend(stray.into_iter().map(|one| if is_laid { one.severity(Severity::Warning) } else { one }));
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        match slug {
            Some(slug) if errors.is_empty() => Ok(Self {
                laid: laid.map(Path::to_owned),
                ..Self::assemble(root, slug, layout, workshop, warnings)
            }),
            _ => {
                let mut diagnostics = errors;
                diagnostics.extend(warnings);
                diagnostics.dedup();
                Err(LabError { diagnostics })
            }
        }
    }

    fn assemble(
        root: PathBuf,
        slug: LabSlug,
        layout: Layout,
        workshop: ReadSpec,
        mut warnings: Vec<Diagnostic>,
    ) -> Self {
        let (scripts, _) = files::list(&root, "workshop/setup.d", |_| false);
        let setup_scripts = scripts
            .into_iter()
            .map(|file| file.path)
            .filter(|path| !path.contains('/') && path.ends_with(".sh"))
            .collect();
        let mut checks = Vec::new();
        // files in sub-folders that are not executable are helpers of the checks
        let tests = files::list(&root, TESTS, |_| false).0.into_iter();
        for file in tests.filter(|file| file.executable || file.link.is_some() || !file.path.contains('/')) {
            match file.path.parse() {
                Ok(check) => checks.push(check),
                Err(error) => warnings.push(Diagnostic::new(
                    Rule::BadCheckName,
                    format!("{TESTS}/{}", file.path),
                    format!("The check is left out: {error}"),
                )),
            }
        }
        let mut lab = Self {
            title: title_of(&slug, &layout, &workshop),
            spec: workshop.spec.clone(),
            pages: Vec::new(),
            pathways: layout.pathways.clone(),
            setup_scripts,
            page_names: Arc::new(layout.pages.iter().map(|page| page.name.clone()).collect()),
            checks,
            slug,
            warnings,
            refusals: Vec::new(),
            switched_off: Vec::new(),
            root,
            layout,
            workshop,
            laid: None,
        };
        lab.pages = lab.pages_for(&Variables::new());
        lab
    }

    /// Reduces the lab to what an operator allows, and records what it does not get.
    pub fn restrict(&mut self, allowances: &Allowances) {
        let (granted, overreaches) = allow::allow(&self.workshop.spec, allowances);
        self.refusals = allow::findings(&self.slug, &self.workshop, &granted, &overreaches);
        self.spec = granted;
        self.switched_off = overreaches.iter().map(Overreach::for_learners).collect();
        self.switched_off.sort();
        self.switched_off.dedup();
    }

    /// Returns the folder that the lab was loaded from.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the table of contents of a session: its pathway's, if it has one.
    #[must_use]
    pub fn pages_for(&self, variables: &Variables) -> Vec<PageLink> {
        let link = |page: &layout::Page| PageLink { name: page.name.clone(), title: page.title.clone() };
        match self.pathway(variables).filter(|pathway| !pathway.pages.is_empty()) {
            Some(pathway) => pathway
                .pages
                .iter()
                .filter_map(|name| self.layout.pages.iter().find(|page| page.name == *name).map(link))
                .collect(),
            None => self.layout.pages.iter().filter(|page| page.listed).map(link).collect(),
        }
    }

    /// Returns the name of the pathway that applies.
    pub(crate) fn pathway_name<'a>(&'a self, variables: &'a Variables) -> Option<&'a str> {
        variables.pathway().or(self.layout.default_pathway.as_deref())
    }

    fn pathway(&self, variables: &Variables) -> Option<&Pathway> {
        let name = self.pathway_name(variables)?;
        self.pathways.iter().find(|pathway| pathway.name == name)
    }

    /// Lets the sources that name the repository from which the lab came stand for its own folder. `folder` is the lab's
    /// folder in it.
    pub fn settle_repository(&mut self, repository: &str, folder: &str) {
        spec::settle_repository(&mut self.spec.files, repository, folder);
        spec::settle_repository(&mut self.workshop.spec.files, repository, folder);
    }

    /// Finds a static file by its path below the base URL: beside the pages or in `workshop/static`. Never returns a page
    /// or a file outside of these folders.
    #[must_use]
    pub fn asset(&self, path: &str) -> Option<PathBuf> {
        self.assets().find(path)
    }

    pub(crate) fn assets(&self) -> Assets {
        Assets::new(self.root.clone(), self.layout.content.clone())
    }

    /// Reads a static file. Returns `None` if there is none, if it is larger than `limit`, or if it was replaced by a link.
    #[must_use]
    pub fn read_asset(&self, path: &str, limit: u64) -> Option<(PathBuf, Vec<u8>)> {
        let found = self.asset(path)?;
        let bytes = files::read_exactly(&found, limit).ok()?;
        Some((found, bytes))
    }

    /// Returns how the pages write their variables.
    #[must_use]
    pub fn style(&self) -> Style {
        self.layout.style
    }

    /// Reads a file that a page includes, from the content folder or from `_includes` in it.
    pub(crate) fn included(&self, name: &str) -> Option<String> {
        let content = &self.layout.content;
        let folders = [content.clone(), format!("{content}/_includes"), "workshop/_includes".to_owned()];
        folders.iter().find_map(|folder| {
            ["", ".md", ".liquid"].iter().find_map(|extension| {
                files::read_text(
                    &self.root,
                    &format!("{folder}/{name}{extension}"),
                    files::MAX_MANIFEST_BYTES,
                )
                .ok()
            })
        })
    }

    /// Reads the template of one of the lab's own shortcodes.
    pub(crate) fn shortcode(&self, name: &str) -> Option<String> {
        ["html", "md"].iter().find_map(|extension| {
            let file = format!("workshop/layouts/shortcodes/{name}.{extension}");
            files::read_text(&self.root, &file, files::MAX_MANIFEST_BYTES).ok()
        })
    }

    /// Finds a variable's value for a session of this lab.
    pub(crate) fn variable(&self, variables: &Variables, name: &str) -> Option<String> {
        let named = |declared: &Declared| declared.name == name;
        let pathway = self.pathway(variables);
        let declared = pathway.and_then(|pathway| pathway.params.iter().find(|declared| named(declared)));
        let declared = declared.or_else(|| self.layout.declared.iter().find(|declared| named(declared)));
        if let Some(value) = variables.resolve(declared, name) {
            return Some(value.to_owned());
        }
        match name {
            "pathway_name" => self.pathway_name(variables).map(str::to_owned),
            "workshop_name" => Some(self.slug.to_string()),
            "workshop_title" => {
                Some(pathway.and_then(|pathway| pathway.title.clone()).unwrap_or_else(|| self.title.clone()))
            }
            "workshop_description" => Some(self.spec.description.clone().unwrap_or_default()),
            _ => None,
        }
    }
}

/// The folder of a lab's checks.
pub(crate) const TESTS: &str = "workshop/examiner/tests";

fn title_of(slug: &LabSlug, layout: &Layout, workshop: &ReadSpec) -> String {
    let lone = || match layout.pages.as_slice() {
        [page] => Some(page.title.clone()),
        _ => None,
    };
    let given = workshop.spec.title.clone().or_else(|| layout.title.clone());
    given.or_else(lone).unwrap_or_else(|| layout::titled(slug.as_str()))
}

/// Returns what the Workshop resource says about how the pages are written.
fn hints(workshop: &ReadSpec) -> Hints<'_> {
    Hints {
        renderer: workshop.spec.session.applications.renderer,
        is_eduk8s: workshop.is_eduk8s,
        is_there: workshop.document.is_some(),
        workshop_file: workshop.environment("WORKSHOP_FILE"),
    }
}

fn slug_of(workshop: &ReadSpec, root: &Path) -> Result<LabSlug, Diagnostic> {
    if let Some(name) = &workshop.name {
        return name.parse().map_err(|error: lectern_api::ids::InvalidName| {
            Diagnostic::new(Rule::BadName, &workshop.findings.file, error.to_string())
                .hint("change `metadata.name`")
        });
    }
    let folder = root.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let dashed: String =
        folder.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let short: String = dashed.trim_matches('-').chars().take(63).collect();
    short.trim_end_matches('-').parse().map_err(|error: lectern_api::ids::InvalidName| {
        Diagnostic::new(Rule::BadName, ".", error.to_string())
            .hint("rename the folder, or write resources/workshop.yaml")
    })
}

/// Reads the Workshop resource from `resources/workshop.yaml`, or from any other file beside it.
fn read_workshop(root: &Path, diagnostics: &mut Vec<Diagnostic>) -> ReadSpec {
    let (found, _) = files::list(root, "resources", |_| false);
    let mut names: Vec<String> = found
        .into_iter()
        .map(|file| file.path)
        .filter(|path| !path.contains('/') && (path.ends_with(".yaml") || path.ends_with(".yml")))
        .collect();
    names.sort_by_key(|name| (!name.starts_with("workshop."), name.clone()));
    for name in names {
        let file = format!("resources/{name}");
        let text = match files::read_text(root, &file, files::MAX_MANIFEST_BYTES) {
            Ok(text) => text,
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                continue;
            }
        };
        let is_workshop = |node: &&Node| node.get("kind").and_then(Node::text).as_deref() == Some("Workshop");
        match yaml::parse_all(&text) {
            Ok(documents) => {
                if let Some(document) = documents.iter().find(is_workshop) {
                    return spec::read(document, &file);
                }
            }
            Err(error) if name.starts_with("workshop.") => diagnostics.push(
                Diagnostic::new(Rule::BadYaml, &file, format!("This is not valid YAML: {}", error.reason))
                    .at(error.line, error.column),
            ),
            Err(_) => {}
        }
    }
    ReadSpec::default()
}
