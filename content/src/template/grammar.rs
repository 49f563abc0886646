//! The supported part of Liquid: expressions and tags without brackets, so that nothing in them nests.
//!
//! The `liquid` crate panics for some texts that it cannot parse, so nothing else may reach it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap_or_else(|error| unreachable!("the pattern is part of the program: {error}"))
}

/// The parts of the patterns. `~` stands for any number of blanks.
const PARTS: &[(&str, &str)] = &[
    ("EXPRESSION", "(?:TEXT|NAME)(?:~FILTER)*"),
    ("FILTER", r"\|~[a-z_]+(?:~:~VALUE(?:~,~VALUE)*)?"),
    ("CONDITION", "VALUE(?:~OPERATOR~VALUE| +contains +VALUE)?"),
    ("OPERATOR", "(?:==|!=|<>|<=|>=|<|>)"),
    ("VALUE", "(?:TEXT|NAME|NUMBER)"),
    ("TEXT", r#"(?:"[^"]*"|'[^']*')"#),
    // no hyphen at the end: it would belong to the closing brace
    ("NAME", "[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"),
    ("NUMBER", r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?"),
    ("~", " *"),
];

/// Returns a pattern for a whole text.
fn whole(source: &str) -> Regex {
    let source = PARTS.iter().fold(source.to_owned(), |source, (name, part)| source.replace(name, part));
    pattern(&format!("^(?s:{source})$"))
}

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| whole("NAME"));
static EXPRESSION: LazyLock<Regex> = LazyLock::new(|| whole("EXPRESSION"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| whole(r"NAME(?:\.NAME)+"));
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| whole("NAME~=~EXPRESSION"));
static CONDITIONS: LazyLock<Regex> = LazyLock::new(|| whole("CONDITION(?: +(?:and|or) +CONDITION)*"));
static CASE: LazyLock<Regex> = LazyLock::new(|| whole("VALUE"));
static WHEN: LazyLock<Regex> = LazyLock::new(|| whole("VALUE(?:(?:~,~| +or +)VALUE)*"));
/// Filters that enlarge a value.
static GROWING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\|\s*(?:append|prepend|replace|replace_first|plus|minus)\b"));
/// The names in an expression or condition, and texts to skip.
static NAMES: LazyLock<Regex> = LazyLock::new(|| pattern(r#""[^"]*"|'[^']*'|[A-Za-z_][A-Za-z0-9_-]*"#));

/// Replaces every blank by the only one that Liquid's grammar allows within braces.
pub(super) fn plain_blanks(inner: &str) -> Cow<'_, str> {
    let is_odd = |letter: char| letter.is_whitespace() && letter != ' ';
    if inner.contains(is_odd) { Cow::Owned(inner.replace(is_odd, " ")) } else { Cow::Borrowed(inner) }
}

/// Returns whether a text is a variable's name.
pub(super) fn is_variable(inner: &str) -> bool {
    VARIABLE.is_match(inner)
}

/// Returns whether a text is a name or a string, with or without filters.
pub(super) fn is_expression(inner: &str) -> bool {
    EXPRESSION.is_match(&plain_blanks(inner))
}

/// Returns whether a text is a name with others below it, none of which exist.
pub(super) fn is_dotted(inner: &str) -> bool {
    DOTTED.is_match(inner)
}

/// Returns whether a text is a keyword of Go templates (not a variable, unless one has that name), or a Go string with
/// escapes such as `\n`, which Liquid does not have.
pub(super) fn is_of_go(inner: &str) -> bool {
    matches!(inner, "end" | "else" | "break" | "continue")
        || (inner.starts_with('"') && inner.contains('\\') && !inner.contains('|'))
}

/// Returns whether there is a tag of this name.
pub(super) fn is_tag(name: &str) -> bool {
    matches!(
        name,
        "assign" | "if" | "elsif" | "else" | "endif" | "unless" | "endunless" | "case" | "when" | "endcase"
    )
}

/// Checks the part after a tag's name.
pub(super) fn fits_tag(name: &str, rest: &str) -> bool {
    let rest = plain_blanks(rest);
    match name {
        "assign" => ASSIGNMENT.is_match(&rest),
        "if" | "elsif" | "unless" => CONDITIONS.is_match(&rest),
        "case" => CASE.is_match(&rest),
        "when" => WHEN.is_match(&rest),
        _ => rest.is_empty(),
    }
}

/// Counts the filters that enlarge a value.
pub(super) fn count_growing(inner: &str) -> usize {
    GROWING.find_iter(inner).count()
}

/// Returns the names in an expression, tag or condition, each with the text before it.
pub(super) fn names_in(inner: &str) -> impl Iterator<Item = (&str, &str)> {
    NAMES
        .find_iter(inner)
        .map(|found| (found.as_str(), inner[..found.start()].trim_end()))
        .filter(|(name, _)| !name.starts_with(['"', '\'']) && !is_keyword(name))
}

fn is_keyword(name: &str) -> bool {
    matches!(name, "and" | "or" | "contains" | "true" | "false" | "nil" | "null" | "empty" | "blank")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_what_only_looks_like_one() {
        for good in ["a", "a-b", "'x' | upcase", "a | default: \"b c\" | replace: 'x', -1.5", "a |\n\tsize"] {
            assert!(is_expression(good), "{good}");
        }
        for bad in ["", "a b", ".a", "a[0]", "range .x", "a | f: 1..2", "a | f: 9999999999999999", "'a", "a-"]
        {
            assert!(!is_expression(bad), "{bad}");
        }
    }

    #[test]
    fn tags_are_read_whole_or_not_at_all() {
        for (name, rest) in [
            ("assign", "a = 'x' | upcase"),
            ("if", "a == 'x' and b contains \"y\" or c"),
            ("elsif", "a<>1"),
            ("else", ""),
            ("case", "a"),
            ("when", "'x', 'y' or 2"),
        ] {
            assert!(fits_tag(name, rest), "{name} {rest}");
        }
        for (name, rest) in [
            ("assign", "a.md\""),
            ("assign", "a == b"),
            ("if", ""),
            ("if", "a =="),
            ("if", "a == (1..2)"),
            ("if", "a andb"),
            ("else", "if a"),
            ("case", "a b"),
            ("when", "'x' 'y'"),
        ] {
            assert!(!fits_tag(name, rest), "{name} {rest}");
        }
    }
}
