//! What a click on a block does in this workspace. Pure.

use std::time::Duration;

use lectern_api::actions::{Action, ActionBlock, Retries};
use lectern_api::sessions::Tool;

use super::address::{is_web_address, leads_nowhere};
use super::form::Form;
use crate::tabs::list::Content;
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
    /// Open an address in a new tab of the browser.
    OpenUrl(String),
    /// Change the tabs beside the page.
    Tab(TabChange),
    /// Let a tool carry it out.
    Tool(Tool),
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

/// What to do with a tab beside the page. Names are those that labs use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TabChange {
    Show(String),
    /// Add it, or give it another content.
    Put {
        name: String,
        content: Content,
        /// Whether to bring it to the front.
        focus: bool,
    },
    Reload {
        name: String,
        focus: bool,
    },
    Remove(String),
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
        Action::DashboardOpenUrl { url } if leads_nowhere(url) => Plan::Unsupported(NO_WEB_APPLICATIONS),
        Action::DashboardOpenUrl { url } if is_web_address(url) => Plan::OpenUrl(url.clone()),
        Action::DashboardOpenUrl { .. } => Plan::Unsupported(NO_ADDRESS),
        Action::DashboardOpenDashboard { name } => show(name),
        Action::DashboardDeleteDashboard { name } => Plan::Tab(TabChange::Remove(name.clone())),
        Action::DashboardCreateDashboard { name, url, focus }
        | Action::DashboardReloadDashboard { name, url: Some(url), focus } => put(name, url, *focus),
        Action::DashboardReloadDashboard { name, url: None, .. } if is_terminals(name) => Plan::ShowTerminals,
        Action::DashboardReloadDashboard { name, url: None, focus } => {
            Plan::Tab(TabChange::Reload { name: name.clone(), focus: *focus })
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
        Action::EditorOpenTerminal { session } => Plan::Select(editor_terminal(session)),
        Action::EditorCloseTerminal { session } => {
            Plan::Tab(TabChange::Remove(format!("Terminal {}", editor_terminal(session))))
        }
        Action::EditorInterruptTerminal { session } => Plan::Type {
            target: Target::One(editor_terminal(session)),
            keys: INTERRUPT.to_owned(),
            clear: false,
        },
        Action::EditorClearTerminal { session } => Plan::Clear(Target::One(editor_terminal(session))),
        Action::EditorSendToTerminal { session, text, endl } => {
            Plan::Paste { target: Target::One(editor_terminal(session)), text: pasted(text, *endl) }
        }
        other => Plan::Tool(if other.name().starts_with("files:") { Tool::Files } else { Tool::Editor }),
    }
}

/// The terminals of the editor are other ones than those beside the page.
fn editor_terminal(session: &str) -> String {
    format!("editor-{}", terminal_name(session))
}

fn show(name: &str) -> Plan {
    if is_terminals(name) { Plan::ShowTerminals } else { Plan::Tab(TabChange::Show(name.to_owned())) }
}

fn put(name: &str, url: &str, focus: bool) -> Plan {
    if leads_nowhere(url) {
        return Plan::Unsupported(NO_WEB_APPLICATIONS);
    }
    match Content::of_url(url) {
        Some(Content::Terminals(names)) => {
            let names = names.iter().map(|name| terminal_name(name)).collect();
            Plan::Tab(TabChange::Put { name: name.to_owned(), content: Content::Terminals(names), focus })
        }
        Some(content) => Plan::Tab(TabChange::Put { name: name.to_owned(), content, focus }),
        None => Plan::Unsupported(NO_ADDRESS),
    }
}

/// Whether a lab means the tab of the terminals.
fn is_terminals(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case("terminal")
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

const NO_WEB_APPLICATIONS: &str = "This workspace can't show web applications.";
const NO_ADDRESS: &str = "This isn't a web address, so it can't be opened.";

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
#[path = "plan/tests.rs"]
mod tests;
