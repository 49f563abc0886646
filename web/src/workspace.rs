//! The components of a running lab: its page on the left, its terminals and other tabs on the right. `pages::workspace` calls the API
//! for them.

pub mod action_block;
pub mod action_form;
pub mod contents;
pub mod lab_page;
pub mod lifecycle;
pub mod notices;
pub mod splitter;
pub mod tab_bar;
pub mod tab_pane;
pub mod terminal_pane;
pub mod time_left;
pub mod tool_pane;
pub mod top_bar;
pub mod web_pane;

use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;

use crate::actions::runner::Runner;
use crate::progress::Progress;
use crate::tabs::Tabs;

/// What the parts of the workspace share. Copies share their state.
#[derive(Clone, Copy)]
pub struct Workspace {
    pub session: RwSignal<Session>,
    /// The name of the page on screen; empty until it is known.
    pub page: RwSignal<String>,
    pub progress: Progress,
    pub tabs: Tabs,
    pub runner: Runner,
    /// Shows another page.
    pub go_to: Callback<String>,
    /// Asks for more time.
    pub on_extend: Callback<()>,
    pub extending: RwSignal<bool>,
}

impl Workspace {
    /// Returns the position of the page on screen, from 0, and the number of pages.
    #[must_use]
    pub fn position(&self) -> (Option<usize>, usize) {
        let page = self.page.get();
        self.session
            .with(|session| (session.pages.iter().position(|link| link.name == page), session.pages.len()))
    }

    /// Returns the name of the page `by` pages further on, if there is one.
    #[must_use]
    pub fn neighbour(&self, by: isize) -> Option<String> {
        let at = self.position().0?.checked_add_signed(by)?;
        self.session.with(|session| session.pages.get(at).map(|link| link.name.clone()))
    }
}

#[must_use]
pub const fn is_running(state: &SessionState) -> bool {
    matches!(state, SessionState::Running { .. })
}
