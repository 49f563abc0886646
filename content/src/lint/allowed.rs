//! What a lab asks for beyond what an operator allows.

use crate::allow::{Allowances, Overreach, allow, is_privileged};
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::spec::spec_of;
use crate::yaml::Node;

/// Lists what the lab does not get, and says where it can take over a node although it does.
pub(crate) fn lint(lab: &Lab, allowances: &Allowances) -> Vec<Diagnostic> {
    let (granted, overreaches) = allow(&lab.workshop.spec, allowances);
    let mut found: Vec<Diagnostic> = overreaches.iter().map(|one| diagnostic(lab, one)).collect();
    if is_privileged(&granted) {
        let message = "The lab is privileged: its learners can take over the machine that their pods run on";
        found.push(
            Diagnostic::advice("privileged-lab", &lab.workshop.findings.file, message)
                .hint("keep it to learners whom you trust with the whole cluster"),
        );
    }
    found
}

fn diagnostic(lab: &Lab, overreach: &Overreach) -> Diagnostic {
    let diagnostic = Diagnostic::warning("not-allowed", &lab.workshop.findings.file, overreach.message())
        .hint(overreach.hint(&lab.slug));
    match find(lab, overreach) {
        Some(node) => diagnostic.at(node.line, node.column),
        None => diagnostic,
    }
}

fn find<'a>(lab: &'a Lab, overreach: &Overreach) -> Option<&'a Node> {
    let spec = spec_of(lab.workshop.document.as_ref()?);
    overreach.places().into_iter().find_map(|(keys, number, below)| {
        let list = keys.into_iter().try_fold(spec, |node, key| node.get(key))?;
        let entry = match number {
            Some(number) => list.items().get(number)?,
            None => list,
        };
        below.into_iter().try_fold(entry, |node, key| node.get(key))
    })
}
