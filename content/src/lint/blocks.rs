//! The names and keys of clickable blocks.

use lectern_api::actions::{BodyForm, COMMON_OPTIONS, KINDS, find_kind};

use crate::diagnostic::Diagnostic;
use crate::layout::Page;
use crate::nearest::nearest;
use crate::page::{action_name, looks_like_action};
use crate::rules::Rule;
use crate::yaml;

/// Checks the name of a block that begins on a line of the page's file, and the keys of its body.
pub(super) fn lint(page: &Page, info: &str, body: &str, line: u32) -> Vec<Diagnostic> {
    match action_name(info) {
        Some(name) => arguments(page, name, body, line),
        None if looks_like_action(info) => vec![unknown(page, info, line)],
        None => Vec::new(),
    }
}

fn unknown(page: &Page, info: &str, line: u32) -> Diagnostic {
    let name = info.split_whitespace().next().unwrap_or_default();
    let message = format!("There is no action `{name}`");
    let finding = Diagnostic::new(Rule::UnknownAction, &page.file, message).at(line, 1);
    match nearest(name, KINDS.iter().map(|kind| kind.name)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn arguments(page: &Page, name: &str, body: &str, line: u32) -> Vec<Diagnostic> {
    let Some((kind, BodyForm::Yaml)) = find_kind(name) else { return Vec::new() };
    let Ok(node) = yaml::parse(body) else { return Vec::new() };
    let known = kind.arguments.iter().chain(COMMON_OPTIONS).map(|argument| argument.name);
    let unknown = node.entries().iter().filter(|(key, _)| known.clone().all(|name| name != key.text));
    unknown
        .map(|(key, _)| {
            let hint = nearest(&key.text, known.clone()).map_or_else(
                || format!("it takes {}", known.clone().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("`{}` takes no `{}`", kind.name, key.text);
            Diagnostic::new(Rule::UnknownArgument, &page.file, message)
                .at(line + key.line, key.column)
                .hint(hint)
        })
        .collect()
}
