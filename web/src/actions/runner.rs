//! Runs the plans of [`super::plan`] with the workspace's terminals and the server's checks.

use lectern_api::actions::ActionBlock;
use lectern_api::ids::SessionId;
use lectern_api::progress::Happening;
use lectern_api::sessions::{CheckOutcome, RunCheck, Tool};
use leptos::prelude::*;
use serde_json::Value;

use super::address::through_lectern;
use super::plan::{CheckPlan, Plan, TabChange, Target, plan};
use super::typist::{Input, Typist};
use crate::api::{ApiError, Client};
use crate::browser::{copy, open_in_new_tab, sleep};
use crate::kept_pages::KeptPages;
use crate::panels::carry_out;
use crate::progress::Progress;
use crate::tabs::Tabs;

/// What to say of a check that did not pass; its output says why.
pub const NOT_PASSED: &str = "Not yet.";

/// How far a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionState {
    /// Nothing has happened yet.
    Idle,
    /// It is running; a message if there is something to say about it.
    Running(Option<String>),
    /// It ran; a message if there is something to say about it.
    Done(Option<String>),
    /// It could not run, or a check did not pass.
    Failed {
        /// One sentence.
        message: String,
        /// What a check printed.
        output: Option<String>,
    },
}

impl ActionState {
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }
}

/// Runs actions in one session. Copies share their state.
#[derive(Clone, Copy)]
pub struct Runner {
    pub client: Client,
    pub session: SessionId,
    pub typist: Typist,
    pub tabs: Tabs,
    pub pages: KeptPages,
    pub progress: Progress,
    /// The page on screen. A check that was started on another one is not tried again.
    pub page: RwSignal<String>,
    /// The blocks that started by themselves and are not done yet, by page and number.
    pub starting: StoredValue<Vec<(String, u32)>>,
}

/// Why a block runs, and with what.
#[derive(Clone, Debug, Default)]
pub struct Trigger {
    /// What the block's form was filled in with.
    pub inputs: Option<Value>,
    /// Whether the learner will want to type into the terminal next.
    pub goes_on_in_terminal: bool,
}

impl Runner {
    /// Runs a block of `page` and updates `state`. Returns whether it ran, and, if it is a check, passed.
    pub async fn run(
        self,
        page: &str,
        block: &ActionBlock,
        trigger: Trigger,
        state: RwSignal<ActionState>,
    ) -> bool {
        let Some(action) = block.action() else { return false };
        state.try_set(ActionState::Running(None));
        let Trigger { inputs, goes_on_in_terminal: focus } = trigger;
        let typist = self.typist;
        let outcome = match plan(action) {
            Plan::Type { target, keys, clear } => {
                typist.send(&target, Input::Command { keys, clear }, focus, state).await
            }
            Plan::Paste { target, text } => typist.send(&target, Input::Pasted(text), focus, state).await,
            Plan::Clear(target) => typist.clear(&target).await,
            Plan::Select(name) => typist.select(&Target::One(name)).await,
            Plan::ShowTerminals => typist.select(&Target::All).await,
            Plan::Tab(change) => change_tabs(self.tabs, &change),
            Plan::Tool(tool) => match self.carry_out(tool, page, block.id, state).await {
                Ok(said) => {
                    state.try_set(ActionState::Done(said));
                    self.record(page, block.id);
                    return true;
                }
                Err(message) => Err(message),
            },
            Plan::Copy(text) => copy_or_explain(&text).await,
            Plan::OpenUrl(address) => {
                let namespace = self.typist.namespace();
                open_in_new_tab(&through_lectern(&address, self.session, &namespace));
                Ok(())
            }
            Plan::Check(check) => {
                let passed = self.check(page, block.id, &check, inputs, state).await;
                if passed.is_some() {
                    self.record(page, block.id);
                }
                return passed == Some(true);
            }
            Plan::Tick | Plan::BeginSection | Plan::EndSection { .. } => Ok(()),
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

    /// Shows a tool, and lets it carry an action out once the session runs.
    async fn carry_out(
        &self,
        tool: Tool,
        page: &str,
        block: u32,
        state: RwSignal<ActionState>,
    ) -> Result<Option<String>, String> {
        self.typist.wait_for_session(state).await?;
        self.tabs.show_tool(tool);
        let kept = self.pages.find(page).ok_or("Open this page again, then click once more.")?;
        carry_out(tool, &kept.json, block).await
    }

    fn record(&self, page: &str, action: u32) {
        self.progress.record(page, Happening::ActionRun { action });
    }

    /// Runs a check, and again for as long as it says. Returns `None` if it could not run at all.
    async fn check(
        &self,
        page: &str,
        block: u32,
        check: &CheckPlan,
        inputs: Option<Value>,
        state: RwSignal<ActionState>,
    ) -> Option<bool> {
        // a cascade or `autostart` cannot fill in a form
        if check.form.is_some() && inputs.is_none() {
            state.try_set(ActionState::Idle);
            return None;
        }
        if let Err(message) = self.typist.wait_for_session(state).await {
            state.try_set(ActionState::Failed { message, output: None });
            return None;
        }
        let run = RunCheck {
            page: Some(page.to_owned()),
            block: Some(block),
            args: check.args.clone(),
            inputs,
            timeout_secs: Some(check.timeout_secs),
        };
        let mut tries = 1;
        loop {
            match self.client.run_check(self.session, &check.name, &run).await {
                Ok(outcome) if outcome.passed => {
                    self.progress.marks.try_update(|marks| marks.check(page, &check.name, block, true));
                    state.try_set(ActionState::Done(Some(passed_message(&outcome))));
                    return Some(true);
                }
                Ok(outcome) => {
                    self.progress.marks.try_update(|marks| marks.check(page, &check.name, block, false));
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
            state.try_set(ActionState::Running(Some(format!("Not yet. Checking again (try {tries})…"))));
            sleep(check.delay).await;
        }
    }
}

fn change_tabs(tabs: Tabs, change: &TabChange) -> Result<(), String> {
    match change {
        TabChange::Show(name) if tabs.show_named(name) => Ok(()),
        TabChange::Reload { name, focus } if tabs.reload(name, *focus) => Ok(()),
        TabChange::Show(name) | TabChange::Reload { name, .. } => {
            Err(format!("There is no tab named {name}."))
        }
        TabChange::Put { name, content, focus } => {
            tabs.put(name, content.clone(), *focus);
            Ok(())
        }
        TabChange::Remove(name) => tabs.remove_named(name).map_err(str::to_owned),
    }
}

async fn copy_or_explain(text: &str) -> Result<(), String> {
    if copy(text).await {
        return Ok(());
    }
    Err("Couldn't copy. Select the text and press Ctrl+C.".to_owned())
}

fn passed_message(outcome: &CheckOutcome) -> String {
    let output = outcome.output.trim();
    if output.is_empty() { "Passed".to_owned() } else { format!("Passed: {output}") }
}

fn failed(outcome: &CheckOutcome) -> ActionState {
    let output = outcome.output.trim_end();
    ActionState::Failed {
        message: NOT_PASSED.to_owned(),
        output: (!output.trim().is_empty()).then(|| output.to_owned()),
    }
}

fn refused(error: &ApiError) -> ActionState {
    ActionState::Failed { message: error.detail(), output: None }
}
