//! The documents of a manifest, each read on its own, so that a bad one costs only itself.

use std::collections::BTreeSet;

use super::{Data, Key, Node, YamlError, parse_leniently};

/// One document of a manifest.
#[derive(Clone, Debug)]
pub struct Document {
    /// The number of lines of the file above it.
    pub above: u32,
    /// Its text.
    pub text: String,
    /// Its tree. Of keys that stand twice, the last counts.
    pub tree: Result<Node, YamlError>,
    /// The keys that stand twice.
    pub repeated: Vec<Key>,
}

impl Document {
    /// Parses a text as a document that begins after some lines of a file.
    #[must_use]
    pub fn parse(text: &str, above: u32) -> Self {
        let mut repeated = Vec::new();
        let tree = match parse_leniently(text) {
            Ok(mut node) => {
                settle(&mut node, above, &mut repeated);
                Ok(node)
            }
            Err(error) => Err(YamlError { line: error.line + above, ..error }),
        };
        Self { above, text: text.to_owned(), tree, repeated }
    }
}

/// Parses every document of a manifest.
#[must_use]
pub fn parse_documents(text: &str) -> Vec<Document> {
    let (mut found, mut above, mut start) = (Vec::new(), 0, 0);
    let (mut at, mut line) = (0, 0);
    for piece in text.split_inclusive('\n') {
        let is_rule = piece.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty());
        if is_rule {
            add(&mut found, &text[start..at], above);
            (start, above) = (at + piece.len(), line + 1);
        }
        at += piece.len();
        line += 1;
    }
    add(&mut found, &text[start..], above);
    found
}

fn add(found: &mut Vec<Document>, text: &str, above: u32) {
    let is_empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if !is_empty {
        found.push(Document::parse(text, above));
    }
}

/// Moves a tree down by some lines, and leaves of keys that stand twice the last one.
fn settle(node: &mut Node, above: u32, repeated: &mut Vec<Key>) {
    node.line += above;
    match &mut node.data {
        Data::List(items) => items.iter_mut().for_each(|item| settle(item, above, repeated)),
        Data::Map(entries) => {
            for (key, value) in entries.iter_mut() {
                key.line += above;
                settle(value, above, repeated);
            }
            let mut known = BTreeSet::new();
            let last: Vec<bool> =
                entries.iter().rev().map(|(key, _)| known.insert(key.text.clone())).collect();
            if last.iter().all(|is_last| *is_last) {
                return;
            }
            let mut last = last.into_iter().rev();
            entries.retain(|(key, _)| {
                let is_last = last.next().unwrap_or(true);
                if !is_last {
                    repeated.push(key.clone());
                }
                is_last
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_document_costs_only_itself_and_lines_are_those_of_the_file() {
        let found = parse_documents("# head\n---\na: 1\n---\nb: [x\n---\nc:\n  d: 4\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].tree.as_ref().unwrap().get("a").and_then(Node::whole), Some(1));
        assert!(found[1].tree.as_ref().is_err_and(|error| (5..=6).contains(&error.line)));
        let d = found[2].tree.as_ref().unwrap().get("c").and_then(|c| c.get("d")).unwrap();
        assert_eq!((d.whole(), d.line), (Some(4), 8));
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts_and_the_first_is_named() {
        let found = parse_documents("a:\n  b: 1\n  c: 2\n  b: 3\n");
        let a = found[0].tree.as_ref().unwrap().get("a").unwrap();
        assert_eq!((a.get("b").and_then(Node::whole), a.entries().len()), (Some(3), 2));
        assert_eq!(
            found[0].repeated.iter().map(|key| (key.text.as_str(), key.line)).collect::<Vec<_>>(),
            [("b", 2)]
        );
    }

    #[test]
    fn a_line_of_hyphens_inside_a_text_begins_no_document() {
        let found = parse_documents("a: |\n  ---\n  x\n");
        assert_eq!(found.len(), 1);
    }
}
