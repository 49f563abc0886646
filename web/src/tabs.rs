//! The tabs beside the page: terminals, tools, and web pages.

pub mod list;
mod saved;

use lectern_api::ids::SessionId;
use lectern_api::sessions::{Session, Tool};
use leptos::prelude::*;

use crate::terminal::Terminals;
use list::{Content, Tab, TabList};

/// The tabs of the workspace, and which one is in front. Copies share their state.
#[derive(Clone, Copy)]
pub struct Tabs {
    session: SessionId,
    pub list: RwSignal<TabList>,
    pub terminals: Terminals,
    /// Whether a narrow screen shows the tabs instead of the page.
    pub shown: RwSignal<bool>,
}

impl Tabs {
    /// Returns the tabs of a session: those of its lab, and those that were opened in this browser tab before.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let mut list = TabList::of(session);
        saved::restore(session.id, &mut list);
        let this = Self {
            session: session.id,
            list: RwSignal::new(list),
            terminals: Terminals::new(),
            shown: RwSignal::new(false),
        };
        this.note_front_terminal();
        this
    }

    #[must_use]
    pub fn is_front(&self, id: u32) -> bool {
        self.list.with(|list| list.is_shown(id))
    }

    /// Brings a tab to the front.
    pub fn show(&self, id: u32) {
        self.change(|list| list.show(id));
        self.shown.set(true);
    }

    /// Brings a terminal to the front, in a tab of its own if it has none yet.
    pub fn show_terminal(&self, name: &str) {
        self.terminals.front.set(name.to_owned());
        self.change(|list| {
            let id = list.find_terminal(name).unwrap_or_else(|| list.add_terminal(name));
            list.show(id);
        });
        self.shown.set(true);
    }

    /// Opens a further terminal.
    pub fn open_terminal(&self) {
        let name = self.list.with_untracked(TabList::next_terminal);
        self.show_terminal(&name);
    }

    /// Brings a tool to the front.
    pub fn show_tool(&self, tool: Tool) {
        self.change(|list| {
            let id = list.find_tool(tool).unwrap_or_else(|| list.add_tool(tool));
            list.show(id);
        });
        self.shown.set(true);
    }

    /// Closes a tab that the learner or a block opened.
    pub fn close(&self, id: u32) {
        self.change(|list| list.close(id));
    }

    /// Brings the tab of this name to the front; a tool has one as soon as somebody asks for it. Returns whether there is
    /// such a tab.
    pub fn show_named(&self, name: &str) -> bool {
        let id = self.list.with_untracked(|list| list.find(name));
        match (id, list::tool_named(name)) {
            (Some(id), _) => self.show(id),
            (None, Some(tool)) => self.show_tool(tool),
            (None, None) => return false,
        }
        true
    }

    /// Gives the tab of this name another content, or adds one. What is there is loaded again.
    pub fn put(&self, name: &str, content: Content, focus: bool) {
        self.change(|list| {
            let id = list.put(name, content);
            if focus {
                list.show(id);
            }
        });
        if focus {
            self.shown.set(true);
        }
    }

    /// Loads the page of a tab again. Returns whether there is such a tab.
    pub fn reload(&self, name: &str, focus: bool) -> bool {
        let Some(id) = self.list.with_untracked(|list| list.find(name)) else { return false };
        self.change(|list| list.reload(id));
        if focus {
            self.show(id);
        }
        true
    }

    /// Removes the tab of this name. Returns why it cannot be removed.
    pub fn remove_named(&self, name: &str) -> Result<(), &'static str> {
        let id = self.list.with_untracked(|list| list.find(name)).ok_or("There is no tab of this name.")?;
        if !self.list.with_untracked(|list| list.get(id).is_some_and(Tab::may_go)) {
            return Err("This tab belongs to the workspace, so it stays.");
        }
        self.close(id);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut TabList)) {
        self.list.update(change);
        self.note_front_terminal();
        self.list.with_untracked(|list| saved::save(self.session, list));
    }

    /// Whoever focuses "the terminal" means one that is seen.
    fn note_front_terminal(&self) {
        let names = self.list.with_untracked(|list| match list.front().map(|tab| tab.content.clone()) {
            Some(Content::Terminals(names)) => names,
            _ => Vec::new(),
        });
        let is_seen = self.terminals.front.with_untracked(|front| names.contains(front));
        if let Some(first) = names.first().filter(|_| !is_seen) {
            self.terminals.front.set(first.clone());
        }
    }
}
