//! Front matter: the lines between `---` at the top of a page.

use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::yaml::{self, Data, Node};

/// The front matter of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    pub title: Option<String>,
    pub weight: Option<i64>,
}

/// What is wrong with a page's front matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontMatterProblem {
    line: u32,
    column: u32,
    reason: String,
}

impl FrontMatterProblem {
    pub(crate) fn diagnostic(&self, file: &str) -> Diagnostic {
        Diagnostic::new(
            Rule::BadFrontMatter,
            file,
            format!("The front matter cannot be read: {}", self.reason),
        )
        .at(self.line, self.column)
        .hint("write YAML between two lines of three hyphens")
    }
}

/// Reads a page's front matter, and returns the byte offset at which the page itself begins.
pub(crate) fn split_front_matter(text: &str) -> (FrontMatter, usize, Option<FrontMatterProblem>) {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let none = (FrontMatter::default(), start, None);
    let Some(fence @ ("---" | "+++")) = text[start..].lines().next().map(str::trim_end) else { return none };
    let Some(first_end) = text[start..].find('\n').map(|at| start + at + 1) else { return none };
    let mut at = first_end;
    for line in text[first_end..].split_inclusive('\n').take(500) {
        if line.trim_end() == fence {
            let inner = &text[first_end..at];
            return read(inner, fence, start, at + line.len());
        }
        at += line.len();
    }
    none
}

fn read(
    inner: &str,
    fence: &str,
    start: usize,
    end: usize,
) -> (FrontMatter, usize, Option<FrontMatterProblem>) {
    let problem = |line, column, reason: &str| {
        let problem = FrontMatterProblem { line, column, reason: reason.to_owned() };
        (FrontMatter::default(), end, Some(problem))
    };
    if fence == "+++" {
        return problem(1, 1, "TOML is not supported");
    }
    match yaml::parse(inner) {
        Ok(node) => match node.data {
            Data::Map(_) | Data::Null => {
                let front = FrontMatter {
                    title: node.get("title").and_then(Node::text).filter(|title| !title.is_empty()),
                    weight: node.get("weight").and_then(Node::whole),
                };
                (front, end, None)
            }
            // two thematic breaks with text between them
            _ => (FrontMatter::default(), start, None),
        },
        Err(error) => problem(error.line + 1, error.column, &error.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_weight_are_read() {
        let text = "---\ntitle: \"A: b\"\nweight: 3\n---\n# X\n";
        let (front, at, problem) = split_front_matter(text);
        assert_eq!(front, FrontMatter { title: Some("A: b".into()), weight: Some(3) });
        assert_eq!((&text[at..], problem), ("# X\n", None));
    }

    #[test]
    fn a_page_between_rules_is_no_front_matter() {
        let text = "---\nsome words\n---\nmore\n";
        assert_eq!(split_front_matter(text).1, 0);
        assert_eq!(split_front_matter("---\nnever closed").1, 0);
    }

    #[test]
    fn bad_yaml_is_a_problem_with_its_line() {
        let (_, at, problem) = split_front_matter("---\ntitle: [\n---\nx");
        assert_eq!(at, 17);
        assert!(problem.unwrap().line >= 2);
    }
}
