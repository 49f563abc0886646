//! A lab, loaded: its description, its pages, and the files for sessions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lectern_api::ids::{CheckName, LabSlug};
use lectern_api::page::PageLink;

use crate::allow::{self, Allowances, Overreach, Refusal};
use crate::diagnostic::{Diagnostic, LabError};
use crate::files;
use crate::layout::{self, Hints, Layout, Pathway};
use crate::rules::Rule;
use crate::scenario;
use crate::spec::{self, LabSpec, ReadSpec};
use crate::template::Style;
use crate::variables::{Declared, Variables};

mod assets;
mod contents;
mod sources;
mod workshops;

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
    /// Findings of loading. The lab does without what they are about.
    pub warnings: Vec<Diagnostic>,
    /// Findings about what the operator does not allow, for authors; see [`Lab::restrict`].
    pub refusals: Vec<Diagnostic>,
    /// The things that are switched off, in a few plain words each, for learners.
    pub switched_off: Vec<String>,
    /// The objects that no session of the lab has; see [`Lab::restrict`].
    pub left_out: Vec<Refusal>,
    root: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) workshop: ReadSpec,
    pub(crate) page_names: Arc<BTreeSet<String>>,
    /// The folder of what the lab's sources were laid out to. `None` for a lab that is read in its own folder.
    laid: Option<PathBuf>,
}

impl Lab {
    /// Loads the lab in a folder. If the folder holds several Workshop resources, the first counts.
    ///
    /// # Errors
    /// Fails with all findings if there is nothing to show: the folder cannot be read, or has no pages.
    pub fn load(dir: &Path) -> Result<Self, LabError> {
        Self::load_all(dir).map(|(first, _)| first)
    }

    /// Loads the labs in a folder: one for each Workshop resource, or a single one. All have the same pages. Returns the
    /// first and the others.
    ///
    /// Whatever is wrong with a field or a file is one of the lab's [`warnings`](Self::warnings): the lab does without.
    ///
    /// # Errors
    /// Fails with all findings if there is nothing to show: the folder cannot be read, or has no pages.
    pub fn load_all(dir: &Path) -> Result<(Self, Vec<Self>), LabError> {
        Self::load_from(dir, None)
    }

    /// Loads labs whose sources were laid out: the Workshop resources are those of their own folder, `files` in `laid` is
    /// everything else, and each folder in `laid/packages` a package. See [`layers::lay`](crate::layers::lay).
    ///
    /// # Errors
    /// Those of [`Lab::load_all`].
    pub fn load_laid(dir: &Path, laid: &Path) -> Result<(Self, Vec<Self>), LabError> {
        Self::load_from(dir, Some(laid))
    }

    fn load_from(dir: &Path, laid: Option<&Path>) -> Result<(Self, Vec<Self>), LabError> {
        let own = folder(dir)?;
        if !own.join("workshop").is_dir() && scenario::is_scenario(&own) {
            return Err(scenario::finding().into());
        }
        let root = laid.map_or_else(|| own.clone(), |laid| laid.join(LAID_FILES));
        let mut shared = files::check_ignore_file(&own);
        let (_, stray) = files::list(&root, "", |_| false);
        shared.extend(stray);
        let (workshops, unread) = workshops::read(&own);
        shared.extend(unread);
        let (mut labs, mut failed): (Vec<Self>, Vec<Diagnostic>) = (Vec::new(), Vec::new());
        for mut workshop in workshops {
            settle(&mut workshop, &own);
            match Self::of_workshop(&own, &root, workshop, &shared) {
                Ok(lab) => match labs.iter_mut().find(|known| known.slug == lab.slug) {
                    Some(known) => known.warnings.push(workshops::same_name(&lab.workshop, &lab.slug)),
                    None => labs.push(Self { laid: laid.map(Path::to_owned), ..lab }),
                },
                Err(error) => failed.extend(error.diagnostics),
            }
        }
        let mut labs = labs.into_iter();
        match labs.next() {
            Some(first) => Ok((first, labs.collect())),
            None => {
                failed.sort();
                failed.dedup();
                Err(LabError { diagnostics: failed })
            }
        }
    }

    /// Loads the lab that a Workshop resource of the folder `own` describes, with the files in `root`. `shared` are the
    /// findings about the folder.
    fn of_workshop(
        own: &Path,
        root: &Path,
        workshop: ReadSpec,
        shared: &[Diagnostic],
    ) -> Result<Self, LabError> {
        let mut diagnostics = shared.to_vec();
        diagnostics.extend(workshop.findings.diagnostics.iter().cloned());
        let mut layout = layout::read(root, hints(&workshop));
        diagnostics.append(&mut layout.diagnostics);
        if let Some(name) = workshop.environment("PATHWAY_NAME") {
            layout.default_pathway = Some(name.to_owned());
        }
        if layout.pages.is_empty() {
            let wanted = if layout.content.is_empty() { "workshop/content/<page>.md" } else { "<page>.md" };
            let place = if layout.content.is_empty() { "." } else { &layout.content };
            let none =
                Diagnostic::new(Rule::NoPages, place, "The lab has no pages").hint(format!("write {wanted}"));
            diagnostics.insert(0, none);
            return Err(LabError { diagnostics });
        }
        if layout.pages.iter().all(|page| !page.listed) {
            // a table of contents that names no page is worth nothing
            layout.pages.iter_mut().for_each(|page| page.listed = true);
            layout.pages.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let slug = workshops::slug_of(&workshop, own, &mut diagnostics);
        diagnostics.sort();
        diagnostics.dedup();
        Ok(Self::assemble(root.to_owned(), slug, layout, workshop, diagnostics))
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
            left_out: Vec::new(),
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
        self.left_out = overreaches.iter().filter_map(Overreach::object).cloned().collect();
        self.switched_off = overreaches.iter().map(Overreach::for_learners).collect();
        self.switched_off.sort();
        self.switched_off.dedup();
    }

    /// Lists the findings about manifests that could not be read, without which the lab is less than its author means.
    pub fn unread(&self) -> impl Iterator<Item = &Diagnostic> {
        self.warnings.iter().filter(|finding| finding.rule == Rule::BadYaml)
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

/// Returns the plain path of a lab's folder.
fn folder(dir: &Path) -> Result<PathBuf, Diagnostic> {
    let refused = |why: &str| {
        let message = format!("The lab's folder {} cannot be read: {why}", dir.display());
        Diagnostic::new(Rule::Unreadable, ".", message)
            .hint("name a folder that whoever runs Lectern may read")
    };
    let root = dir.canonicalize().map_err(|error| refused(&files::why(&error)))?;
    if root.is_dir() { Ok(root) } else { Err(refused("it is not a folder")) }
}
