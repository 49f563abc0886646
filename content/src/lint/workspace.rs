//! Actions that a session cannot carry out: nothing does them, or their terminal is not there.

use std::collections::{BTreeMap, BTreeSet};

use lectern_api::actions::{Action, EDITOR_COMMANDS, is_unavailable};

use super::UNKNOWN_VALUE;
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::rules::Rule;

/// The first place of something, and how often it occurs.
pub(super) struct Places {
    file: String,
    line: u32,
    count: usize,
}

impl Places {
    /// Counts a place under a name.
    pub(super) fn add(known: &mut BTreeMap<String, Self>, name: &str, file: &str, line: u32) {
        known.entry(name.to_owned()).and_modify(|places| places.count += 1).or_insert_with(|| Self {
            file: file.to_owned(),
            line,
            count: 1,
        });
    }

    /// Returns a finding at the first place, which says how many there are.
    pub(super) fn finding(&self, rule: Rule, message: &str) -> Diagnostic {
        let message = match self.count {
            1 => message.to_owned(),
            count => format!("{message} ({count} blocks)"),
        };
        Diagnostic::new(rule, &self.file, message).at(self.line, 1)
    }
}

/// What a lab's actions ask of the workspace.
pub(super) struct Workspace {
    terminals: BTreeSet<String>,
    layout: &'static [&'static str],
    idle: BTreeMap<String, Places>,
    lost: BTreeMap<String, Places>,
}

impl Workspace {
    /// `actions` are those of all pages: some make terminals.
    pub(super) fn new<'a>(lab: &Lab, actions: impl Iterator<Item = &'a Action>) -> Self {
        let session = &lab.spec.session;
        let layout = session.applications.terminal.sessions();
        let mut terminals: BTreeSet<String> = layout.iter().map(|name| (*name).to_owned()).collect();
        let of_url = |url: &str| url.strip_prefix("terminal:").map(|name| name.trim().to_owned());
        terminals.extend(session.dashboards.iter().filter_map(|dashboard| of_url(&dashboard.url)));
        terminals.extend(actions.filter_map(|action| match action {
            Action::DashboardCreateDashboard { url, .. } => of_url(url),
            Action::DashboardReloadDashboard { url: Some(url), .. } => of_url(url),
            _ => None,
        }));
        Self { terminals, layout, idle: BTreeMap::new(), lost: BTreeMap::new() }
    }

    /// Notes an action of a page.
    pub(super) fn note(&mut self, action: &Action, file: &str, line: u32) {
        if is_unavailable(action) {
            // one finding for each tool, not for each of its many actions
            let name = action.name();
            let family = name.split_once(':').map_or(name, |(family, _)| family);
            Places::add(&mut self.idle, family, file, line);
        }
        if let Action::EditorExecuteCommand { command, .. } = action
            && !EDITOR_COMMANDS.contains(&command.trim())
            && !command.contains(UNKNOWN_VALUE)
        {
            Places::add(&mut self.idle, &format!("{} {command}", action.name()), file, line);
        }
        let session = match action {
            Action::TerminalExecute { session, .. }
            | Action::TerminalInput { session, .. }
            | Action::TerminalInterrupt { session }
            | Action::TerminalClear { session }
            | Action::TerminalSelect { session } => session.trim(),
            Action::TerminalExecuteAll { .. }
            | Action::TerminalInterruptAll {}
            | Action::TerminalClearAll {}
                if self.layout.is_empty() =>
            {
                "1"
            }
            _ => return,
        };
        // `01` is the first terminal too
        let number = session.trim_start_matches('0');
        let is_known = session == "*"
            || session.contains(UNKNOWN_VALUE)
            || self.terminals.contains(session)
            || self.terminals.contains(number);
        if !is_known {
            Places::add(&mut self.lost, session, file, line);
        }
    }

    /// Returns the findings about all that was noted.
    pub(super) fn findings(&self) -> Vec<Diagnostic> {
        let idle = self.idle.iter().map(|(name, places)| {
            places
                .finding(Rule::IdleAction, &format!("Nothing in a session does this `{name}` action"))
                .hint("learners see a message; give them a command for the terminal as well")
        });
        let lost = self.lost.iter().map(|(name, places)| {
            let there = match self.layout {
                [] => "the lab has none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            places.finding(Rule::MissingTerminal, &format!("The layout has no terminal `{name}`; {there}")).hint(
                "the block opens one in a tab of its own; or choose another layout in session.applications.terminal (split has two terminals, split/2 three), or another terminal",
            )
        });
        idle.chain(lost).collect()
    }
}
