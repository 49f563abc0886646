//! Why a text is not YAML, in words for its author.

use serde_saphyr::Error;

use super::YamlError;

/// Said if the line itself does not show what is wrong.
const UNCLEAR: &str =
    "this line does not fit the ones above it; check its indentation, its colons and its quotes";

/// Explains why a text cannot be read.
pub(super) fn explain(text: &str, error: &Error) -> YamlError {
    let place = |number: Option<u64>| u32::try_from(number.unwrap_or(1)).unwrap_or(1).max(1);
    let location = error.location();
    let line = place(location.map(|found| found.line()));
    let column = place(location.map(|found| found.column()));
    YamlError { line, column, reason: reason(text, line, error) }
}

fn reason(text: &str, line: u32, error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("`{key}` stands twice in the same mapping; keep one of the two")
        }
        Error::DuplicateMappingKey { .. } => {
            "a key stands twice in the same mapping; keep one of the two".to_owned()
        }
        Error::MultipleDocuments { .. } => {
            "a line `---` begins a second document, and only one is read here; take the line out".to_owned()
        }
        Error::UnknownAnchor { .. } => {
            "a value that begins with `*` refers to an `&` of the same name, which is missing; put the value in quotes"
                .to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "it is nested too deeply or repeats itself too often; write less of it".to_owned()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` takes a mapping; put it in quotes if it is meant as text".to_owned()
        }
        Error::AliasError { error, .. } => reason(text, line, error),
        Error::Eof { .. } => {
            of_lines(text, line).unwrap_or("it ends before a quote, bracket or brace is closed; close it").to_owned()
        }
        _ => of_lines(text, line).unwrap_or(UNCLEAR).to_owned(),
    }
}

/// Looks for the usual mistakes on a line, then on the lines above it, nearest first: a parser often stumbles only after
/// the mistake.
fn of_lines(text: &str, line: u32) -> Option<&'static str> {
    let until = usize::try_from(line).unwrap_or(usize::MAX);
    let above: Vec<&str> = text.lines().take(until).collect();
    above.iter().rev().filter(|line| !line.trim().is_empty()).take(3).find_map(|line| mistake(line))
}

fn mistake(line: &str) -> Option<&'static str> {
    let start = line.trim_start();
    if line[..line.len() - start.len()].contains('\t') {
        return Some("the line is indented with a tab; indent with blanks");
    }
    if start.starts_with('#') {
        return None;
    }
    let value = value_of(start);
    let first = value.chars().next()?;
    if value.contains("{{") && !matches!(first, '"' | '\'' | '|' | '>') {
        return Some("a value with `{{ … }}` needs quotes around all of it");
    }
    match first {
        '@' | '`' | '%' => Some("a value cannot begin with `@`, `%` or a backtick; put it in quotes"),
        '*' | '&' | '!' => Some("a value that begins with `*`, `&` or `!` means something else; put it in quotes"),
        '"' | '\'' => quoted(value, first),
        '|' | '>' => (value.len() > 1 && value[1..].starts_with(|letter: char| letter.is_alphabetic()))
            .then_some("the text begins on the line after `|` or `>`, indented"),
        '[' | '{' => is_open(value).then_some("a bracket or brace is not closed; close it, or put the value in quotes"),
        _ => (value.contains(": ") || value.ends_with(':')).then_some(
            "a value that holds a colon and a blank needs quotes around all of it, or stands on the next line",
        ),
    }
}

/// Returns what stands behind the key, or behind the dash of a list.
fn value_of(line: &str) -> &str {
    let item = line.strip_prefix("- ").unwrap_or(line).trim_start();
    if item.starts_with(['"', '\'', '[', '{']) {
        return item;
    }
    item.split_once(": ").map_or(item.trim_end_matches(':'), |(_, value)| value).trim()
}

