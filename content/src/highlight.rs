//! Highlights code: maps syntect's scopes to a few CSS classes.

use std::fmt::Write;
use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::html::escape_into;

/// Maximum size of highlighted code, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Maximum length of a line of highlighted code, in bytes. Longer lines are not meant to be read.
const MAX_LINE_BYTES: usize = 2000;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// Scopes and their classes. The first match counts.
static CLASSES: LazyLock<Vec<(Scope, &'static str)>> = LazyLock::new(|| {
    const TABLE: &[(&str, &str)] = &[
        ("comment", "hl-comment"),
        ("constant.character.escape", "hl-escape"),
        ("constant.numeric", "hl-number"),
        ("constant", "hl-constant"),
        ("entity.name.tag", "hl-key"),
        ("meta.mapping.key", "hl-key"),
        ("string", "hl-string"),
        ("entity.name.function", "hl-function"),
        ("support.function", "hl-function"),
        ("variable.function", "hl-function"),
        ("entity.name", "hl-type"),
        ("entity.other.attribute-name", "hl-key"),
        ("support.type", "hl-type"),
        ("storage", "hl-keyword"),
        ("keyword.operator", "hl-operator"),
        ("keyword", "hl-keyword"),
        ("variable.parameter", "hl-parameter"),
        ("variable", "hl-variable"),
    ];
    TABLE.iter().filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, *class))).collect()
});

/// Writes highlighted code. Returns false, and writes nothing, if the code should stay plain.
pub(crate) fn highlight(code: &str, language: &str, out: &mut String) -> bool {
    if language.is_empty() || code.len() > MAX_BYTES || code.lines().any(|line| line.len() > MAX_LINE_BYTES) {
        return false;
    }
    let Some(syntax) = find_syntax(language) else { return false };
    let before = out.len();
    if write_spans(code, syntax, out).is_none() {
        out.truncate(before);
        return false;
    }
    true
}

fn find_syntax(language: &str) -> Option<&'static SyntaxReference> {
    let language = match language {
        "console" | "shell" | "shell-session" | "terminal" | "sh" | "zsh" => "bash",
        "yml" => "yaml",
        "golang" => "go",
        "markdown" | "md" | "text" | "plain" | "plaintext" | "none" | "txt" => return None,
        other => other,
    };
    SYNTAXES.find_syntax_by_token(language)
}

fn write_spans(code: &str, syntax: &SyntaxReference, out: &mut String) -> Option<()> {
    let (mut state, mut stack) = (ParseState::new(syntax), ScopeStack::new());
    let mut open: Option<&'static str> = None;
    for line in code.split_inclusive('\n') {
        let operations = state.parse_line(line, &SYNTAXES).ok()?;
        let mut from = 0;
        for (at, operation) in &operations {
            write_piece(line.get(from..*at)?, &stack, &mut open, out);
            from = *at;
            stack.apply(operation).ok()?;
        }
        write_piece(line.get(from..)?, &stack, &mut open, out);
    }
    if open.is_some() {
        out.push_str("</span>");
    }
    Some(())
}

fn write_piece(text: &str, stack: &ScopeStack, open: &mut Option<&'static str>, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let class = class_of(stack);
    if class != *open && !text.trim().is_empty() {
        if open.is_some() {
            out.push_str("</span>");
        }
        if let Some(class) = class {
            // writing to a String cannot fail
            let _ = write!(out, "<span class=\"{class}\">");
        }
        *open = class;
    }
    escape_into(out, text);
}

fn class_of(stack: &ScopeStack) -> Option<&'static str> {
    stack.as_slice().iter().rev().find_map(|scope| {
        CLASSES.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)).map(|(_, class)| *class)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_gets_classes_and_keeps_its_text() {
        let mut out = String::new();
        assert!(highlight("kind: Pod # <x>\n", "yaml", &mut out));
        assert!(out.contains("<span class=\"hl-comment\"># &lt;x&gt;"), "{out}");
        assert!(out.contains("hl-key"), "{out}");
    }

    #[test]
    fn an_unknown_language_stays_plain() {
        let mut out = String::new();
        assert!(!highlight("x", "no-such-language", &mut out));
        assert!(out.is_empty());
    }
}
