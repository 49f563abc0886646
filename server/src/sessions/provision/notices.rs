//! What of a session is not as its lab's author meant it: a sentence for the learner, and a problem for those who can
//! mend the lab. Nothing of this keeps a session from running.

use std::sync::Arc;

use lectern_api::agent::ScriptFailure;
use lectern_api::labs::LabProblem;
use lectern_api::sessions::{Notice, NoticeAbout};
use lectern_content::Lab;
use lectern_content::allow::Refusal;

use super::{ProvisionError, Provisioner};
use crate::cluster::LeftOut;
use crate::sessions::environment::WORKSHOP;
use crate::store;
use crate::store::sessions::SessionRow;

/// How much of a script's output is shown: its end, where the reason stands, in characters.
const SHOWN_OUTPUT: usize = 2000;
/// How much of it stands in the catalogue, in characters.
const SHOWN_TO_AUTHORS: usize = 400;
/// The maximum number of notices of one kind.
const MOST: usize = 20;

/// One of a lab's objects that a session does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// Kind and name.
    pub object: String,
    /// The reason, as the end of a sentence.
    pub reason: String,
    /// What the cluster said, for the author.
    pub detail: Option<String>,
}

impl From<Refusal> for Missing {
    fn from(refusal: Refusal) -> Self {
        Self { object: refusal.object, reason: refusal.reason, detail: None }
    }
}

impl From<LeftOut> for Missing {
    fn from(left_out: LeftOut) -> Self {
        Self { object: left_out.object, reason: left_out.reason, detail: left_out.detail }
    }
}

impl Provisioner {
    /// Records which of a lab's objects a session does not have.
    pub(super) async fn record_missing(
        &self,
        row: &SessionRow,
        lab: &Arc<Lab>,
        missing: &[Missing],
    ) -> Result<(), ProvisionError> {
        for one in missing {
            tracing::warn!(
                session.id = %row.id,
                lab.slug = %lab.slug,
                lab.object = one.object,
                reason = one.reason,
                detail = one.detail,
                "an object of a lab is left out"
            );
        }
        // what was left out when the lab was loaded is a finding already
        let is_known =
            |one: &&Missing| !lab.left_out.iter().any(|known| Missing::from(known.clone()) == **one);
        self.labs.catalog.note_problems(lab, missing.iter().filter(is_known).map(missing_problem).collect());
        self.record_notices(row, NoticeAbout::Object, missing.iter().map(missing_notice).collect()).await
    }

    /// Records which set-up scripts of a session failed.
    pub(super) async fn record_failures(
        &self,
        row: &SessionRow,
        lab: &Arc<Lab>,
        failures: &[ScriptFailure],
    ) -> Result<(), ProvisionError> {
        for one in failures {
            tracing::warn!(
                session.id = %row.id,
                lab.slug = %lab.slug,
                script = one.script,
                status = one.status,
                "a set-up script failed"
            );
        }
        self.labs.catalog.note_problems(lab, failures.iter().map(failure_problem).collect());
        self.record_notices(row, NoticeAbout::SetUp, failures.iter().map(failure_notice).collect()).await
    }

    /// Records the notices of one kind, in place of those before.
    pub(super) async fn record_notices(
        &self,
        row: &SessionRow,
        about: NoticeAbout,
        mut notices: Vec<Notice>,
    ) -> Result<(), ProvisionError> {
        let more = notices.len().saturating_sub(MOST);
        if more > 0 {
            notices.truncate(MOST);
            notices.push(Notice { about, message: format!("And {more} more."), output: None });
        }
        let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
        Ok(store::sessions::notices::replace_notices(&mut conn, row.id, &[about], &notices).await?)
    }
}

fn missing_notice(missing: &Missing) -> Notice {
    Notice {
        about: NoticeAbout::Object,
        message: format!("The lab's {} is missing in this session: {}.", missing.object, missing.reason),
        output: None,
    }
}

