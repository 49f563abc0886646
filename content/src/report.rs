//! Reports of what lint found, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::severity::Severity;

/// The findings of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintedLab {
    /// The lab's folder, as the user named it.
    pub dir: PathBuf,
    pub diagnostics: Vec<Diagnostic>,
}

impl LintedLab {
    fn path(&self, file: &str) -> PathBuf {
        if file == "." { self.dir.clone() } else { self.dir.join(file) }
    }
}

/// Counts the findings of a severity.
#[must_use]
pub fn count(labs: &[LintedLab], severity: Severity) -> usize {
    labs.iter().flat_map(|lab| &lab.diagnostics).filter(|one| one.severity == severity).count()
}

/// Returns the findings as plain JSON: a list of objects, each with the lab's folder and the members of [`Diagnostic`].
#[must_use]
pub fn to_json(labs: &[LintedLab]) -> Value {
    let of_lab = |lab: &LintedLab| {
        let dir = lab.dir.to_string_lossy().into_owned();
        lab.diagnostics.clone().into_iter().map(move |one| {
            json!({
                "lab": dir, "severity": one.severity, "code": one.rule, "file": one.file, "line": one.line,
                "column": one.column, "message": one.message, "hint": one.hint,
            })
        })
    };
    labs.iter().flat_map(of_lab).collect()
}

/// Returns the findings as a SARIF 2.1.0 log, which code hosts and editors read.
#[must_use]
pub fn to_sarif(labs: &[LintedLab]) -> Value {
    let all = || labs.iter().flat_map(|lab| lab.diagnostics.iter().map(move |one| (lab, one)));
    let rules: BTreeSet<Rule> = all().map(|(_, one)| one.rule).collect();
    let rules: Vec<Rule> = rules.into_iter().collect();
    let results: Vec<Value> = all()
        .map(|(lab, one)| {
            let text = match &one.hint {
                Some(hint) => format!("{} ({hint})", one.message),
                None => one.message.clone(),
            };
            json!({
                "ruleId": one.rule,
                "ruleIndex": rules.iter().position(|rule| *rule == one.rule),
                "level": level(one.severity),
                "message": {"text": text},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri_of(&lab.path(&one.file))},
                    "region": {"startLine": one.line, "startColumn": one.column},
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "lectern lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(described).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// Describes a rule as a `reportingDescriptor` of SARIF.
fn described(rule: Rule) -> Value {
    json!({
        "id": rule,
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": rule.meaning()},
        "help": {"text": rule.explanation(), "markdown": rule.explanation()},
        "defaultConfiguration": {"level": level(rule.severity())},
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}

/// Writes a path as a URI: relative where the path is.
fn uri_of(path: &Path) -> String {
    let path = path.to_string_lossy();
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.strip_prefix("./").unwrap_or(&path).bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Returns the findings of a lab as text for a terminal, each with its line of the file. The text is coloured if the
/// standard output is a terminal and `NO_COLOR` is not set.
#[must_use]
pub fn to_terminal(lab: &LintedLab) -> String {
    let handler = miette::GraphicalReportHandler::new().with_width(110);
    let mut out = String::new();
    let mut last: Option<(&str, String)> = None;
    for one in &lab.diagnostics {
        let text = match &last {
            Some((file, text)) if *file == one.file => text.clone(),
            _ => std::fs::read_to_string(lab.path(&one.file)).unwrap_or_default(),
        };
        let mut report = miette::MietteDiagnostic::new(&one.message)
            .with_code(one.code())
            .with_severity(miette_severity(one.severity));
        if let Some(hint) = &one.hint {
            report = report.with_help(hint);
        }
        let name = lab.path(&one.file).to_string_lossy().into_owned();
        if text.is_empty() {
            report.message = format!("{name}: {}", report.message);
        } else {
            let start = miette::SourceOffset::from_location(&text, one.line as usize, one.column as usize);
            let rest = text.get(start.offset()..).unwrap_or_default();
            let length = rest.lines().next().map_or(0, |line| line.trim_end().len());
            report = report.with_label(miette::LabeledSpan::underline((start.offset(), length)));
        }
        last = Some((&one.file, text.clone()));
        let report = miette::Report::new(report).with_source_code(miette::NamedSource::new(name, text));
        // writing to a String cannot fail
        let _ = handler.render_report(&mut out, report.as_ref());
        out.push('\n');
    }
    out
}

const fn miette_severity(severity: Severity) -> miette::Severity {
    match severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
        Severity::Advice => miette::Severity::Advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dir: impl Into<PathBuf>) -> LintedLab {
        let diagnostics = vec![
            Diagnostic::new(Rule::BadAction, "workshop/content/a b.md", "It is wrong")
                .at(2, 5)
                .hint("mend it"),
            Diagnostic::new(Rule::Unreadable, ".", "It is not there").severity(Severity::Advice),
        ];
        LintedLab { dir: dir.into(), diagnostics }
    }

    #[test]
    fn sarif_names_the_place() {
        let log = to_sarif(&[found("./labs/x"), found("/labs/y")]);
        let run = &log["runs"][0];
        let place = |result: usize| &run["results"][result]["locations"][0]["physicalLocation"];
        assert_eq!(place(0)["artifactLocation"]["uri"], "labs/x/workshop/content/a%20b.md");
        assert_eq!(place(0)["region"], json!({"startLine": 2, "startColumn": 5}));
        assert_eq!(place(2)["artifactLocation"]["uri"], "file:///labs/y/workshop/content/a%20b.md");
        let rules = &run["tool"]["driver"]["rules"];
        assert_eq!((&rules[0]["id"], &rules[1]["id"]), (&json!("bad-action"), &json!("unreadable")));
        assert_eq!(rules.as_array().map(Vec::len), Some(2));
        assert_eq!(rules[0]["shortDescription"]["text"], Rule::BadAction.summary());
        assert_eq!(rules[1]["defaultConfiguration"]["level"], "error");
        assert!(rules[0]["help"]["markdown"].as_str().unwrap().contains("## Remedy"));
        assert_eq!(
            (&run["results"][1]["level"], &run["results"][1]["ruleIndex"]),
            (&json!("note"), &json!(1))
        );
    }

    #[test]
    fn json_holds_each_diagnostic_as_it_was() {
        let lab = found("labs/x");
        let mut list = to_json(std::slice::from_ref(&lab));
        assert_eq!(list[0].as_object_mut().and_then(|one| one.remove("lab")), Some(json!("labs/x")));
        assert_eq!(serde_json::from_value::<Diagnostic>(list[0].clone()).unwrap(), lab.diagnostics[0]);
        assert_eq!(count(&[lab], Severity::Error), 1);
    }

    #[test]
    fn the_terminal_shows_the_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("workshop/content")).unwrap();
        std::fs::write(dir.path().join("workshop/content/a b.md"), "one\nthe second line\n").unwrap();
        let shown = to_terminal(&found(dir.path()));
        for part in
            ["It is wrong", "the second line", "mend it", "bad-action", "a b.md:2:5", "It is not there"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
