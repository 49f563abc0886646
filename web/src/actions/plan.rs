//! What a click on a block does in this workspace. Pure.

use lectern_api::actions::{Action, ActionBlock, Retries};

use super::form::Form;
use crate::terminal::typing::{INTERRUPT, command_keys, input_keys};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The terminal of this name.
    One(String),
    All,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Type into terminals, and clear them first if `clear` is set.
    Type {
        target: Target,
        keys: String,
        clear: bool,
    },
    Clear(Target),
    /// Bring a terminal to the front.
    Select(String),
    /// Copy a text to the clipboard.
    Copy(String),
    /// Open an address in a new tab.
    OpenUrl(String),
    Check(CheckPlan),
    /// Nothing, except to show the block as done.
    Tick,
    /// Open the section, or close it.
    BeginSection,
    /// Close the section if `closes` is set.
    EndSection {
        closes: bool,
    },
    /// The workspace cannot do it; a sentence for the learner.
    Unsupported(&'static str),
}

impl Plan {
    /// Whether it only shows or hides part of the page.
    #[must_use]
    pub const fn is_section(&self) -> bool {
        matches!(self, Self::BeginSection | Self::EndSection { .. })
    }
}

/// A check, and how often to try it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckPlan {
    pub name: String,
    pub args: Vec<String>,
    /// The time limit of one try.
    pub timeout_secs: u32,
    pub retries: Retries,
    /// The wait between two tries.
    pub delay_secs: f64,
    /// What the learner fills in first.
    pub form: Option<Form>,
}

impl CheckPlan {
    /// Whether to try again after `tries` failed tries.
    #[must_use]
    pub const fn tries_again(&self, tries: u32) -> bool {
        match self.retries {
            Retries::Forever => true,
            Retries::Times(times) => tries <= times,
        }
    }
}

/// Returns what a click on an action does.
#[must_use]
pub fn plan(action: &Action) -> Plan {
    let one = |session: &String| Target::One(session.clone());
    match action {
        Action::TerminalExecute { command, session, clear } => {
            Plan::Type { target: one(session), keys: command_keys(command), clear: *clear }
        }
        Action::TerminalExecuteAll { command, clear } => {
            Plan::Type { target: Target::All, keys: command_keys(command), clear: *clear }
        }
        Action::TerminalInput { text, session, endl } => {
            Plan::Type { target: one(session), keys: input_keys(text, *endl), clear: false }
        }
        Action::TerminalInterrupt { session } => {
            Plan::Type { target: one(session), keys: INTERRUPT.to_owned(), clear: false }
        }
        Action::TerminalInterruptAll {} => {
            Plan::Type { target: Target::All, keys: INTERRUPT.to_owned(), clear: false }
        }
        Action::TerminalClear { session } => Plan::Clear(one(session)),
        Action::TerminalClearAll {} => Plan::Clear(Target::All),
        Action::TerminalSelect { session } => Plan::Select(session.clone()),
        Action::WorkshopCopy { text } | Action::WorkshopCopyAndEdit { text } => Plan::Copy(text.clone()),
        Action::DashboardOpenUrl { url } if is_web_address(url) => Plan::OpenUrl(url.clone()),
        Action::ExaminerExecuteTest { url: Some(_), .. } => Plan::Unsupported(
            "This check runs on another server, which isn't supported here. Go on with the next step.",
        ),
        Action::ExaminerExecuteTest { name, args, timeout_secs, retries, delay_secs, url: None, inputs } => {
            Plan::Check(CheckPlan {
                name: name.clone(),
                args: args.clone(),
                timeout_secs: if *timeout_secs == 0 { 15 } else { (*timeout_secs).min(120) },
                retries: *retries,
                delay_secs: (*delay_secs).clamp(0.25, 3600.0),
                form: inputs.as_ref().and_then(Form::read),
            })
        }
        Action::SectionHeading {} => Plan::Tick,
        Action::SectionBegin { .. } => Plan::BeginSection,
        Action::SectionEnd { toggle, .. } => Plan::EndSection { closes: *toggle },
        Action::DashboardOpenUrl { .. } => {
            Plan::Unsupported("This isn't a web address, so it can't be opened.")
        }
        Action::DashboardOpenDashboard { .. }
        | Action::DashboardCreateDashboard { .. }
        | Action::DashboardDeleteDashboard { .. }
        | Action::DashboardReloadDashboard { .. } => {
            Plan::Unsupported("Dashboards aren't available here. Go on with the next step.")
        }
        Action::FilesDownloadFile { .. }
        | Action::FilesCopyFile { .. }
        | Action::FilesUploadFile { .. }
        | Action::FilesUploadFiles { .. } => {
            Plan::Unsupported("Files can't be transferred here. Show the file in the terminal instead.")
        }
        Action::EditorOpenFile { .. }
        | Action::EditorSelectMatchingText { .. }
        | Action::EditorReplaceMatchingText { .. }
        | Action::EditorSelectLinesInRange { .. }
        | Action::EditorDeleteLinesInRange { .. }
        | Action::EditorReplaceLinesInRange { .. }
        | Action::EditorReplaceTextSelection { .. }
        | Action::EditorDeleteTextSelection { .. }
        | Action::EditorInsertLinesBeforeSelection { .. }
        | Action::EditorAppendLinesAfterSelection { .. }
        | Action::EditorAppendLinesToFile { .. }
        | Action::EditorPrependLinesToFile { .. }
        | Action::EditorCreateFile { .. }
        | Action::EditorInsertLinesBeforeLine { .. }
        | Action::EditorAppendLinesAfterLine { .. }
        | Action::EditorAppendLinesAfterMatch { .. }
        | Action::EditorInsertLinesBeforeMatch { .. }
        | Action::EditorDeleteMatchingLines { .. }
        | Action::EditorCopyFile { .. }
        | Action::EditorRenameFile { .. }
        | Action::EditorCloseFile { .. }
        | Action::EditorDeleteFile { .. }
        | Action::EditorCreateDirectory { .. }
        | Action::EditorSetYamlValue { .. }
        | Action::EditorAddYamlItem { .. }
        | Action::EditorInsertYamlItem { .. }
        | Action::EditorReplaceYamlItem { .. }
        | Action::EditorMergeYamlValues { .. }
        | Action::EditorInsertValueIntoYaml { .. }
        | Action::EditorDeleteYamlValue { .. }
        | Action::EditorSelectYamlPath { .. }
        | Action::EditorExecuteCommand { .. }
        | Action::EditorOpenTerminal { .. }
        | Action::EditorCloseTerminal { .. }
        | Action::EditorInterruptTerminal { .. }
        | Action::EditorClearTerminal { .. }
        | Action::EditorSendToTerminal { .. } => Plan::Unsupported(NO_EDITOR),
    }
}

