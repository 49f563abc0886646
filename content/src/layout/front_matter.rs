//! Front matter: what a page in the Hugo style says of itself at its top, in YAML, TOML or JSON.

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::yaml;

/// Maximum number of lines of front matter.
const MAX_LINES: usize = 500;

/// The front matter of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    pub title: Option<String>,
    /// The title in tables of contents, by which pages of equal weight are ordered.
    pub link_title: Option<String>,
    pub weight: Option<i64>,
    /// The date, as written. Of two pages of equal weight the later one comes first.
    pub date: Option<String>,
    /// Whether the page is not published: a draft, or one that other pages only take parts from.
    pub is_hidden: bool,
}

/// What is wrong with a page's front matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontMatterProblem {
    line: u32,
    column: u32,
    language: &'static str,
}

impl FrontMatterProblem {
    pub(crate) fn diagnostic(&self, file: &str) -> Diagnostic {
        let message = format!("The front matter is not valid {}", self.language);
        let hint = match self.language {
            "TOML" => "write lines like `title = \"First steps\"` between two lines of three plus signs",
            "JSON" => "write an object such as `{\"title\": \"First steps\"}`",
            _ => "write lines like `title: First steps` between two lines of three hyphens",
        };
        Diagnostic::new(Rule::BadFrontMatter, file, message).at(self.line, self.column).hint(hint)
    }
}

/// A page's front matter, the byte offset at which the page itself begins, and what is wrong.
type Split = (FrontMatter, usize, Option<FrontMatterProblem>);

/// Reads a page's front matter. Blank lines may stand before it.
pub(crate) fn split_front_matter(text: &str) -> Split {
    let bom = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let none = (FrontMatter::default(), bom, None);
    let start = text.len() - text[bom..].trim_start().len();
    let rest = &text[start..];
    if rest.starts_with('{') && !rest.starts_with("{{") && !rest.starts_with("{%") {
        return json(text, start).unwrap_or(none);
    }
    let Some(fence @ ("---" | "+++")) = rest.lines().next().map(str::trim_end) else { return none };
    let Some(first_end) = rest.find('\n').map(|at| start + at + 1) else { return none };
    let mut at = first_end;
    for line in text[first_end..].split_inclusive('\n').take(MAX_LINES) {
        if line.trim_end() == fence {
            let (inner, end) = (first_end..at, at + line.len());
            let read = if fence == "+++" { toml(text, inner, end) } else { yaml(text, inner, end) };
            return read.unwrap_or(none);
        }
        at += line.len();
    }
    none
}

type Inner = std::ops::Range<usize>;

/// Returns `None` if the text is no front matter but words between two rules.
fn yaml(text: &str, inner: Inner, end: usize) -> Option<Split> {
    match yaml::parse(&text[inner.clone()]) {
        Ok(node) if node.is_null() => Some((FrontMatter::default(), end, None)),
        Ok(node) => match node.to_json() {
            Value::Object(fields) => Some((read(&fields), end, None)),
            _ => None,
        },
        Err(error) => {
            let line = line_of(text, inner.start) + error.line - 1;
            let problem = FrontMatterProblem { line, column: error.column, language: "YAML" };
            Some((FrontMatter::default(), end, Some(problem)))
        }
    }
}

fn toml(text: &str, inner: Inner, end: usize) -> Option<Split> {
    match text[inner.clone()].parse::<toml::Table>() {
        Ok(table) => match serde_json::to_value(table) {
            Ok(Value::Object(fields)) => Some((read(&fields), end, None)),
            _ => None,
        },
        Err(error) => {
            let at = inner.start + error.span().map_or(0, |span| span.start);
            let problem = FrontMatterProblem { line: line_of(text, at), column: 1, language: "TOML" };
            Some((FrontMatter::default(), end, Some(problem)))
        }
    }
}

fn json(text: &str, start: usize) -> Option<Split> {
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Map<String, Value>>();
    match values.next()? {
        Ok(fields) => Some((read(&fields), start + values.byte_offset(), None)),
        // a page may begin with a brace
        Err(_) if !text[start + 1..].trim_start().starts_with('"') => None,
        Err(error) => {
            let line = line_of(text, start) + u32::try_from(error.line()).unwrap_or(1).max(1) - 1;
            let problem = FrontMatterProblem { line, column: 1, language: "JSON" };
            Some((FrontMatter::default(), start, Some(problem)))
        }
    }
}

fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text).bytes().filter(|byte| *byte == b'\n').count();
    u32::try_from(before).unwrap_or(0) + 1
}

fn read(fields: &Map<String, Value>) -> FrontMatter {
    let find =
        |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| {
        let text = match find(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            // a date of TOML
            Value::Object(date) => date.values().next()?.as_str()?.to_owned(),
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    };
    let flag = |name: &str| match find(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a weight with a fraction counts as the whole number below it"
    )]
    let weight = find("weight").and_then(|weight| match weight {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    });
    FrontMatter {
        title: text("title"),
        link_title: text("linkTitle"),
        weight,
        date: text("date"),
        is_hidden: flag("draft") || flag("headless"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_weight_are_read_in_each_language() {
        for text in [
            "---\ntitle: \"A: b\"\nweight: 3\ndraft: true\n---\n# X\n",
            "\n  \n---\nTitle: \"A: b\"\nweight: '3'\ndraft: true\n---\n# X\n",
            "+++\ntitle = \"A: b\"\nweight = 3\ndraft = true\n+++\n# X\n",
            "{\n  \"title\": \"A: b\", \"weight\": 3, \"draft\": true\n}\n# X\n",
            "\u{feff}---\ntitle: \"A: b\"\nweight: 3\ndraft: true\n---\n# X\n",
        ] {
            let (front, at, problem) = split_front_matter(text);
            let wanted = FrontMatter {
                title: Some("A: b".into()),
                weight: Some(3),
                is_hidden: true,
                ..FrontMatter::default()
            };
            assert_eq!(front, wanted, "{text}");
            assert_eq!((text[at..].trim_start(), problem), ("# X\n", None), "{text}");
        }
    }

    #[test]
    fn a_date_is_read_in_each_language() {
        for text in
            ["---\ndate: 2024-05-01\n---\n", "+++\ndate = 2024-05-01\n+++\n", "{\"date\": \"2024-05-01\"}"]
        {
            assert_eq!(split_front_matter(text).0.date.as_deref(), Some("2024-05-01"), "{text}");
        }
    }

    #[test]
    fn a_page_without_front_matter_loses_nothing() {
        for text in [
            "---\nsome words\n---\nmore\n",
            "---\nnever closed",
            "{{< note >}}\n",
            "{ a }\n",
            "{% if a %}\n",
            "+++ x\n",
            "\n\nwords\n",
        ] {
            assert_eq!(split_front_matter(text).1, 0, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_with_its_line() {
        for (text, language, line) in [
            ("\n---\ntitle: [\n---\nx", "YAML", 3..=4),
            ("+++\na = 1\ntitle = \n+++\nx", "TOML", 3..=3),
            ("{\n\"title\": \n}\nx", "JSON", 2..=3),
        ] {
            let problem = split_front_matter(text).2.unwrap();
            assert_eq!(problem.language, language);
            assert!(line.contains(&problem.line), "{problem:?}");
        }
    }
}
