//! The actions of the page on screen: which one runs, and which one next.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::actions::{ActionBlock, ActionOptions};
use lectern_api::page::RenderedPage;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::plan::{Plan, plan};
use super::runner::{ActionState, Runner, Trigger};
use super::sections::{autostarts, autostarts_in, closing, next_of, opening, section_of_end};
use crate::browser::sleep;

/// How to open and close the sections of the page on screen, by the ids of their beginnings.
#[derive(Clone, Copy)]
pub struct Sections {
    pub is_open: fn(u32) -> bool,
    pub set_open: fn(u32, bool),
}

/// The actions of one page. Copies share their state.
#[derive(Clone, Copy)]
pub struct PageActions {
    runner: Runner,
    page: StoredValue<Arc<RenderedPage>>,
    // a page has few blocks, and maps would make the app larger
    states: StoredValue<Vec<(u32, RwSignal<ActionState>)>>,
    last_runs: StoredValue<Vec<(u32, f64)>>,
    sections: Sections,
}

impl PageActions {
    #[must_use]
    pub fn new(runner: Runner, page: Arc<RenderedPage>, sections: Sections) -> Self {
        let states = page.actions.iter().map(|block| (block.id, RwSignal::new(ActionState::Idle))).collect();
        Self {
            runner,
            page: StoredValue::new(page),
            states: StoredValue::new(states),
            last_runs: StoredValue::new(Vec::new()),
            sections,
        }
    }

    #[must_use]
    pub fn state(&self, id: u32) -> Option<RwSignal<ActionState>> {
        self.states
            .try_with_value(|states| states.iter().find(|(own, _)| *own == id).map(|(_, state)| *state))
            .flatten()
    }

    /// Runs a block, and those that cascade from it.
    pub fn click(self, id: u32) {
        self.click_with(id, Trigger::default());
    }

    /// Like [`Self::click`], with what only the click knows.
    pub fn click_with(self, id: u32, trigger: Trigger) {
        spawn_local(self.run_from(id, trigger));
    }

    async fn run_from(self, id: u32, trigger: Trigger) {
        let mut next = self.run(id, trigger).await;
        while let Some(id) = next {
            next = self.run(id, Trigger::default()).await;
        }
    }

    /// Runs one block. Returns the one that cascades from it.
    async fn run(&self, id: u32, trigger: Trigger) -> Option<u32> {
        let page = self.page.try_get_value()?;
        let block = page.actions.iter().find(|block| block.id == id)?;
        let state = self.state(id)?;
        let now = js_sys::Date::now();
        let last = self
            .last_runs
            .try_with_value(|runs| runs.iter().find(|(own, _)| *own == id).map(|(_, at)| *at))?;
        let busy = matches!(state.try_get_untracked()?, ActionState::Running(_));
        if busy || !may_run_again(block, last.map(|last| now - last)) {
            return None;
        }
        self.last_runs.try_update_value(|runs| {
            runs.retain(|(own, _)| *own != id);
            runs.push((id, now));
        });
        let options = &block.options;
        let planned = plan(block.action()?);
        // the pause lets learners see what ran, which is plain if a section only opened or closed
        let skips_pause = planned.is_section() && options.pause_ms == ActionOptions::default().pause_ms;
        let done = match planned {
            Plan::BeginSection => {
                self.toggle(&page, id);
                true
            }
            Plan::EndSection { closes } => {
                if closes {
                    section_of_end(&page.actions, block)
                        .into_iter()
                        .for_each(|begin| self.close(&page, begin));
                }
                true
            }
            _ => self.runner.run(&page.name, block, trigger, state).await,
        };
        if !done {
            // what failed may be tried again at once
            self.last_runs.try_update_value(|runs| runs.retain(|(own, _)| *own != id));
            return None;
        }
        if !options.cascade {
            return None;
        }
        if !skips_pause {
            sleep(Duration::from_millis(options.pause_ms.into())).await;
        }
        // a cascade ends where the learner leaves its page
        self.page.try_get_value()?;
        next_of(&page.actions, id, self.sections.is_open)
    }

    /// Opens a section and runs the blocks in it that start by themselves, or closes it.
    fn toggle(&self, page: &RenderedPage, section: u32) {
        if (self.sections.is_open)(section) {
            self.close(page, section);
            return;
        }
        (self.sections.set_open)(section, true);
        autostarts_in(&page.actions, section).into_iter().for_each(|id| self.click(id));
    }

    /// Closes a section and those inside it.
    fn close(&self, page: &RenderedPage, section: u32) {
        closing(&page.actions, section).into_iter().for_each(|id| (self.sections.set_open)(id, false));
    }

    /// Opens the sections that start by themselves.
    pub fn open_sections(&self) {
        let opening = self.page.with_value(|page| opening(&page.actions));
        opening.into_iter().for_each(|section| (self.sections.set_open)(section, true));
    }

    /// Runs the blocks that start by themselves when the page opens, without those that ran already in this session or
    /// are still waiting to: neither a reload nor a second look at the page must type a command twice. To be called once
    /// the progress is known.
    pub fn start(self) {
        let page = self.page.get_value();
        let starting = autostarts(&page.actions, self.sections.is_open);
        for id in starting {
            let key = (page.name.clone(), id);
            let ran = self.runner.progress.marks.with_untracked(|marks| marks.is_run(&page.name, id));
            let pending = self.runner.starting;
            let is_first = pending.try_update_value(|pending| {
                let is_first = !pending.contains(&key);
                if is_first {
                    pending.push(key.clone());
                }
                is_first
            });
            if ran || is_first != Some(true) {
                continue;
            }
            spawn_local(async move {
                let next = self.run(id, Trigger::default()).await;
                pending.try_update_value(|pending| pending.retain(|other| *other != key));
                if let Some(next) = next {
                    self.run_from(next, Trigger::default()).await;
                }
            });
        }
    }
}

/// Whether a block may run again, so many milliseconds after it last did. Sections open and close at any speed.
fn may_run_again(block: &ActionBlock, since_last_ms: Option<f64>) -> bool {
    let folds = block.action().is_some_and(|action| plan(action).is_section());
    since_last_ms
        .is_none_or(|since| !block.options.once && (folds || since >= block.options.cooldown_secs * 1000.0))
}

#[cfg(test)]
mod tests {
    use lectern_api::actions::{Action, BlockContent};

    use super::*;

    fn block(action: Action) -> ActionBlock {
        ActionBlock {
            id: 0,
            name: action.name().to_owned(),
            line: 1,
            sections: vec![],
            label: String::new(),
            body: String::new(),
            options: ActionOptions::default(),
            content: BlockContent::Ready { action },
        }
    }

    #[test]
    fn a_second_click_counts_only_after_the_cooldown() {
        let mut block = block(Action::TerminalClearAll {});
        assert!(may_run_again(&block, None));
        assert!(!may_run_again(&block, Some(900.0)));
        assert!(may_run_again(&block, Some(1_000.0)));
        block.options.once = true;
        assert!(!may_run_again(&block, Some(1e9)));
    }

    #[test]
    fn a_section_closes_as_soon_as_it_is_clicked_again_unless_it_opens_once() {
        let mut block = block(Action::SectionBegin { name: None, open: false });
        assert!(may_run_again(&block, Some(1.0)));
        block.options.once = true;
        assert!(!may_run_again(&block, Some(1.0)));
    }
}