const NO_EDITOR: &str = "The editor isn't available here. Use vim or nano in the terminal.";

/// Returns the text that a block offers to copy; `None` if it has none.
#[must_use]
pub fn copy_text(block: &ActionBlock) -> Option<String> {
    let text = match block.action() {
        Some(Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. }) => {
            command.trim_end().to_owned()
        }
        Some(
            Action::TerminalInput { text, .. }
            | Action::WorkshopCopy { text }
            | Action::WorkshopCopyAndEdit { text },
        ) => text.clone(),
        Some(Action::DashboardOpenUrl { url }) => url.clone(),
        _ => block.body.clone(),
    };
    (!text.is_empty()).then_some(text)
}

/// Whether an address is one of the web or of this site, and not, for example, `javascript:`.
fn is_web_address(url: &str) -> bool {
    let lower = url.trim_start().to_ascii_lowercase();
    lower.starts_with("https://")
        || lower.starts_with("http://")
        || (lower.starts_with('/') && !lower.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn of(json: Value) -> Plan {
        plan(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_command_is_typed_into_the_terminal_that_it_names() {
        let json = serde_json::json!(
            {"action": "terminal:execute", "command": "a\nb", "session": "2", "clear": true});
        let keys = "a\rb\r".to_owned();
        assert_eq!(of(json), Plan::Type { target: Target::One("2".into()), keys, clear: true });
    }

    #[test]
    fn an_address_that_would_run_a_script_is_not_opened() {
        for url in ["javascript:alert(1)", "data:text/html,x", "//evil.example", " JavaScript:x"] {
            let json = serde_json::json!({"action": "dashboard:open-url", "url": url});
            assert!(matches!(of(json), Plan::Unsupported(why) if why.contains("web address")), "{url}");
        }
    }

    #[test]
    fn every_action_of_the_dialect_either_runs_or_says_what_is_missing() {
        for kind in lectern_api::actions::KINDS {
            let mut json = serde_json::json!({"action": kind.name});
            for argument in kind.arguments {
                use lectern_api::actions::ArgumentKind as Kind;
                json[argument.name] = match argument.kind {
                    Kind::Text => "https://example.com".into(),
                    Kind::Number | Kind::Amount => 1.into(),
                    Kind::Flag => true.into(),
                    Kind::Retries => serde_json::json!({"times": 0}),
                    Kind::Texts | Kind::Values => serde_json::json!([]),
                    Kind::Value => Value::Null,
                };
            }
            if kind.name == "examiner:execute-test" {
                json["url"] = Value::Null;
            }
            let family = kind.name.split(':').next().unwrap();
            match of(json) {
                Plan::Unsupported(why) => {
                    assert!(["editor", "files", "dashboard"].contains(&family), "{}", kind.name);
                    assert!(why.ends_with('.'), "{why}");
                }
                _ => assert!(!["editor", "files"].contains(&family), "{}", kind.name),
            }
        }
    }

    #[test]
    fn a_time_limit_of_zero_means_the_usual_one() {
        let limit = |secs: u32| {
            let json = serde_json::json!({"action": "examiner:execute-test", "name": "x", "args": [],
                "timeout": secs, "retries": {"times": 0}, "delay": 0, "url": null, "inputs": null});
            let Plan::Check(check) = of(json) else { panic!("no check") };
            (check.timeout_secs, check.delay_secs)
        };
        assert_eq!((limit(0), limit(7), limit(999)), ((15, 0.25), (7, 0.25), (120, 0.25)));
    }

    #[test]
    fn a_check_is_tried_once_more_than_it_has_retries() {
        let check = |retries| CheckPlan {
            name: "x".into(),
            args: vec![],
            timeout_secs: 15,
            retries,
            delay_secs: 1.0,
            form: None,
        };
        assert!(!check(Retries::Times(0)).tries_again(1));
        assert!(check(Retries::Times(2)).tries_again(2));
        assert!(!check(Retries::Times(2)).tries_again(3));
        assert!(check(Retries::Forever).tries_again(10_000));
    }
}
