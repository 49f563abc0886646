//! The names and keys of clickable blocks.

use std::sync::LazyLock;

use lectern_api::actions::{ActionBlock, BlockContent, BodyForm, COMMON_OPTIONS, KINDS, find_kind};
use regex::Regex;

use crate::blocks;
use crate::diagnostic::Diagnostic;
use crate::layout::Page;
use crate::nearest::nearest;
use crate::page::{action_name, looks_like_action};
use crate::rules::Rule;
use crate::yaml;

/// A place in a block's text that a variable fills in.
static VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{.*?\}\}|%[A-Za-z_][A-Za-z0-9_]*%").ok());

/// Returns whether a block that cannot be read cannot be read with other values of its variables either. Lint knows few
/// of the values that a session has.
pub(super) fn is_wrong_anyway(page: &Page, block: &ActionBlock) -> bool {
    let Some(text) = text_of(&page.text, block.line) else { return true };
    let Some(pattern) = VARIABLE.as_ref().filter(|pattern| pattern.is_match(&text)) else { return true };
    if text.contains("{%") {
        return false;
    }
    let filled = pattern.replace_all(&text, "1");
    blocks::read(&block.name, &filled, 2)
        .is_none_or(|read| matches!(read.content, BlockContent::Broken { .. }))
}

/// Returns what the author wrote between the fence on a line and the one that closes it.
fn text_of(page: &str, line: u32) -> Option<String> {
    let mut lines = page.lines().skip(usize::try_from(line).ok()?.checked_sub(1)?);
    let first = lines.next()?;
    let at = first.find("```").or_else(|| first.find("~~~"))?;
    let fence: String = first[at..].chars().take_while(|letter| matches!(letter, '`' | '~')).collect();
    let inner = lines.take_while(|line| !line.trim_start().starts_with(&fence));
    let indented = |line: &str| line.len() - line.trim_start().len();
    Some(inner.map(|line| format!("{}\n", &line[indented(line).min(at)..])).collect())
}

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
