//! Reads a mapping key by key, with a finding for each value of the wrong type.

use super::{Data, Node};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;

/// A mapping that is being read.
pub struct Fields<'a> {
    node: Option<&'a Node>,
    path: String,
}

/// The findings of a document.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The file's name in findings.
    pub file: String,
    /// One finding for each invalid value.
    pub diagnostics: Vec<Diagnostic>,
}

impl Findings {
    /// Returns an empty list of findings for a file.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }
}

impl<'a> Fields<'a> {
    /// Begins to read a mapping. Anything else reads as an empty one, with a finding unless it is null.
    pub fn new(node: Option<&'a Node>, path: impl Into<String>, findings: &mut Findings) -> Self {
        let path = path.into();
        let node = match node {
            Some(found) if !found.is_null() && !matches!(found.data, Data::Map(_)) => {
                complain(findings, found, &path, "a mapping");
                None
            }
            other => other,
        };
        Self { node, path }
    }

    /// Returns the value of a key. Returns `None` if it is missing or null.
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        self.node?.get(key).filter(|found| !found.is_null())
    }

    /// Begins to read the mapping of a key.
    pub fn child(&self, key: &str, findings: &mut Findings) -> Fields<'a> {
        Fields::new(self.node(key), self.path_of(key), findings)
    }

    /// Begins to read every mapping of a key's list.
    pub fn children(&self, key: &str, findings: &mut Findings) -> Vec<Fields<'a>> {
        let path = self.path_of(key);
        self.list(key, findings).iter().map(|item| Fields::new(Some(item), path.clone(), findings)).collect()
    }

    /// Reads the list of a key, whatever its items are.
    pub fn list(&self, key: &str, findings: &mut Findings) -> &'a [Node] {
        let Some(found) = self.node(key) else { return &[] };
        if !matches!(found.data, Data::List(_)) {
            complain(findings, found, &self.path_of(key), "a list");
        }
        found.items()
    }

    /// Reads text.
    pub fn text(&self, key: &str, findings: &mut Findings) -> Option<String> {
        self.scalar(key, "text", Node::text, findings)
    }

    /// Reads a boolean.
    pub fn flag(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        self.scalar(key, "true or false", Node::flag, findings)
    }

    /// Reads a whole number.
    pub fn whole(&self, key: &str, findings: &mut Findings) -> Option<i64> {
        self.scalar(key, "a whole number", Node::whole, findings)
    }

    /// Reads a list of texts. A single text counts as a list of one.
    pub fn texts(&self, key: &str, findings: &mut Findings) -> Vec<String> {
        let Some(found) = self.node(key) else { return Vec::new() };
        if let Some(text) = found.text() {
            return vec![text];
        }
        self.list(key, findings)
            .iter()
            .filter_map(|item| {
                let text = item.text();
                if text.is_none() {
                    complain(findings, item, &self.path_of(key), "text");
                }
                text
            })
            .collect()
    }

    fn scalar<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(&Node) -> Option<T>,
        findings: &mut Findings,
    ) -> Option<T> {
        let found = self.node(key)?;
        let value = read(found);
        if value.is_none() {
            complain(findings, found, &self.path_of(key), wanted);
        }
        value
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn complain(findings: &mut Findings, node: &Node, path: &str, wanted: &str) {
    let message = format!("`{path}` must be {wanted}, but is {}", node.describe());
    let file = findings.file.clone();
    findings.diagnostics.push(Diagnostic::new(Rule::WrongKind, file, message).at(node.line, node.column));
}
