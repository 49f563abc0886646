//! The index of all labs of all sources, by name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::path::Path;
use std::sync::Arc;

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use lectern_content::Lab;

use super::report::LabReport;
use super::source_labs::{LoadedLab, SourceLabs};
use super::{Viewer, scan};

/// The labs by name.
pub(super) type LabIndex = BTreeMap<LabSlug, LabEntry>;

/// One lab of the catalogue.
pub(super) struct LabEntry {
    /// The last version that loaded. `None` if none ever did.
    pub lab: Option<Arc<Lab>>,
    /// What lint says about that version.
    report: Option<Arc<LabReport>>,
    /// What is wrong with it, for authors.
    problems: Vec<LabProblem>,
    /// The title to show if no version loaded.
    title: String,
    /// The source, without credentials.
    source: String,
    /// Where the lab is, for messages.
    place: String,
}

/// Builds the index. If several labs have the same name, one that loaded comes before one that never did, then the
/// first source counts, then the first folder.
pub(super) fn index(sources: &[SourceLabs]) -> LabIndex {
    let mut index = LabIndex::new();
    let mut broken = vec![];
    for labs in sources {
        let (source, state) = (labs.source.to_string(), labs.state());
        for (folder, entry) in &state.entries {
            let mut problems = entry.problems.clone();
            // relative to the source, not to its folder of labs
            let lab = scan::joined(&labs.source.labs_in("".as_ref()), folder);
            problems.extend(state.left_out(&lab).cloned());
            problems.extend(state.problem.clone());
            let place = if folder.as_os_str().is_empty() {
                source.clone()
            } else {
                format!("{} in {source}", folder.display())
            };
            let listed = |title: &LabSlug, loaded: Option<&LoadedLab>| LabEntry {
                lab: loaded.map(|loaded| loaded.lab.clone()),
                report: loaded.map(|loaded| loaded.report.clone()),
                title: title.to_string(),
                problems: problems.clone(),
                source: source.clone(),
                place: place.clone(),
            };
            for loaded in &entry.labs {
                let name = &loaded.lab.slug;
                add(&mut index, name.clone(), listed(name, Some(loaded)));
            }
            if entry.labs.is_empty() {
                let place: &Path = if folder.as_os_str().is_empty() { source.as_ref() } else { folder };
                let name = scan::slug_of_folder(place);
                broken.push((name.clone(), listed(&name, None)));
            }
        }
        broken.extend(source_without_labs(
            labs,
            &source,
            state.entries.is_empty(),
            state.is_fetched(),
            state.problem.as_ref(),
        ));
    }
    for (name, listed) in broken {
        add(&mut index, name, listed);
    }
    index
}

/// Returns an entry for a source without labs, which shows authors its problem.
fn source_without_labs(
    labs: &SourceLabs,
    source: &str,
    is_empty: bool,
    is_fetched: bool,
    problem: Option<&LabProblem>,
) -> Option<(LabSlug, LabEntry)> {
    if !is_empty || !labs.is_remote() {
        return None;
    }
    let no_lab = || LabProblem {
        file: source.to_owned(),
        line: None,
        message: "there is no lab in it".into(),
        hint: Some(
            "a lab is a folder with workshop/ or with pages (*.md); name the folder of the labs behind the #"
                .into(),
        ),
    };
    let problem = match problem {
        Some(problem) => problem.clone(),
        None if is_fetched => no_lab(),
        None => return None,
    };
    let listed = LabEntry {
        lab: None,
        report: None,
        problems: vec![problem],
        title: source.to_owned(),
        source: source.to_owned(),
        place: source.to_owned(),
    };
    // a letter followed by hexadecimal digits is always a slug
    Some((format!("source-{}", labs.source.id()).parse().ok()?, listed))
}

fn add(index: &mut LabIndex, name: LabSlug, listed: LabEntry) {
    match index.entry(name) {
        Place::Vacant(place) => {
            place.insert(listed);
        }
        // the folder is named by two sources
        Place::Occupied(first) if is_same_folder(first.get(), &listed) => {}
        Place::Occupied(mut first) => {
            let message = format!("the lab {} is already in {}", first.key(), first.get().place);
            tracing::warn!(lab.slug = %first.key(), lab.place = listed.place, "{message}");
            first.get_mut().problems.push(LabProblem {
                file: listed.place,
                line: None,
                message,
                hint: Some("give one of them another name in resources/workshop.yaml".into()),
            });
        }
    }
}

fn is_same_folder(one: &LabEntry, other: &LabEntry) -> bool {
    match (&one.lab, &other.lab) {
        (Some(one), Some(other)) => one.root() == other.root(),
        _ => false,
    }
}

impl LabEntry {
    /// Returns what the catalogue shows of the lab. Returns `None` if this viewer does not see it.
    pub fn summary(&self, slug: &LabSlug, viewer: Viewer) -> Option<LabSummary> {
        let for_author = viewer >= Viewer::Author;
        let errors = if for_author { self.problems.clone() } else { vec![] };
        let source = for_author.then(|| self.source.clone());
        match &self.lab {
            Some(lab) => Some(LabSummary {
                slug: lab.slug.clone(),
                title: lab.title.clone(),
                description: lab.spec.description.clone().unwrap_or_default(),
                difficulty: lab.spec.difficulty.map(|d| d.as_str().to_owned()),
                duration_minutes: lab.spec.duration_secs.map(|s| u32::try_from(s / 60).unwrap_or(u32::MAX)),
                tags: lab.spec.tags.clone(),
                authors: lab.spec.authors.clone(),
                pages: lab.pages.clone(),
                source,
                errors,
                report: self.report.as_deref().filter(|_| for_author).cloned().unwrap_or_default(),
                warnings: if viewer >= Viewer::Instructor {
                    lab.refusals.iter().cloned().map(LabProblem::from).collect()
                } else {
                    vec![]
                },
                privileged: viewer >= Viewer::Instructor && lectern_content::allow::is_privileged(&lab.spec),
                switched_off: lab.switched_off.clone(),
            }),
            None if for_author => Some(LabSummary {
                slug: slug.clone(),
                title: self.title.clone(),
                description: String::new(),
                difficulty: None,
                duration_minutes: None,
                tags: vec![],
                authors: vec![],
                pages: vec![],
                source,
                errors,
                report: LabReport::default(),
                warnings: vec![],
                privileged: false,
                switched_off: vec![],
            }),
            None => None,
        }
    }
}
