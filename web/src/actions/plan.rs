//! What a click on a block comes to in this version of the workspace. Pure.

use lectern_api::actions::{Action, ActionBlock, Retries};
use serde_json::Value;

use crate::terminal::typing::{INTERRUPT, command_keys, input_keys};

/// Which terminals are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one of this name.
    One(String),
    /// All of the session.
    All,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Type into terminals, which may be cleared first.
    Type {
        /// Where.
        target: Target,
        /// What.
        keys: String,
        /// Whether to clear first.
        clear: bool,
    },
    /// Clear terminals.
    Clear(Target),
    /// Bring a terminal to the front.
    Select(String),
    /// Put a text on the clipboard.
    Copy(String),
    /// Open an address in a new tab.
    OpenUrl(String),
    /// Run a check.
    Check(CheckPlan),
    /// Nothing but being ticked off.
    Tick,
    /// Nothing of its own: the section's heading opens and closes it.
    Section,
    /// This version has nothing to do it with.
    Unsupported(&'static str),
}

/// A check and how patiently to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckPlan {
    /// Which check.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// How long one try may take.
    pub timeout_secs: u32,
    /// How often to try again.
    pub retries: Retries,
    /// The wait between two tries.
    pub delay_secs: u32,
}

impl CheckPlan {
    /// Whether there is another try after `tries` that failed.
    #[must_use]
    pub const fn tries_again(&self, tries: u32) -> bool {
        match self.retries {
            Retries::Forever => true,
            Retries::Times(times) => tries <= times,
        }
    }
}

/// Says what a click on an action does.
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
        Action::WorkshopCopy { text } | Action::WorkshopCopyAndEdit { text } => {
            Plan::Copy(text.clone())
        }
        Action::DashboardOpenUrl { url } if is_web_address(url) => Plan::OpenUrl(url.clone()),
        Action::ExaminerExecuteTest { url: None, inputs, .. } if has_form(inputs.as_ref()) => {
            Plan::Unsupported(action.name())
        }
        Action::ExaminerExecuteTest { name, args, timeout_secs, retries, delay_secs, url: None, .. } => {
            Plan::Check(CheckPlan {
                name: name.clone(),
                args: args.clone(),
                timeout_secs: (*timeout_secs).clamp(1, 120),
                retries: *retries,
                delay_secs: (*delay_secs).max(1),
            })
        }
        Action::SectionHeading {} => Plan::Tick,
        Action::SectionBegin { .. } | Action::SectionEnd { .. } => Plan::Section,
        other => Plan::Unsupported(other.name()),
    }
}

/// The text that Shift and a click put on the clipboard.
#[must_use]
pub fn copy_text(block: &ActionBlock) -> String {
    match block.action() {
        Some(Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. }) => {
            command.trim_end().to_owned()
        }
        Some(
            Action::TerminalInput { text, .. }
            | Action::WorkshopCopy { text }
            | Action::WorkshopCopyAndEdit { text },
        ) => text.clone(),
        Some(Action::DashboardOpenUrl { url }) => url.clone(),
        _ if block.body.is_empty() => block.label.clone(),
        _ => block.body.clone(),
    }
}

/// Whether a check asks the learner something before it runs.
fn has_form(inputs: Option<&Value>) -> bool {
    inputs.is_some_and(|inputs| !inputs.is_null())
}

/// Only addresses of the web and of this site are opened, never `javascript:` and the like.
fn is_web_address(url: &str) -> bool {
    let lower = url.trim_start().to_ascii_lowercase();
    lower.starts_with("https://")
        || lower.starts_with("http://")
        || (lower.starts_with('/') && !lower.starts_with("//"))
}

#[cfg(test)]
mod tests {
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
            assert_eq!(of(json), Plan::Unsupported("dashboard:open-url"), "{url}");
        }
    }

    #[test]
    fn an_action_that_is_not_built_yet_names_itself() {
        let json = serde_json::json!({"action": "editor:close-file", "file": "x"});
        assert_eq!(of(json), Plan::Unsupported("editor:close-file"));
    }

    #[test]
    fn a_check_is_tried_once_more_than_it_has_retries() {
        let check = |retries| CheckPlan {
            name: "x".into(),
            args: vec![],
            timeout_secs: 15,
            retries,
            delay_secs: 1,
        };
        assert!(!check(Retries::Times(0)).tries_again(1));
        assert!(check(Retries::Times(2)).tries_again(2));
        assert!(!check(Retries::Times(2)).tries_again(3));
        assert!(check(Retries::Forever).tries_again(10_000));
    }
}
