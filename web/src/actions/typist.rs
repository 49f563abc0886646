//! Sends what a block types to the terminals, as soon as they are connected.

use std::rc::Rc;
use std::time::Duration;

use lectern_api::ids::TerminalName;
use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::plan::Target;
use super::runner::ActionState;
use super::turns::Turns;
use crate::browser::sleep;
use crate::tabs::Tabs;
use crate::terminal::connection::Connection;

/// How often to look whether a terminal is connected.
const POLL: Duration = Duration::from_millis(100);
/// For how many looks to wait for the first prompt of a terminal that is connected. There are shells that print none.
const PROMPT_POLLS: u32 = 20;
/// For how many turns of the browser to wait until a new tab has been drawn; the second is enough.
const DRAW_POLLS: u32 = 20;
const WAITING: &str = "Waiting for the terminal…";
const WAITING_FOR_SESSION: &str = "Waiting for your environment…";
const NOT_RUNNING: &str = "Your session isn't running, so nothing was done.";

/// What to send to a terminal.
pub enum Input {
    Command {
        keys: String,
        /// Whether to clear the terminal first.
        clear: bool,
    },
    Pasted(String),
}

/// Types for the blocks of one session. Copies share their state.
#[derive(Clone, Copy)]
pub struct Typist {
    session: RwSignal<Session>,
    tabs: Tabs,
    turns: StoredValue<Turns>,
}

impl Typist {
    #[must_use]
    pub fn new(session: RwSignal<Session>, tabs: Tabs) -> Self {
        Self { session, tabs, turns: StoredValue::new(Turns::default()) }
    }

    /// Sends input, after whatever waits for the same terminals. `focus` says whether to move the focus there; if that
    /// took a wait, the learner may be elsewhere by then.
    pub async fn send(
        &self,
        target: &Target,
        input: Input,
        focus: bool,
        state: RwSignal<ActionState>,
    ) -> Result<(), String> {
        self.open(target).await?;
        let place = self.turns.try_update_value(|turns| turns.join(target)).unwrap_or_default();
        let ready = self.wait_for(target, place, state).await;
        // nothing else runs between here and the last key
        self.turns.try_update_value(|turns| turns.leave(place));
        let (terminals, waited) = ready?;
        self.bring_to_front(target);
        for terminal in &terminals {
            let is_sent = match &input {
                Input::Command { keys, clear } => {
                    if *clear {
                        terminal.clear();
                    }
                    terminal.type_command(keys)
                }
                Input::Pasted(text) => terminal.paste(text),
            };
            if !is_sent {
                return Err(format!(
                    "Terminal {} isn't connected right now. Click again when it is.",
                    terminal.name()
                ));
            }
        }
        if focus && !waited {
            self.focus_front();
        }
        Ok(())
    }

    pub async fn clear(&self, target: &Target) -> Result<(), String> {
        self.open(target).await?;
        self.targets(target)?.iter().for_each(|terminal| terminal.clear());
        Ok(())
    }

    /// Brings a terminal to the front and moves the focus there. One that has no tab yet gets one.
    pub async fn select(&self, target: &Target) -> Result<(), String> {
        self.open(target).await?;
        self.targets(target)?;
        match target {
            Target::One(name) => self.tabs.show_terminal(name),
            // whichever was in front last
            Target::All => self.tabs.show_terminal(&self.tabs.terminals.front.get_untracked()),
        }
        self.focus_front();
        Ok(())
    }

    /// Waits until the session runs.
    pub async fn wait_for_session(&self, state: RwSignal<ActionState>) -> Result<(), String> {
        loop {
            if self.is_running()? {
                return Ok(());
            }
            say(state, WAITING_FOR_SESSION);
            sleep(POLL).await;
        }
    }

    /// Waits until it is this place's turn and the terminals are connected. Returns them, and whether that took a wait.
    async fn wait_for(
        &self,
        target: &Target,
        place: u32,
        state: RwSignal<ActionState>,
    ) -> Result<(Vec<Rc<Connection>>, bool), String> {
        let (mut waited, mut prompt_polls) = (false, 0);
        loop {
            let is_running = self.is_running()?;
            let terminals = self.targets(target)?;
            if let Some(why) = terminals.iter().find_map(|terminal| terminal.why_closed()) {
                return Err(why.to_owned());
            }
            if is_running && terminals.iter().all(|terminal| terminal.is_connected()) {
                let has_output = terminals.iter().all(|terminal| terminal.has_output());
                let is_next = self.turns.try_with_value(|turns| turns.is_first(place)).unwrap_or_default();
                if is_next && (has_output || prompt_polls >= PROMPT_POLLS) {
                    return Ok((terminals, waited));
                }
                prompt_polls += 1;
            }
            waited = true;
            say(state, WAITING);
            sleep(POLL).await;
        }
    }

    /// Returns the session's namespace.
    pub fn namespace(&self) -> String {
        self.session.with_untracked(|session| session.namespace.clone())
    }

    /// Whether the session runs. Fails if it no longer will.
    fn is_running(&self) -> Result<bool, String> {
        let is_running = self.session.try_with_untracked(|session| match session.state {
            SessionState::Starting { .. } => Some(false),
            SessionState::Running { .. } => Some(true),
            SessionState::Ending | SessionState::Ended { .. } | SessionState::Failed { .. } => None,
        });
        is_running.flatten().ok_or_else(|| NOT_RUNNING.to_owned())
    }

    /// Gives a terminal that has no tab yet one of its own.
    async fn open(&self, target: &Target) -> Result<(), String> {
        let Target::One(name) = target else { return Ok(()) };
        let is_there = || self.tabs.terminals.find(name).is_some();
        if is_there() {
            return Ok(());
        }
        if name.parse::<TerminalName>().is_err() {
            return Err(format!("No terminal can be named {name}. Type the command into another one."));
        }
        self.tabs.show_terminal(name);
        for _ in 0..DRAW_POLLS {
            if is_there() {
                break;
            }
            sleep(Duration::ZERO).await;
        }
        Ok(())
    }

    fn targets(&self, target: &Target) -> Result<Vec<Rc<Connection>>, String> {
        let terminals = self.tabs.terminals;
        let found = match target {
            Target::All => terminals.all(),
            Target::One(name) => terminals.find(name).into_iter().collect(),
        };
        if !found.is_empty() {
            return Ok(found);
        }
        Err(match target {
            Target::All => "This lab has no terminal.".to_owned(),
            Target::One(name) => format!("Terminal {name} was closed. Click again to open it."),
        })
    }

    /// Shows the terminal that was typed into; of all of them, the first.
    fn bring_to_front(&self, target: &Target) {
        let name = match target {
            Target::One(name) => Some(name.clone()),
            Target::All => self.tabs.terminals.all().first().map(|terminal| terminal.name().to_owned()),
        };
        if let Some(name) = name {
            self.tabs.show_terminal(&name);
        }
    }

    fn focus_front(&self) {
        let terminals = self.tabs.terminals;
        spawn_local(async move {
            // a terminal that is still behind cannot have the focus: it is shown first
            sleep(Duration::ZERO).await;
            let front = terminals.front.try_get_untracked().unwrap_or_default();
            if let Some(terminal) = terminals.find(&front) {
                terminal.focus();
            }
        });
    }
}

fn say(state: RwSignal<ActionState>, message: &str) {
    let is_new = |state: &ActionState| !matches!(state, ActionState::Running(Some(said)) if said == message);
    if state.try_with_untracked(is_new) == Some(true) {
        state.try_set(ActionState::Running(Some(message.to_owned())));
    }
}
