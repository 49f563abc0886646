//! The parts of the Workshop resource that Lectern ignores.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::nearest::nearest;
use crate::rules::Rule;
use crate::severity::Severity;
use crate::spec::fields::{Effect, FIELDS, SpecField, find_field};
use crate::spec::spec_of;
use crate::variables::SESSION_VARIABLES;
use crate::yaml::{Data, Key, Node};

/// The fields beside `spec`. In v1alpha1, where `spec` may be left out, they are beside the lab's own.
const BESIDE: &[&str] = &["apiVersion", "kind", "metadata", "status"];
/// Prefixes of the platform's variables. Any other `$(name)` is meant for a shell.
const OURS: &[&str] = &["session_", "workshop_", "ingress_", "environment_", "training_", "registry_"];

/// `$(name)`.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$\(([a-z][a-z0-9_]*)\)").ok());

/// Lists unknown fields, fields that Lectern ignores, and variables without a value.
pub(super) fn lint(lab: &Lab) -> Vec<Diagnostic> {
    let mut found = Found { file: &lab.workshop.findings.file, diagnostics: Vec::new() };
    if let Some(document) = &lab.workshop.document {
        let spec = spec_of(document);
        found.mapping(spec, "");
        for part in ["session", "environment", "request"].iter().filter_map(|part| spec.get(part)) {
            found.references(part);
        }
    }
    found.diagnostics
}

struct Found<'a> {
    file: &'a str,
    diagnostics: Vec<Diagnostic>,
}

impl Found<'_> {
    /// Checks a mapping, or each mapping of a list.
    fn mapping(&mut self, node: &Node, path: &str) {
        for item in node.items() {
            self.mapping(item, path);
        }
        // the settings of a tool that is switched off do not matter
        let is_tool = path.starts_with("session.applications.");
        let enabled = node.get("enabled").and_then(Node::flag);
        let default = find_field(&join(path, "enabled")).and_then(|field| field.default);
        if is_tool && !enabled.unwrap_or(default != Some("false")) {
            return;
        }
        for (key, value) in node.entries() {
            if value.is_null() || (path.is_empty() && BESIDE.contains(&key.text.as_str())) {
                continue;
            }
            let own = join(path, &key.text);
            if let Some(field) = find_field(&own) {
                self.field(field, key, value);
            } else if FIELDS.iter().any(|field| field.is_below(&own)) {
                self.mapping(value, &own);
            } else if !is_tool {
                self.unknown(path, &own, key);
            } else if enabled == Some(true) {
                self.unacted(&own, key, Effect::NotYet);
            }
        }
    }

    fn field(&mut self, field: &SpecField, key: &Key, value: &Node) {
        let is_empty = match &value.data {
            Data::List(items) => items.is_empty(),
            Data::Map(entries) => entries.is_empty(),
            _ => false,
        };
        let is_default = field.default.is_some() && value.text().as_deref() == field.default;
        if !is_empty && !is_default && field.effect != Effect::Acted {
            self.unacted(field.path, key, field.effect);
        }
    }

    fn unacted(&mut self, path: &str, key: &Key, effect: Effect) {
        let message = format!("Lectern does nothing with `{path}`");
        let holds = find_field(path).map(|field| field.holds);
        let diagnostic = match effect {
            Effect::NotNeeded => {
                Diagnostic::new(Rule::NotActedOn, self.file, message).severity(Severity::Advice)
            }
            Effect::NotYet | Effect::Acted => {
                Diagnostic::new(Rule::NotActedOn, self.file, format!("{message} yet"))
            }
        };
        let mut diagnostic = diagnostic.at(key.line, key.column);
        diagnostic.hint = holds.map(|holds| format!("in Educates: {holds}"));
        self.diagnostics.push(diagnostic);
    }

    fn unknown(&mut self, around: &str, path: &str, key: &Key) {
        let siblings = FIELDS.iter().filter(|field| field.is_below(around)).filter_map(|field| {
            let rest = if around.is_empty() { field.path } else { field.path.get(around.len() + 1..)? };
            rest.split('.').next()
        });
        let hint = nearest(&key.text, siblings)
            .map_or_else(|| "it is ignored".to_owned(), |near| format!("did you mean `{near}`?"));
        self.diagnostics.push(
            Diagnostic::new(Rule::UnknownField, self.file, format!("There is no field `{path}`"))
                .at(key.line, key.column)
                .hint(hint),
        );
    }

    /// Checks every `$(name)` in a value.
    fn references(&mut self, node: &Node) {
        match &node.data {
            Data::Text(text) => {
                let names = REFERENCE.iter().flat_map(|reference| reference.captures_iter(text));
                for name in names.filter_map(|found| found.get(1)).map(|name| name.as_str()) {
                    self.reference(name, node);
                }
            }
            Data::List(items) => items.iter().for_each(|item| self.references(item)),
            Data::Map(entries) => entries.iter().for_each(|(_, value)| self.references(value)),
            _ => {}
        }
    }

    fn reference(&mut self, name: &str, node: &Node) {
        let known = || SESSION_VARIABLES.iter().map(|variable| variable.name);
        if !OURS.iter().any(|start| name.starts_with(start)) || known().any(|known| known == name) {
            return;
        }
        let hint = nearest(name, known())
            .map_or_else(|| "it stays as it is".to_owned(), |near| format!("did you mean `$({near})`?"));
        self.diagnostics.push(
            Diagnostic::new(Rule::UnknownVariable, self.file, format!("No value is known for `$({name})`"))
                .at(node.line, node.column)
                .hint(hint),
        );
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
