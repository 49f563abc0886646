//! What is wrong with a lab, in words that help its author to correct it.

use std::fmt;

use lectern_api::labs::{LabFinding, LabProblem};
use serde::{Deserialize, Serialize};

use crate::rules::Rule;
use crate::severity::Severity;

/// One finding: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file, relative to the lab's folder, with `/` between its parts.
    pub file: String,
    /// The line, from 1. It is 1 for a finding about the whole file.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    pub severity: Severity,
    /// The kind of finding. It is written as its code.
    #[serde(rename = "code")]
    pub rule: Rule,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it, if there is something to say.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Creates a finding at the start of a file, as severe as the rule says.
    pub fn new(rule: Rule, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 1,
            column: 1,
            severity: rule.severity(),
            rule,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the code of the rule, such as `unknown-action`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.rule.code()
    }

    /// Sets a severity other than the rule's own.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the place in the file.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = line.max(1);
        self.column = column.max(1);
        self
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {} [{}]",
            self.file, self.line, self.column, self.severity, self.message, self.rule
        )?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl From<Diagnostic> for LabProblem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            file: diagnostic.file,
            line: Some(diagnostic.line),
            message: diagnostic.message,
            hint: diagnostic.hint,
        }
    }
}

impl From<Diagnostic> for LabFinding {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.to_string(),
            code: diagnostic.rule.to_string(),
            file: diagnostic.file,
            line: diagnostic.line,
            message: diagnostic.message,
            hint: diagnostic.hint,
        }
    }
}

/// Why a lab cannot be loaded: every finding, not just the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct LabError {
    /// The findings, of which at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl From<Diagnostic> for LabError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic] }
    }
}
