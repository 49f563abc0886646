//! The further namespaces of a lab. Its objects are checked when they are held against what the operator allows.

use crate::allow::OWN;
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::rules::Rule;
use crate::spec::spec_of;
use crate::yaml::Node;

/// Lists the secondary namespaces that get another name.
pub(super) fn lint(lab: &Lab) -> Vec<Diagnostic> {
    let Some(document) = &lab.workshop.document else { return Vec::new() };
    let file = &lab.workshop.findings.file;
    let keys = ["session", "namespaces", "secondary"];
    let secondary = keys.iter().try_fold(spec_of(document), |node, key| node.get(key));
    let names = secondary.map(Node::items).unwrap_or_default().iter().filter_map(|one| one.get("name"));
    let renamed = names.filter(|name| {
        let text = name.text().unwrap_or_default();
        !OWN.iter().any(|own| text.strip_prefix(own).is_some_and(|rest| rest.starts_with('-')))
    });
    renamed
        .map(|name| {
            let text = name.text().unwrap_or_default();
            let message = format!(
                "A session cannot have a namespace called `{text}`: the session's own name comes before it"
            );
            Diagnostic::new(Rule::BadNamespace, file, message)
                .at(name.line, name.column)
                .hint("write $(session_namespace)- and a few letters")
        })
        .collect()
}