fn quoted(value: &str, quote: char) -> Option<&'static str> {
    let rest = value.get(1..)?;
    let mut letters = rest.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let is_escape = match quote {
            '"' => letter == '\\',
            _ => letter == quote && letters.peek().is_some_and(|(_, next)| *next == quote),
        };
        if is_escape {
            letters.next();
        } else if letter == quote {
            let after = rest[at + 1..].trim_start();
            let is_fine = after.is_empty() || after.starts_with([':', '#', ',', ']', '}']);
            return (!is_fine).then_some("text follows a closing quote; put quotes around all of the value");
        }
    }
    Some("a quote is not closed; close it")
}

fn is_open(value: &str) -> bool {
    let count = |wanted: [char; 2]| value.chars().filter(|letter| wanted.contains(letter)).count();
    count(['[', '{']) != count([']', '}'])
}

/// Returns the text with each tab at the start of a line as four blanks, as the original platform's classic pages have
/// them. Returns `None` if there is none.
pub(super) fn with_blanks(text: &str) -> Option<String> {
    if !text.contains('\t') {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches([' ', '\t']);
        out.push_str(&line[..line.len() - rest.len()].replace('\t', "    "));
        // a tab after a key or a dash
        match rest.split_once([':', '-']) {
            Some((_, after)) if after.starts_with('\t') => {
                let at = rest.len() - after.len();
                out.push_str(&rest[..at]);
                out.push_str(&after.replacen('\t', "    ", 1));
            }
            _ => out.push_str(rest),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, parse_quickly};

    /// Words of parsers, which tell an author nothing.
    const FOREIGN: &[&str] = &[
        "Policy",
        "Options",
        "serde",
        "simple key",
        "flow",
        "scalar",
        "block mapping",
        "token",
        "context",
        "deserial",
    ];

    #[test]
    fn each_usual_mistake_is_named_with_its_line_and_its_remedy() {
        for (text, line, words) in [
            ("a: 1\nb: 2\na: 3\n", 3, "`a` stands twice"),
            ("a: 1\nb: {{ x }} y\n", 2, "needs quotes"),
            ("a: 1\nb: @x\n", 2, "cannot begin with `@`"),
            ("a: 1\nb: `x`\n", 2, "backtick"),
            ("a: 1\nb: x: y\n", 2, "a colon and a blank"),
            ("a: 'x\n", 2, "a quote is not closed"),
            ("a: 'it's'\n", 1, "text follows a closing quote"),
            ("a: [x\nb: 1\n", 2, "a bracket or brace is not closed"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: *x\n", 1, "`*`"),
            ("a: 1\n   b: 2\n", 2, "does not fit"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.reason.contains(words), "{text:?}: {}", error.reason);
            assert!(error.line.abs_diff(line) <= 1, "{text:?}: {}", error.line);
            assert!(!FOREIGN.iter().any(|word| error.reason.contains(word)), "{text:?}: {}", error.reason);
            assert_eq!(parse_quickly(text).unwrap_err().reason, error.reason);
        }
    }

    #[test]
    fn a_tab_counts_as_four_blanks_where_yaml_has_none() {
        let node = parse("a:\n\tb: 1\n\tc:\n\t\td: x\n").unwrap();
        assert_eq!(node.get("a").and_then(|a| a.get("c")?.get("d")?.text()).as_deref(), Some("x"));
        assert_eq!(parse("a:\tx").unwrap().get("a").and_then(super::super::Node::text).as_deref(), Some("x"));
        let text = parse("command: |-\n\tcat <<EOF\n\tx\n\tEOF\n").unwrap();
        assert_eq!(
            text.get("command").and_then(super::super::Node::text).as_deref(),
            Some("cat <<EOF\nx\nEOF")
        );
    }

    #[test]
    fn a_tab_that_belongs_to_a_text_stays() {
        let node = parse("command: |-\n  cat <<-EOF\n  \tx\ty\n  EOF\n").unwrap();
        assert_eq!(
            node.get("command").and_then(super::super::Node::text).as_deref(),
            Some("cat <<-EOF\n\tx\ty\nEOF")
        );
    }
}
