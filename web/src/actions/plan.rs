//! What a click on a block comes to in this version of the workspace. Pure.

use super::form::Form;
use crate::terminal::typing::{INTERRUPT, command_keys, input_keys};
use lectern_api::actions::{Action, ActionBlock, Retries};

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
    /// Open the section, or close it.
    BeginSection,
    /// Close the section, unless it is to stay.
    EndSection {
        /// Whether to close it.
        closes: bool,
    },
    /// The workspace has nothing to do it with; why, in a sentence for the learner.
    Unsupported(&'static str),
}

impl Plan {
    /// Whether it only shows or hides a part of the page.
    #[must_use]
    pub const fn is_section(&self) -> bool {
        matches!(self, Self::BeginSection | Self::EndSection { .. })
    }
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
    /// What the learner is asked first.
    pub form: Option<Form>,
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
        Action::WorkshopCopy { text } | Action::WorkshopCopyAndEdit { text } => Plan::Copy(text.clone()),
        Action::DashboardOpenUrl { url } if is_web_address(url) => Plan::OpenUrl(url.clone()),
        Action::ExaminerExecuteTest { url: Some(_), .. } => Plan::Unsupported(
            "Checks behind an address are not offered here; only those of the lab's own files are.",
        ),
        Action::ExaminerExecuteTest { name, args, timeout_secs, retries, delay_secs, url: None, inputs } => {
            Plan::Check(CheckPlan {
                name: name.clone(),
                args: args.clone(),
                timeout_secs: if *timeout_secs == 0 { 15 } else { (*timeout_secs).min(120) },
                retries: *retries,
                delay_secs: (*delay_secs).max(1),
                form: inputs.as_ref().and_then(Form::read),
            })
        }
        Action::SectionHeading {} => Plan::Tick,
        Action::SectionBegin { .. } => Plan::BeginSection,
        Action::SectionEnd { toggle, .. } => Plan::EndSection { closes: *toggle },
        other => Plan::Unsupported(not_offered(other.name())),
    }
}

/// Why an action cannot be run, and what to do instead.
fn not_offered(name: &str) -> &'static str {
    match name.split_once(':').map_or(name, |(family, _)| family) {
        "editor" => "This workspace has no editor. Make the change with a command in a terminal.",
        "files" => "This workspace does not transfer files. Show the file with a command in a terminal.",
        "dashboard" if name == "dashboard:open-url" => "This is no web address, so it is not opened.",
        "dashboard" => "This workspace has no dashboards beside its terminals.",
        _ => "This workspace does not offer this action.",
    }
}

/// The text that Shift and a click put on the clipboard; nothing where a block holds none.
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

/// Only addresses of the web and of this site are opened, never `javascript:` and the like.
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
            assert!(matches!(of(json), Plan::Unsupported(why) if why.contains("no web address")), "{url}");
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
                    Kind::Number => 1.into(),
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
                    assert!(why.starts_with("This ") && why.ends_with('.'), "{why}");
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
        assert_eq!((limit(0), limit(7), limit(999)), ((15, 1), (7, 1), (120, 1)));
    }

    #[test]
    fn a_check_is_tried_once_more_than_it_has_retries() {
        let check = |retries| CheckPlan {
            name: "x".into(),
            args: vec![],
            timeout_secs: 15,
            retries,
            delay_secs: 1,
            form: None,
        };
        assert!(!check(Retries::Times(0)).tries_again(1));
        assert!(check(Retries::Times(2)).tries_again(2));
        assert!(!check(Retries::Times(2)).tries_again(3));
        assert!(check(Retries::Forever).tries_again(10_000));
    }
}
