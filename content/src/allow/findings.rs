//! Findings about what a lab asks for beyond what an operator allows.

use lectern_api::ids::LabSlug;

use super::{Overreach, is_privileged};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::spec::{LabSpec, ReadSpec, spec_of};
use crate::yaml::Node;

/// Lists what a lab does not get, and warns if it can take over a node with what it gets.
pub(crate) fn findings(
    slug: &LabSlug,
    workshop: &ReadSpec,
    granted: &LabSpec,
    overreaches: &[Overreach],
) -> Vec<Diagnostic> {
    let file = &workshop.findings.file;
    let mut found: Vec<Diagnostic> = overreaches
        .iter()
        .map(|overreach| {
            let finding = Diagnostic::new(Rule::NotAllowed, file, overreach.message());
            let finding = finding.hint(overreach.hint(slug));
            match find(workshop, overreach) {
                Some(node) => finding.at(node.line, node.column),
                None => finding,
            }
        })
        .collect();
    if is_privileged(granted) {
        let message = "The lab is privileged: its learners can take over the machine that their pods run on";
        found.push(
            Diagnostic::new(Rule::PrivilegedLab, file, message)
                .hint("keep it to learners whom you trust with the whole cluster"),
        );
    }
    found
}

fn find<'a>(workshop: &'a ReadSpec, overreach: &Overreach) -> Option<&'a Node> {
    let spec = spec_of(workshop.document.as_ref()?);
    overreach.places().into_iter().find_map(|(keys, number, below)| {
        let list = keys.into_iter().try_fold(spec, |node, key| node.get(key))?;
        let entry = match number {
            Some(number) => list.items().get(number)?,
            None => list,
        };
        below.into_iter().try_fold(entry, |node, key| node.get(key))
    })
}
