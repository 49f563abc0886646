//! Loads the labs of one folder: from there, or from where their sources were laid out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lectern_api::labs::LabProblem;
use lectern_content::spec::LabSource;
use lectern_content::{Lab, LabError, LabSources, lint_lab};
use sha2::{Digest as _, Sha256};

use super::{Entry, LoadedLab};
use crate::catalog::fetch::FetchError;
use crate::catalog::fetch::cache::Cache;
use crate::catalog::laying::{self, Laid};
use crate::catalog::report as lint_report;
use crate::catalog::scan::Signature;
use crate::catalog::source::Source;
use crate::catalog::supplies::Supplies;
use crate::config::portal::Portal;
use crate::report;

/// Loads the labs of one source.
pub(super) struct Loader {
    /// The source's identifier.
    id: String,
    /// The repository from which the labs come, and the folder in it. `None` if they come from something else.
    repository: Option<(String, String)>,
    /// The folder of the cache for labs that are laid out.
    laid: PathBuf,
    supplies: Supplies,
    /// Says what labs are allowed.
    portal: Arc<Portal>,
}

impl Loader {
    pub fn new(source: &Source, cache: &Path, supplies: Supplies, portal: Arc<Portal>) -> Self {
        let repository = match source {
            Source::Git(git) => Some((git.url.to_string(), git.folder.as_str().to_owned())),
            _ => None,
        };
        Self { id: source.id(), repository, laid: cache.join(laying::FOLDER), supplies, portal }
    }

    /// Returns whether what a lab names is still as it was when the lab was loaded.
    pub fn is_current(&self, entry: &Entry) -> bool {
        self.supplies.stamp(&entry.supplies) == entry.stamp
    }

    /// Returns the name of the folder in which a lab is laid out.
    pub fn laid_name(&self, folder: &Path) -> String {
        hex::encode(&Sha256::digest(format!("{} {}", self.id, folder.display()))[..12])
    }

    /// Loads the labs at a path, which is in `folder` of its source.
    pub fn load(&self, (path, folder): (&Path, &Path), signature: Signature, former: Option<Entry>) -> Entry {
        let origin = self.repository.as_ref().map(|(url, below)| {
            let in_repository =
                Path::new(below).join(folder).to_string_lossy().trim_end_matches('/').to_owned();
            (url.clone(), in_repository)
        });
        let sources =
            LabSources::read(path, origin.as_ref().map(|(url, folder)| (url.as_str(), folder.as_str())));
        let mut supplies: Vec<String> =
            sources.iter().filter_map(|source| self.supplies.want(source)).collect();
        // before it is read, so that what changes meanwhile is seen the next time
        let mut stamp = self.supplies.stamp(&supplies);
        let mut problems = self.missing(&sources);
        let loaded = if sources.has_more() {
            match self.lay_out(path, folder, &sources, signature) {
                Ok(Laid { folder: laid, left_out }) => {
                    problems.extend(left_out);
                    Lab::load_laid(path, &laid)
                }
                Err(error) => {
                    problems.push(problem(&sources, None, &report::chain(&error)));
                    Lab::load_all(path)
                }
            }
        } else {
            Lab::load_all(path)
        };
        let before = former.as_ref().map(|former| former.labs.clone()).unwrap_or_default();
        let (labs, keeps_former) = match loaded {
            Ok((first, others)) => {
                let labs: Vec<Lab> = std::iter::once(first).chain(others).collect();
                let unread: BTreeSet<_> = labs.iter().flat_map(Lab::unread).cloned().collect();
                let is_less = !unread.is_empty() && !before.is_empty();
                problems.extend(unread.into_iter().map(LabProblem::from));
                // without its manifest a lab is less than the version before
                if is_less {
                    (before, true)
                } else {
                    (labs.into_iter().map(|lab| self.settled(lab, origin.as_ref())).collect(), false)
                }
            }
            Err(error) => {
                problems.extend(told(path, error));
                (before, true)
            }
        };
        if let Some(former) = former.filter(|_| keeps_former) {
            // a manifest that is being written does not cost the cache what it named
            supplies.extend(former.supplies);
            supplies.sort();
            supplies.dedup();
            stamp = self.supplies.stamp(&supplies);
        }
        Entry { signature, labs, problems, supplies, stamp }
    }

    /// Reduces a lab to what the operator allows it, and lints it.
    fn settled(&self, mut lab: Lab, origin: Option<&(String, String)>) -> LoadedLab {
        if let Some((url, folder)) = origin {
            lab.settle_repository(url, folder);
        }
        let allowances = self.portal.allowances_of(&lab.slug);
        let report = Arc::new(lint_report::of(lint_lab(&lab, &allowances)));
        lab.restrict(&allowances);
        for refusal in &lab.refusals {
            tracing::warn!(lab.slug = %lab.slug, "a lab is not allowed everything that it asks for: {refusal}");
        }
        tracing::info!(lab.slug = %lab.slug, lab.pages = lab.pages.len(), "loaded a lab");
        LoadedLab { lab: Arc::new(lab), report }
    }

    /// Lists what could not be fetched.
    fn missing(&self, sources: &LabSources) -> Vec<LabProblem> {
        let failed = sources.iter().filter_map(|source| {
            let known = self.supplies.find(&self.supplies.want(source)?);
            let without = if known.version.is_some() {
                "the version before is used"
            } else {
                "the lab starts without it"
            };
            let message =
                format!("{} could not be fetched, and {without}: {}", source.title(), known.problem?);
            Some(problem(sources, Some(source), &message))
        });
        failed.collect()
    }

    fn lay_out(
        &self,
        path: &Path,
        folder: &Path,
        sources: &LabSources,
        signature: Signature,
    ) -> Result<Laid, FetchError> {
        let version = |source: &LabSource| self.supplies.find(&self.supplies.want(source)?).version;
        let revisions: Vec<_> =
            sources.iter().map(|source| version(source).map(|one| one.revision)).collect();
        let key = hex::encode(Sha256::digest(format!("{signature} {sources:?} {revisions:?}")));
        let cache = Cache::open_at(self.laid.join(self.laid_name(folder)))?;
        let find = |source: &LabSource| version(source).map(|version| version.folder);
        let own = path.canonicalize().map_err(FetchError::cache("read", path))?;
        let laid = laying::lay_out(&own, sources, find, &cache, (&key, self.supplies.max_mib()))?;
        // sessions that are starting may still read the version before
        cache.sweep_but_one();
        Ok(laid)
    }
}

fn problem(sources: &LabSources, source: Option<&LabSource>, message: &str) -> LabProblem {
    LabProblem {
        file: sources.manifest.clone(),
        line: source.map(|source| source.line),
        message: message.to_owned(),
        hint: None,
    }
}

fn told(folder: &Path, error: LabError) -> impl Iterator<Item = LabProblem> {
    for diagnostic in &error.diagnostics {
        tracing::warn!(lab.folder = %folder.display(), "a lab is broken: {diagnostic}");
    }
    error.diagnostics.into_iter().map(LabProblem::from)
}
