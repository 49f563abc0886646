//! Causes in words: pure functions from an object's state and its events to a sentence for a learner.
//!
//! Kubernetes says what is wrong in many places and in the words of whoever noticed it. Each function here reads what
//! there is about one object and returns how well it is, the state in a word, and one sentence about the cause.
//! Messages are matched by phrases that have been the same over many releases; what matches none of them is quoted.

mod images;
mod pods;
mod refusals;
mod scheduling;
#[cfg(test)]
mod tests;
mod traffic;
mod workloads;

use lectern_api::cluster_view::{ClusterEvent, Condition, Severity};

pub use pods::of_pod;
pub use traffic::{Backing, of_claim, of_ingress, of_service};
pub use workloads::{PodCounts, of_cron_job, of_job, of_workload};

/// The longest quotation of Kubernetes' own words, in characters.
const LONGEST_QUOTATION: usize = 300;

fn condition(severity: Severity, word: &str, cause: impl Into<Option<String>>) -> Condition {
    Condition { severity, word: word.to_owned(), cause: cause.into() }
}

fn good(word: &str) -> Condition {
    condition(Severity::Good, word, None)
}

fn working(word: &str) -> Condition {
    condition(Severity::Working, word, None)
}

/// Returns a message as the end of a sentence, on one line and not endless.
fn quoted(message: &str) -> String {
    let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = line.char_indices().nth(LONGEST_QUOTATION) {
        line.truncate(at);
        line.push('…');
    }
    let line = line.trim_end_matches('.');
    if line.is_empty() { "no reason was given.".to_owned() } else { format!("{line}.") }
}

/// Returns the text between two phrases.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// Returns the newest event with one of these reasons. Events are given newest first.
fn newest<'a>(events: &[&'a ClusterEvent], reasons: &[&str]) -> Option<&'a ClusterEvent> {
    events.iter().copied().find(|event| reasons.contains(&event.reason.as_str()))
}
