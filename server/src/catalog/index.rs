//! All labs of all sources by name, as readers see them at some moment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::sync::Arc;

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use lectern_content::Lab;

use super::shelf::Shelf;
use super::{Viewer, scan};

/// The labs by name.
pub(super) type Index = BTreeMap<LabSlug, Listed>;

/// One line of the catalogue.
pub(super) struct Listed {
    /// The last version that loaded.
    pub lab: Option<Arc<Lab>>,
    /// What authors are told.
    problems: Vec<LabProblem>,
    /// What to call it where no version loaded.
    title: String,
    /// The source, without credentials.
    source: String,
    /// Where it lies, for those who look for it.
    place: String,
}

/// Makes the index. Where several labs have one name, the one of the first source counts, and in it the first folder;
/// one that loads goes before one that never did.
pub(super) fn index(shelves: &[Shelf]) -> Index {
    let mut index = Index::new();
    let mut broken = vec![];
    for shelf in shelves {
        let (source, state) = (shelf.source.to_string(), shelf.state());
        for (folder, entry) in &state.entries {
            let mut problems = entry.problems.clone();
            // named from where the source begins, not from where its labs do
            let lab = scan::joined(&shelf.source.labs_in("".as_ref()), folder);
            problems.extend(state.left_out(&lab).cloned());
            problems.extend(state.problem.clone());
            let place = if folder.as_os_str().is_empty() {
                source.clone()
            } else {
                format!("{} in {source}", folder.display())
            };
            let name = entry.lab.as_ref().map_or_else(
                || scan::slug_of_folder(if folder.as_os_str().is_empty() { source.as_ref() } else { folder }),
                |lab| lab.slug.clone(),
            );
            let listed = Listed {
                title: name.to_string(),
                lab: entry.lab.clone(),
                problems,
                source: source.clone(),
                place,
            };
            if listed.lab.is_some() { add(&mut index, name, listed) } else { broken.push((name, listed)) }
        }
        broken.extend(source_without_labs(
            shelf,
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

/// A source of which there is no lab to show its problem with.
fn source_without_labs(
    shelf: &Shelf,
    source: &str,
    is_empty: bool,
    is_fetched: bool,
    problem: Option<&LabProblem>,
) -> Option<(LabSlug, Listed)> {
    if !is_empty || !shelf.is_remote() {
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
    let listed = Listed {
        lab: None,
        problems: vec![problem],
        title: source.to_owned(),
        source: source.to_owned(),
        place: source.to_owned(),
    };
    // hexadecimal digits after a letter are always a slug
    Some((format!("source-{}", shelf.source.id()).parse().ok()?, listed))
}

fn add(index: &mut Index, name: LabSlug, listed: Listed) {
    match index.entry(name) {
        Place::Vacant(place) => {
            place.insert(listed);
        }
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

impl Listed {
    /// What the catalogue tells of it; none for a learner where no version ever loaded.
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
                warnings: vec![],
                privileged: false,
                switched_off: vec![],
            }),
            None => None,
        }
    }
}