fn missing_problem(missing: &Missing) -> LabProblem {
    LabProblem {
        file: "resources/workshop.yaml".to_owned(),
        line: None,
        message: format!("In a session the lab's {} is left out: {}", missing.object, missing.reason),
        hint: missing.detail.as_ref().map(|detail| format!("the cluster's answer: {detail}")),
    }
}

fn failure_notice(failure: &ScriptFailure) -> Notice {
    let output = end_of(&failure.output, SHOWN_OUTPUT);
    Notice {
        about: NoticeAbout::SetUp,
        message: format!(
            "The lab's set-up script {} {}. What it prepares may be missing.",
            name_of(&failure.script),
            how(failure)
        ),
        output: (!output.is_empty()).then_some(output),
    }
}

fn failure_problem(failure: &ScriptFailure) -> LabProblem {
    let printed = end_of(&failure.output, SHOWN_TO_AUTHORS);
    let file = failure.script.strip_prefix(WORKSHOP).map_or_else(
        || format!("workshop/{}", failure.script.trim_start_matches('/')),
        |path| format!("workshop{path}"),
    );
    LabProblem {
        file,
        line: None,
        message: format!("In a session the script {}", how(failure)),
        hint: (!printed.is_empty()).then(|| format!("it printed: {printed}")),
    }
}

/// How a script ended, as the end of a sentence.
fn how(failure: &ScriptFailure) -> String {
    match (failure.timed_out_secs, failure.status) {
        (Some(secs), _) => format!("was stopped after {secs} seconds"),
        (None, Some(status)) => format!("failed with exit status {status}"),
        (None, None) => "failed".to_owned(),
    }
}

fn name_of(script: &str) -> &str {
    script.rsplit('/').next().unwrap_or(script)
}

/// The last of a long text, beginning with a whole line where it can.
fn end_of(text: &str, chars: usize) -> String {
    let skipped = text.chars().count().saturating_sub(chars);
    if skipped == 0 {
        return text.to_owned();
    }
    let rest: String = text.chars().skip(skipped).collect();
    let rest = rest.split_once('\n').map_or(rest.as_str(), |(_, whole_lines)| whole_lines);
    format!("…\n{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: Option<i32>, timed_out_secs: Option<u32>, output: &str) -> ScriptFailure {
        let script = "/opt/workshop/setup.d/1-tools.sh".to_owned();
        ScriptFailure { script, status, timed_out_secs, output: output.to_owned() }
    }

    #[test]
    fn a_failed_script_is_told_with_the_end_of_what_it_said() {
        let output = format!("{}\nhelm: command not found", "waiting\n".repeat(1000));
        let notice = failure_notice(&failure(Some(127), None, &output));
        assert_eq!(
            notice.message,
            "The lab's set-up script 1-tools.sh failed with exit status 127. What it prepares may be missing."
        );
        let told = notice.output.unwrap();
        assert!(told.starts_with("…\nwaiting\n") && told.ends_with("helm: command not found"), "{told}");
        assert!(told.len() < 2100, "{}", told.len());
    }

    #[test]
    fn a_script_that_hung_says_for_how_long_and_its_file_is_named_to_authors() {
        let hung = failure(None, Some(180), "");
        assert!(failure_notice(&hung).message.contains("was stopped after 180 seconds"));
        assert_eq!(failure_notice(&hung).output, None);
        let problem = failure_problem(&hung);
        assert_eq!(problem.file, "workshop/setup.d/1-tools.sh");
        assert_eq!(problem.message, "In a session the script was stopped after 180 seconds");
    }

    #[test]
    fn a_missing_object_is_told_in_a_sentence_and_what_the_cluster_said_to_its_author_only() {
        let missing = Missing {
            object: "Widget w".to_owned(),
            reason: "this cluster has no kind Widget in example.org/v1".to_owned(),
            detail: Some("404".to_owned()),
        };
        assert_eq!(
            missing_notice(&missing).message,
            "The lab's Widget w is missing in this session: this cluster has no kind Widget in example.org/v1."
        );
        assert_eq!(missing_problem(&missing).hint.as_deref(), Some("the cluster's answer: 404"));
    }
}
