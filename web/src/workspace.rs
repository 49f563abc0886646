//! The components of a running lab: its page left, its terminals right. They call no API; the page
//! `pages::workspace` fetches for them.

pub mod action_block;
pub mod action_form;
pub mod contents;
pub mod lab_page;
pub mod lifecycle;
pub mod splitter;
pub mod terminal_pane;
pub mod time_left;
pub mod top_bar;

use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;

use crate::actions::runner::Runner;
use crate::progress::Progress;
use crate::terminal::Terminals;

/// What the parts of the workspace share; copies share their state.
#[derive(Clone, Copy)]
pub struct Workspace {
    /// The session as last heard.
    pub session: RwSignal<Session>,
    /// The page on screen.
    pub page: RwSignal<String>,
    /// What the learner did.
    pub progress: Progress,
    /// The terminals.
    pub terminals: Terminals,
    /// What clicks run on.
    pub runner: Runner,
    /// Whether a narrow screen shows the terminals in place of the page.
    pub shows_terminals: RwSignal<bool>,
    /// Shows another page.
    pub go_to: Callback<String>,
    /// Asks for more time.
    pub on_extend: Callback<()>,
    /// Whether that is under way.
    pub extending: RwSignal<bool>,
}

impl Workspace {
    /// The place of the page on screen, from 0, and how many pages there are.
    #[must_use]
    pub fn place(&self) -> (Option<usize>, usize) {
        let page = self.page.get();
        self.session
            .with(|session| (session.pages.iter().position(|link| link.name == page), session.pages.len()))
    }

    /// The name of the page so many further on, if there is one.
    #[must_use]
    pub fn neighbour(&self, by: isize) -> Option<String> {
        let at = self.place().0?.checked_add_signed(by)?;
        self.session.with(|session| session.pages.get(at).map(|link| link.name.clone()))
    }
}

/// Whether the terminals of a session can be used.
#[must_use]
pub const fn is_running(state: &SessionState) -> bool {
    matches!(state, SessionState::Running { .. })
}
