//! Diagnostics for people and for other programs.

use std::path::Path;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};

/// Returns diagnostics as plain JSON: a list of objects.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic]) -> Value {
    diagnostics
        .iter()
        .map(|one| {
            json!({
                "severity": one.severity, "code": one.code, "file": one.file, "line": one.line, "column": one.column,
                "message": one.message, "hint": one.hint,
            })
        })
        .collect()
}

/// Returns diagnostics as a SARIF 2.1.0 log, as code hosts and editors read it. `base` is the lab's folder as the
/// reader knows it, put before each file's name.
#[must_use]
pub fn to_sarif(diagnostics: &[Diagnostic], base: &str) -> Value {
    let mut rules: Vec<&str> = diagnostics.iter().map(|one| one.code.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|one| {
            let text = match &one.hint {
                Some(hint) => format!("{} ({hint})", one.message),
                None => one.message.clone(),
            };
            json!({
                "ruleId": one.code,
                "level": match one.severity { Severity::Error => "error", Severity::Warning => "warning", Severity::Advice => "note" },
                "message": {"text": text},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": joined(base, &one.file)},
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
                "rules": rules.iter().map(|rule| json!({"id": rule})).collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

fn joined(base: &str, file: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.is_empty() || base == "." { file.to_owned() } else { format!("{base}/{file}") }
}

/// Returns diagnostics as a terminal shows them, each with the lines that it means. `dir` is the lab's folder.
#[must_use]
pub fn to_terminal(diagnostics: &[Diagnostic], dir: &Path) -> String {
    let handler = miette::GraphicalReportHandler::new();
    let mut out = String::new();
    for one in diagnostics {
        let text = std::fs::read_to_string(dir.join(&one.file)).unwrap_or_default();
        let offset = miette::SourceOffset::from_location(&text, one.line as usize, one.column as usize);
        let rest = text.get(offset.offset()..).unwrap_or_default();
        let length = rest.lines().next().map_or(0, |line| line.trim_end().len());
        let mut report = miette::MietteDiagnostic::new(&one.message).with_code(&one.code).with_severity(
            match one.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
                Severity::Advice => miette::Severity::Advice,
            },
        );
        if let Some(hint) = &one.hint {
            report = report.with_help(hint);
        }
        let name = joined(&dir.to_string_lossy(), &one.file);
        if text.is_empty() {
            report.message = format!("{name}: {}", report.message);
        } else {
            report = report.with_label(miette::LabeledSpan::underline((offset.offset(), length)));
        }
        let report = miette::Report::new(report).with_source_code(miette::NamedSource::new(name, text));
        // writing to a String cannot fail
        let _ = handler.render_report(&mut out, report.as_ref());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Vec<Diagnostic> {
        vec![Diagnostic::error("bad-action", "workshop/content/a.md", "It is wrong").at(2, 3).hint("mend it")]
    }

    #[test]
    fn sarif_names_the_place() {
        let log = to_sarif(&found(), "labs/x");
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "labs/x/workshop/content/a.md");
        assert_eq!(place["region"], json!({"startLine": 2, "startColumn": 3}));
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"], json!([{"id": "bad-action"}]));
    }

    #[test]
    fn json_is_read_back_as_it_was() {
        assert_eq!(serde_json::from_value::<Vec<Diagnostic>>(to_json(&found())).unwrap(), found());
    }

    #[test]
    fn the_terminal_shows_the_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("workshop/content")).unwrap();
        std::fs::write(dir.path().join("workshop/content/a.md"), "one\nthe second line\n").unwrap();
        let shown = to_terminal(&found(), dir.path());
        for part in ["It is wrong", "the second line", "mend it", "bad-action"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
