//! What the Workshop resource asks for that will not happen.

use crate::diagnostic::Diagnostic;
use crate::lab::Lab;

/// Lists unknown fields, and known ones that nothing comes of yet.
pub(super) fn lint(lab: &Lab) -> Vec<Diagnostic> {
    let file = &lab.workshop.findings.file;
    let mut found = Vec::new();
    for unread in &lab.workshop.findings.unread {
        found.push(
            Diagnostic::warning(
                "unknown-field",
                file,
                format!("`{}` is not a field that Lectern knows", unread.path),
            )
            .at(unread.line, unread.column)
            .hint("it is ignored"),
        );
    }
    for field in &lab.workshop.not_acted_on {
        found.push(
            Diagnostic::warning(
                "not-acted-on",
                file,
                format!("Lectern does nothing with `{}` yet", field.path),
            )
            .at(field.line, field.column)
            .hint("the lab works without it, or does not need it"),
        );
    }
    found
}
