//! What lint says about a lab, for the catalogue.

use std::cmp::Reverse;

pub(super) use lectern_api::labs::LabReport;
use lectern_content::Diagnostic;

/// The maximum number of findings that the catalogue keeps of a lab.
const MOST: usize = 100;

/// Returns the report of these findings, the worst first.
pub(super) fn of(mut found: Vec<Diagnostic>) -> LabReport {
    found.sort_by_key(|one| Reverse(one.severity));
    let left_out = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    LabReport {
        findings: found.into_iter().map(Into::into).collect(),
        left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use lectern_content::Rule;

    use super::*;

    #[test]
    fn the_worst_come_first_and_the_rest_is_counted() {
        let many = (0..MOST + 3).map(|line| {
            Diagnostic::new(Rule::UnlistedPage, "a.md", "words").at(u32::try_from(line).unwrap(), 1)
        });
        let worst = Diagnostic::new(Rule::MissingCheck, "b.md", "words").at(7, 1).hint("do");
        let report = of(many.chain([worst]).collect());
        assert_eq!((report.findings.len(), report.left_out), (MOST, 4));
        let first = &report.findings[0];
        assert_eq!((first.severity.as_str(), first.code.as_str(), first.line), ("error", "missing-check", 7));
        assert_eq!((first.file.as_str(), first.hint.as_deref()), ("b.md", Some("do")));
    }
}
