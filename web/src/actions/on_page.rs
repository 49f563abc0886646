//! The actions of the page on screen: which runs, which runs next.

use std::collections::BTreeMap;
use std::time::Duration;

use lectern_api::actions::ActionBlock;
use lectern_api::page::RenderedPage;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::plan::{Plan, plan};
use super::runner::{ActionState, Runner};
use crate::browser::sleep;

/// The actions of one page; copies share their state.
#[derive(Clone, Copy)]
pub struct PageActions {
    runner: Runner,
    page: StoredValue<RenderedPage>,
    states: StoredValue<BTreeMap<u32, RwSignal<ActionState>>>,
    last_runs: StoredValue<BTreeMap<u32, f64>>,
    /// Says whether a section, by the id of its beginning, is open.
    is_open: StoredValue<fn(u32) -> bool>,
}

impl PageActions {
    /// The actions of `page`; `is_open` says whether a section is unfolded.
    #[must_use]
    pub fn new(runner: Runner, page: RenderedPage, is_open: fn(u32) -> bool) -> Self {
        let states = page.actions.iter().map(|block| (block.id, RwSignal::new(ActionState::Idle))).collect();
        Self {
            runner,
            page: StoredValue::new(page),
            states: StoredValue::new(states),
            last_runs: StoredValue::new(BTreeMap::new()),
            is_open: StoredValue::new(is_open),
        }
    }

    /// How a block looks now.
    #[must_use]
    pub fn state(&self, id: u32) -> Option<RwSignal<ActionState>> {
        self.states.try_with_value(|states| states.get(&id).copied()).flatten()
    }

    /// Runs a block as a click on it does, and those after it that it leads to.
    pub fn click(self, id: u32) {
        spawn_local(async move {
            let mut next = Some(id);
            while let Some(id) = next {
                next = self.run(id).await;
            }
        });
    }

    /// Runs one block; returns the one that a cascade runs next.
    async fn run(&self, id: u32) -> Option<u32> {
        let (name, block) = self.page.try_with_value(|page| {
            let block = page.actions.iter().find(|block| block.id == id)?;
            Some((page.name.clone(), block.clone()))
        })??;
        let state = self.state(id)?;
        let now = js_sys::Date::now();
        let last = self.last_runs.try_with_value(|runs| runs.get(&id).copied())?;
        let busy = matches!(state.try_get_untracked()?, ActionState::Running(_));
        if busy || !may_run_again(&block, last.map(|last| now - last)) {
            return None;
        }
        self.last_runs.try_update_value(|runs| runs.insert(id, now));
        let options = block.options.clone();
        let done = self.runner.run(name, block, state).await;
        if !done || !options.cascade {
            return None;
        }
        sleep(Duration::from_millis(options.pause_ms.into())).await;
        // on another page by now: a cascade does not reach beyond its own
        let is_open = self.is_open.try_get_value()?;
        self.page.try_with_value(|page| next_of(&page.actions, id, is_open)).flatten()
    }

    /// The blocks that run by themselves when the page opens, less those that ran already: a reload must not
    /// type a command twice.
    #[must_use]
    pub fn autostarts(&self) -> Vec<u32> {
        let marks = self.runner.progress.marks.get_untracked();
        self.page.with_value(|page| {
            page.actions
                .iter()
                .filter(|block| block.options.autostart && !marks.is_run(&page.name, block.id))
                .filter(|block| block.action().is_some_and(|action| plan(action) != Plan::Section))
                .map(|block| block.id)
                .collect()
        })
    }
}

/// Whether a click counts, so many milliseconds after the last.
fn may_run_again(block: &ActionBlock, since_last_ms: Option<f64>) -> bool {
    since_last_ms.is_none_or(|since| {
        !block.options.once && since >= f64::from(block.options.cooldown_secs) * 1000.0
    })
}

/// The block after `id` that a cascade runs: not one in a closed section, nor one that only folds sections.
fn next_of(blocks: &[ActionBlock], id: u32, is_open: impl Fn(u32) -> bool) -> Option<u32> {
    blocks
        .iter()
        .skip_while(|block| block.id != id)
        .skip(1)
        .filter(|block| block.sections.iter().all(|section| is_open(*section)))
        .find(|block| block.action().is_none_or(|action| plan(action) != Plan::Section))
        .map(|block| block.id)
}

#[cfg(test)]
mod tests {
    use lectern_api::actions::{Action, ActionOptions, BlockContent};

    use super::*;

    fn block(id: u32, sections: &[u32], action: Action) -> ActionBlock {
        ActionBlock {
            id,
            name: action.name().to_owned(),
            line: 1,
            sections: sections.to_vec(),
            label: String::new(),
            body: String::new(),
            options: ActionOptions::default(),
            content: BlockContent::Ready { action },
        }
    }

    #[test]
    fn a_cascade_passes_over_closed_sections() {
        let blocks = [
            block(0, &[], Action::TerminalClearAll {}),
            block(1, &[], Action::SectionBegin { name: None, open: false }),
            block(2, &[1], Action::TerminalClearAll {}),
            block(3, &[], Action::SectionEnd { name: None, toggle: true }),
            block(4, &[], Action::TerminalClearAll {}),
        ];
        assert_eq!(next_of(&blocks, 0, |_| false), Some(4));
        assert_eq!(next_of(&blocks, 0, |_| true), Some(2));
        assert_eq!(next_of(&blocks, 4, |_| true), None);
    }

    #[test]
    fn a_second_click_counts_only_after_the_cooldown() {
        let mut block = block(0, &[], Action::TerminalClearAll {});
        assert!(may_run_again(&block, None));
        assert!(!may_run_again(&block, Some(900.0)));
        assert!(may_run_again(&block, Some(1_000.0)));
        block.options.once = true;
        assert!(!may_run_again(&block, Some(1e9)));
    }
}
