//! What a click on a block does in this workspace. Pure.

use std::time::Duration;

use lectern_api::actions::{Action, ActionBlock, Retries};

use super::address::{is_web_address, leads_nowhere};
use super::form::Form;
use crate::terminal::typing::{INTERRUPT, command_keys, pasted};

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
    /// Paste into terminals.
    Paste {
        target: Target,
        text: String,
    },
    Clear(Target),
    /// Bring a terminal to the front.
    Select(String),
    /// Bring the terminals to the front.
    ShowTerminals,
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
    pub delay: Duration,
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

/// The shortest wait between two tries, each of which is a request, and the longest.
const DELAY_MS: (f64, f64) = (100.0, 3_600_000.0);
/// What labs call the tab of the terminals, in lower case.
const TERMINALS: &str = "terminal";

/// Returns the terminals that an author names: `*` means all of them, `01` is `1`.
fn target(session: &str) -> Target {
    match session.trim() {
        "*" => Target::All,
        name => Target::One(terminal_name(name)),
    }
}

fn terminal_name(name: &str) -> String {
    let name = name.trim();
    let without_zeros = name.trim_start_matches('0');
    let is_number = !without_zeros.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { without_zeros } else { name }.to_owned()
}

/// Returns what a click on an action does.
#[must_use]
pub fn plan(action: &Action) -> Plan {
    match action {
        Action::TerminalExecute { command, session, clear } => {
            Plan::Type { target: target(session), keys: command_keys(command), clear: *clear }
        }
        Action::TerminalExecuteAll { command, clear } => {
            Plan::Type { target: Target::All, keys: command_keys(command), clear: *clear }
        }
        Action::TerminalInput { text, session, endl } => {
            Plan::Paste { target: target(session), text: pasted(text, *endl) }
        }
        Action::TerminalInterrupt { session } => {
            Plan::Type { target: target(session), keys: INTERRUPT.to_owned(), clear: false }
        }
        Action::TerminalInterruptAll {} => {
            Plan::Type { target: Target::All, keys: INTERRUPT.to_owned(), clear: false }
        }
        Action::TerminalClear { session } => Plan::Clear(target(session)),
        Action::TerminalClearAll {} => Plan::Clear(Target::All),
        Action::TerminalSelect { session } => match target(session) {
            Target::One(name) => Plan::Select(name),
            Target::All => Plan::ShowTerminals,
        },
        Action::WorkshopCopy { text } | Action::WorkshopCopyAndEdit { text } => Plan::Copy(text.clone()),
        Action::DashboardOpenUrl { url }
        | Action::DashboardCreateDashboard { url, .. }
        | Action::DashboardReloadDashboard { url: Some(url), .. }
            if leads_nowhere(url) =>
        {
            Plan::Unsupported(NO_WEB_APPLICATIONS)
        }
        Action::DashboardOpenUrl { url } if is_web_address(url) => Plan::OpenUrl(url.clone()),
        Action::DashboardOpenDashboard { name } | Action::DashboardReloadDashboard { name, .. }
            if name.trim().eq_ignore_ascii_case(TERMINALS) =>
        {
            Plan::ShowTerminals
        }
        Action::DashboardCreateDashboard { url, .. }
        | Action::DashboardReloadDashboard { url: Some(url), .. }
            if url.trim().starts_with("terminal:") =>
        {
            Plan::Select(terminal_name(url.trim().trim_start_matches("terminal:")))
        }
        Action::ExaminerExecuteTest { url: Some(_), .. } => Plan::Unsupported(
            "This check runs on another server, which isn't supported here. Go on with the next step.",
        ),
        Action::ExaminerExecuteTest { name, args, timeout_secs, retries, delay_secs, url: None, inputs } => {
            Plan::Check(CheckPlan {
                name: name.clone(),
                args: args.clone(),
                timeout_secs: limit_of(*timeout_secs),
                retries: *retries,
                delay: wait_of(*delay_secs),
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

/// Returns the time limit of a check in seconds.
fn limit_of(secs: u32) -> u32 {
    if secs == 0 { 15 } else { secs.min(120) }
}

/// Returns the wait between two tries.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn wait_of(secs: f64) -> Duration {
    let millis = if secs > 0.0 { (secs * 1000.0).clamp(DELAY_MS.0, DELAY_MS.1) } else { 1000.0 };
    Duration::from_millis(millis as u64)
}

const NO_WEB_APPLICATIONS: &str = "This workspace cannot show web applications yet.";
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
    fn an_address_that_cannot_work_says_so_instead_of_opening() {
        for action in ["dashboard:open-url", "dashboard:create-dashboard", "dashboard:reload-dashboard"] {
            let json =
                serde_json::json!({"action": action, "name": "x", "url": "http://blog-ns.", "focus": true});
            assert_eq!(of(json), Plan::Unsupported(NO_WEB_APPLICATIONS), "{action}");
        }
    }

    #[test]
    fn a_star_means_every_terminal_and_a_number_has_no_zeros_before_it() {
        let command = |session: &str| {
            let json = serde_json::json!({"action": "terminal:execute", "command": "x", "session": session, "clear": false});
            let Plan::Type { target, .. } = of(json) else { panic!("nothing is typed") };
            target
        };
        assert_eq!(command("*"), Target::All);
        for (written, name) in
            [("01", "1"), ("1", "1"), ("002", "2"), ("0", "0"), ("0x", "0x"), ("help", "help")]
        {
            assert_eq!(command(written), Target::One(name.into()), "{written}");
        }
        for action in ["terminal:interrupt", "terminal:clear", "terminal:input", "terminal:select"] {
            let json = serde_json::json!({"action": action, "session": "*", "text": "x", "endl": false});
            let all = match of(json) {
                Plan::Type { target, .. } | Plan::Paste { target, .. } | Plan::Clear(target) => {
                    target == Target::All
                }
                plan => plan == Plan::ShowTerminals,
            };
            assert!(all, "{action}");
        }
    }

    #[test]
    fn the_dashboard_of_the_terminals_is_the_terminals() {
        for (action, name) in [
            ("dashboard:open-dashboard", "Terminal"),
            ("dashboard:open-dashboard", "terminal"),
            ("dashboard:reload-dashboard", " TERMINAL "),
        ] {
            let json = serde_json::json!({"action": action, "name": name, "focus": true});
            assert_eq!(of(json), Plan::ShowTerminals, "{action} {name}");
        }
        let json = serde_json::json!({"action": "dashboard:open-dashboard", "name": "Console"});
        assert!(matches!(of(json), Plan::Unsupported(_)));
        let json = serde_json::json!({"action": "dashboard:create-dashboard", "name": "x", "url": "terminal:04", "focus": true});
        assert_eq!(of(json), Plan::Select("4".into()));
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
            let action: Action = serde_json::from_value(json.clone()).unwrap();
            let is_unsupported = matches!(plan(&action), Plan::Unsupported(_));
            assert_eq!(is_unsupported, lectern_api::actions::is_unavailable(&action), "{}", kind.name);
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
    fn a_time_of_zero_means_the_usual_one_and_half_a_second_is_half_a_second() {
        let times = |timeout: u32, delay: f64| {
            let json = serde_json::json!({"action": "examiner:execute-test", "name": "x", "args": [],
                "timeout": timeout, "retries": {"times": 0}, "delay": delay, "url": null, "inputs": null});
            let Plan::Check(check) = of(json) else { panic!("no check") };
            (check.timeout_secs, check.delay.as_millis())
        };
        assert_eq!(times(0, 0.0), (15, 1_000));
        assert_eq!(times(3, 0.5), (3, 500));
        assert_eq!(times(999, 0.001), (120, 100));
    }

    #[test]
    fn a_check_is_tried_once_more_than_it_has_retries() {
        let check = |retries| CheckPlan {
            name: "x".into(),
            args: vec![],
            timeout_secs: 15,
            retries,
            delay: Duration::from_secs(1),
            form: None,
        };
        assert!(!check(Retries::Times(0)).tries_again(1));
        assert!(check(Retries::Times(2)).tries_again(2));
        assert!(!check(Retries::Times(2)).tries_again(3));
        assert!(check(Retries::Forever).tries_again(10_000));
    }
}
