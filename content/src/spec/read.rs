//! Reads the Workshop resource: v1beta1 of Educates, the older v1alpha2 and v1alpha1, and that of Tanzu Learning Center.
//! A field that cannot be read is a finding, and the lab gets what it would get without the field, or less.

use super::image::workbench_image;
use super::{Difficulty, LabSpec, RequestParameter};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::yaml::{Fields, Findings, Node};

mod applications;
mod references;
mod session;
mod sources;

/// A Workshop resource, read.
#[derive(Clone, Debug, Default)]
pub struct ReadSpec {
    /// `metadata.name`.
    pub name: Option<String>,
    pub spec: LabSpec,
    /// Invalid values.
    pub findings: Findings,
    /// Whether it belongs to the older API group, whose labs all have the classic layout.
    pub is_eduk8s: bool,
    /// The resource itself, for lint.
    pub(crate) document: Option<Node>,
}

impl ReadSpec {
    /// Returns a variable of the session's environment, as the author wrote it.
    pub(crate) fn environment(&self, name: &str) -> Option<&str> {
        let entry = self.spec.session.env.iter().rfind(|(known, _)| known == name);
        entry.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The supported API groups and versions.
const VERSIONS: &[&str] = &[
    "training.educates.dev/v1beta1",
    "training.eduk8s.io/v1alpha2",
    "training.eduk8s.io/v1alpha1",
    "learningcenter.tanzu.vmware.com/v1beta1",
];
/// The API groups that date from when there was only the classic layout.
const CLASSIC_GROUPS: &[&str] = &["training.eduk8s.io", "learningcenter.tanzu.vmware.com"];

/// Reads a Workshop resource.
#[must_use]
pub fn read(document: &Node, file: &str) -> ReadSpec {
    let mut reader = Reader { findings: Findings::new(file) };
    let root = reader.begin(document, "");
    let version = reader.text(&root, "apiVersion");
    if !version.as_deref().is_some_and(|version| VERSIONS.contains(&version)) {
        let message = format!("`apiVersion` is {}", version.as_deref().unwrap_or("missing"));
        reader.findings.diagnostics.push(
            Diagnostic::new(Rule::UnknownVersion, file, message)
                .at(document.line, 1)
                .hint(format!("known are {}", VERSIONS.join(", "))),
        );
    }
    let metadata = root.child("metadata", &mut reader.findings);
    let name = reader.text(&metadata, "name");
    let spec = reader.spec(spec_of(document), name.as_deref().unwrap_or_default());
    ReadSpec {
        name,
        spec,
        findings: reader.findings,
        is_eduk8s: version.is_some_and(|version| {
            version.split('/').next().is_some_and(|group| CLASSIC_GROUPS.contains(&group))
        }),
        document: Some(document.clone()),
    }
}

/// Returns the part of a Workshop resource that describes the lab. In v1alpha1 it may lie beside `metadata`.
pub(crate) fn spec_of(document: &Node) -> &Node {
    document.get("spec").unwrap_or(document)
}

struct Reader {
    findings: Findings,
}

impl Reader {
    fn begin<'a>(&mut self, node: &'a Node, path: &str) -> Fields<'a> {
        Fields::new(Some(node), path, &mut self.findings)
    }

    fn text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        fields.text(key, &mut self.findings)
    }

    fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        fields.flag(key, &mut self.findings)
    }

    /// Returns the value for the word in a field. Any other word is a finding, which says what the lab gets `otherwise`.
    fn word<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        words: &[(&str, T)],
        otherwise: &str,
    ) -> Option<T> {
        let text = self.text(fields, key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.complain(
                fields,
                key,
                Rule::UnknownWord,
                format!("`{key}` cannot be {text:?}; {otherwise}"),
                format!("it is one of {}", known.join(", ")),
            );
        }
        found
    }

    fn complain(&mut self, fields: &Fields<'_>, key: &str, rule: Rule, message: String, hint: String) {
        let (line, column) = fields.node(key).map_or((1, 1), |node| (node.line, node.column));
        let diagnostic = Diagnostic::new(rule, &self.findings.file, message).at(line, column).hint(hint);
        self.findings.diagnostics.push(diagnostic);
    }

    fn spec(&mut self, node: &Node, name: &str) -> LabSpec {
        let spec = self.begin(node, "spec");
        let environment = spec.child("environment", &mut self.findings);
        let request = spec.child("request", &mut self.findings);
        LabSpec {
            title: self.text(&spec, "title"),
            description: self.text(&spec, "description"),
            authors: spec.texts("authors", &mut self.findings),
            difficulty: self.word(&spec, "difficulty", DIFFICULTIES, "none is shown"),
            duration_secs: self.duration(&spec),
            tags: spec.texts("tags", &mut self.findings),
            workbench_image: spec.node("workshop").and_then(workbench_image),
            session: self.session(&spec),
            parameters: self.parameters(&request),
            environment_objects: self.objects(&environment),
            files: self.sources(&spec, name),
            packages: self.packages(&spec, name),
            request_objects: self.objects(&request),
        }
    }

    fn duration(&mut self, spec: &Fields<'_>) -> Option<u64> {
        let text = self.text(spec, "duration")?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            self.complain(
                spec,
                "duration",
                Rule::BadDuration,
                format!("{text:?} is not a duration"),
                "write it like 45m, 1h or 1h30m".to_owned(),
            );
        }
        duration
    }

    fn parameters(&mut self, request: &Fields<'_>) -> Vec<RequestParameter> {
        let entries = request.children("parameters", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                Some(RequestParameter {
                    name: self.text(entry, "name")?,
                    value: self.text(entry, "value").unwrap_or_default(),
                    aliases: entry.texts("aliases", &mut self.findings),
                })
            })
            .collect()
    }

    fn objects(&mut self, fields: &Fields<'_>) -> Vec<serde_json::Value> {
        fields.list("objects", &mut self.findings).iter().map(Node::to_json).collect()
    }
}

/// Parses a duration such as `60m`, `1h30m` or `90s` into seconds. A bare number is taken as seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let (mut total, mut number) = (0_u64, None::<u64>);
    for letter in text.trim().chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(rest) => total.checked_add(rest),
        None => (total > 0).then_some(total),
    }
}

const DIFFICULTIES: &[(&str, Difficulty)] = &[
    ("beginner", Difficulty::Beginner),
    ("intermediate", Difficulty::Intermediate),
    ("advanced", Difficulty::Advanced),
    ("extreme", Difficulty::Extreme),
];

#[cfg(test)]
mod tests;
