//! Runs what [`super::plan`] says, with the workspace's terminals and the server's checks.

use std::time::Duration;

use lectern_api::actions::ActionBlock;
use lectern_api::ids::SessionId;
use lectern_api::progress::Happening;
use lectern_api::sessions::{CheckOutcome, RunCheck};
use leptos::prelude::*;
use serde_json::Value;

use super::plan::{CheckPlan, Plan, Target, plan};
use crate::api::{ApiError, Client};
use crate::browser::{copy, open_in_new_tab, sleep};
use crate::progress::Progress;
use crate::terminal::Terminals;

/// How a block looks now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionState {
    /// Nothing happened yet.
    Idle,
    /// It is being done; a word on how far it is.
    Running(Option<String>),
    /// It was done; what it has to say.
    Done(Option<String>),
    /// It could not be done, or a check did not pass; why, and what was printed.
    Failed {
        /// One sentence.
        message: String,
        /// What a check printed.
        output: Option<String>,
    },
}

/// What actions work on; copies share their state.
#[derive(Clone, Copy)]
pub struct Runner {
    /// The server.
    pub client: Client,
    /// Which session.
    pub session: SessionId,
    /// Whether it runs.
    pub running: Signal<bool>,
    /// Its terminals.
    pub terminals: Terminals,
    /// Where what happens is noted.
    pub progress: Progress,
    /// The page on screen; a check that was begun on another one is not tried again.
    pub page: RwSignal<String>,
    /// Called when terminals are to be seen, on screens that show either page or terminals.
    pub reveal_terminals: Callback<()>,
}

impl Runner {
    /// Runs a block of `page`; `state` shows how it goes. Says whether it was done, and a check passed.
    pub async fn run(
        self,
        page: &str,
        block: &ActionBlock,
        inputs: Option<Value>,
        state: RwSignal<ActionState>,
    ) -> bool {
        let Some(action) = block.action() else { return false };
        state.set(ActionState::Running(None));
        let outcome = match plan(action) {
            Plan::Type { target, keys, clear } => self.type_keys(&target, &keys, clear),
            Plan::Clear(target) => {
                self.targets(&target).map(|all| all.iter().for_each(|terminal| terminal.clear()))
            }
            Plan::Select(name) => self.select(&name),
            Plan::Copy(text) => copy_or_explain(&text).await,
            Plan::OpenUrl(address) => Ok(open_in_new_tab(&address)).map(|_| ()),
            Plan::Check(check) => {
                let passed = self.check(page, &check, inputs, state).await;
                if passed.is_some() {
                    self.record(page, block.id);
                }
                return passed == Some(true);
            }
            Plan::Tick => Ok(()),
            Plan::BeginSection | Plan::EndSection { .. } => Ok(()),
            Plan::Unsupported(why) => Err(why.to_owned()),
        };
        match outcome {
            Ok(()) => {
                state.try_set(ActionState::Done(None));
                self.record(page, block.id);
                true
            }
            Err(message) => {
                state.try_set(ActionState::Failed { message, output: None });
                false
            }
        }
    }

    fn record(&self, page: &str, action: u32) {
        self.progress.record(page, Happening::ActionRun { action });
    }

    fn targets(
        &self,
        target: &Target,
    ) -> Result<Vec<std::rc::Rc<crate::terminal::connection::Connection>>, String> {
        match target {
            Target::All => Ok(self.terminals.all()),
            Target::One(name) => self.terminals.find(name).map(|terminal| vec![terminal]).ok_or_else(|| {
                format!("This lab shows no terminal named {name}. Type the command into another one.")
            }),
        }
    }

    fn type_keys(&self, target: &Target, keys: &str, clear: bool) -> Result<(), String> {
        if !self.running.get_untracked() {
            return Err("The session is not running, so nothing was typed.".to_owned());
        }
        let terminals = self.targets(target)?;
        self.reveal_terminals.run(());
        if let Target::One(name) = target {
            self.terminals.front.set(name.clone());
        }
        for terminal in &terminals {
            if clear {
                terminal.clear();
            }
            if !terminal.type_keys(keys) {
                return Err(format!(
                    "Terminal {} is not connected just now. Click again once it is.",
                    terminal.name()
                ));
            }
        }
        Ok(())
    }

    fn select(&self, name: &str) -> Result<(), String> {
        let terminals = self.targets(&Target::One(name.to_owned()))?;
        self.reveal_terminals.run(());
        self.terminals.front.set(name.to_owned());
        terminals.iter().for_each(|terminal| terminal.focus());
        Ok(())
    }

    /// Runs a check as often as it says; nothing where it could not be run at all.
    async fn check(
        &self,
        page: &str,
        check: &CheckPlan,
        inputs: Option<Value>,
        state: RwSignal<ActionState>,
    ) -> Option<bool> {
        // a cascade or `autostart` cannot answer what a form asks
        if check.form.is_some() && inputs.is_none() {
            state.set(ActionState::Idle);
            return None;
        }
        let run = RunCheck {
            page: Some(page.to_owned()),
            args: check.args.clone(),
            inputs,
            timeout_secs: Some(check.timeout_secs),
        };
        let mut tries = 1;
        loop {
            match self.client.run_check(self.session, &check.name, &run).await {
                Ok(outcome) if outcome.passed => {
                    self.progress.marks.try_update(|marks| marks.check(page, &check.name, true));
                    state.try_set(ActionState::Done(Some(passed_words(&outcome))));
                    return Some(true);
                }
                Ok(outcome) => {
                    self.progress.marks.try_update(|marks| marks.check(page, &check.name, false));
                    let here = self.page.try_get_untracked().is_some_and(|now| now == page);
                    if !here || !check.tries_again(tries) {
                        state.try_set(failed(&outcome));
                        return Some(false);
                    }
                }
                Err(error) => {
                    state.try_set(refused(&error));
                    return None;
                }
            }
            tries += 1;
            state.try_set(ActionState::Running(Some(format!("not yet, try {tries}"))));
            sleep(Duration::from_secs(check.delay_secs.into())).await;
        }
    }
}

async fn copy_or_explain(text: &str) -> Result<(), String> {
    if copy(text).await {
        return Ok(());
    }
    Err("The browser did not allow copying. Select the text and copy it by hand.".to_owned())
}

fn passed_words(outcome: &CheckOutcome) -> String {
    let output = outcome.output.trim();
    if output.is_empty() { "Passed".to_owned() } else { format!("Passed: {output}") }
}

fn failed(outcome: &CheckOutcome) -> ActionState {
    let output = outcome.output.trim_end();
    ActionState::Failed {
        message: "Not passed yet. Do what the page asks, then run the check again.".to_owned(),
        output: (!output.trim().is_empty()).then(|| output.to_owned()),
    }
}

fn refused(error: &ApiError) -> ActionState {
    ActionState::Failed { message: error.detail(), output: None }
}
