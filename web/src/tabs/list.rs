//! Which tabs there are, and which one is in front. Pure.

use lectern_api::sessions::{Session, Tool};

/// What a tab shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Terminals, one above the other, by their names.
    Terminals(Vec<String>),
    Tool(Tool),
    /// A web page.
    Web {
        url: String,
        /// Grows with each reload.
        loads: u32,
    },
}

impl Content {
    /// Reads what labs write for the content of a tab. `None` if it is neither a terminal nor a web address.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let url = url.trim();
        if let Some(name) = url.strip_prefix("terminal:") {
            return Some(Self::Terminals(vec![name.trim().to_owned()]));
        }
        crate::actions::address::is_web_address(url).then(|| Self::Web { url: url.to_owned(), loads: 0 })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Names the tab as long as the workspace is open.
    pub id: u32,
    pub name: String,
    pub content: Content,
    /// Whether it came after the workspace opened.
    is_added: bool,
}

impl Tab {
    /// Whether it can be closed: tabs that were added, and web pages.
    #[must_use]
    pub const fn may_go(&self) -> bool {
        self.is_added || matches!(self.content, Content::Web { .. })
    }

    #[must_use]
    pub const fn is_added(&self) -> bool {
        self.is_added
    }
}

/// The tabs in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabList {
    tabs: Vec<Tab>,
    front: u32,
    next: u32,
    /// Whether the first terminals stand below the other tabs all the time.
    pub is_lower: bool,
}

impl TabList {
    /// Returns the tabs that a lab asks for.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let names: Vec<String> = session.terminals.iter().map(ToString::to_string).collect();
        let stacked = stack_height(&session.terminal_layout).min(names.len());
        let mut list =
            Self { tabs: Vec::new(), front: 0, next: 0, is_lower: session.terminal_layout == "lower" };
        let (first, others) = names.split_at(stacked);
        if !first.is_empty() {
            let name = if first.len() > 1 { "Terminals" } else { "Terminal" };
            list.push(name, Content::Terminals(first.to_vec()));
        }
        let dashboards = &session.tabs.dashboards;
        let named = |terminal: &str| {
            let shows =
                |url: &str| Content::of_url(url) == Some(Content::Terminals(vec![terminal.to_owned()]));
            dashboards.iter().find(|dashboard| shows(&dashboard.url)).map(|dashboard| dashboard.name.clone())
        };
        for terminal in others {
            let name = named(terminal).unwrap_or_else(|| format!("Terminal {terminal}"));
            list.push(&name, Content::Terminals(vec![terminal.clone()]));
        }
        for tool in &session.tabs.tools {
            list.push(tool_name(*tool), Content::Tool(*tool));
        }
        for dashboard in dashboards {
            if let Some(content @ Content::Web { .. }) = Content::of_url(&dashboard.url) {
                list.push(&dashboard.name, content);
            }
        }
        let front = list.in_bar().next().map(|tab| tab.id);
        list.front = front.unwrap_or_default();
        list
    }

    fn push(&mut self, name: &str, content: Content) -> u32 {
        let id = self.next;
        self.next += 1;
        self.tabs.push(Tab { id, name: name.to_owned(), content, is_added: false });
        id
    }

    fn add(&mut self, name: &str, content: Content) -> u32 {
        let id = self.push(name, content);
        if let Some(tab) = self.tabs.last_mut() {
            tab.is_added = true;
        }
        id
    }

    #[must_use]
    pub fn all(&self) -> &[Tab] {
        &self.tabs
    }

    /// Returns the tabs to choose from: not the terminals that are always below the others.
    pub fn in_bar(&self) -> impl Iterator<Item = &Tab> {
        let hidden = if self.has_lower() { self.tabs.first().map(|tab| tab.id) } else { None };
        self.tabs.iter().filter(move |tab| Some(tab.id) != hidden)
    }

    /// Whether terminals stand below the tabs.
    #[must_use]
    pub fn has_lower(&self) -> bool {
        self.is_lower && self.tabs.len() > 1
    }

    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.id == id)
    }

    #[must_use]
    pub fn front(&self) -> Option<&Tab> {
        self.get(self.front)
    }

    /// Whether a tab is seen.
    #[must_use]
    pub fn is_shown(&self, id: u32) -> bool {
        self.front == id || (self.has_lower() && self.tabs.first().is_some_and(|tab| tab.id == id))
    }

    pub fn show(&mut self, id: u32) {
        if self.in_bar().any(|tab| tab.id == id) {
            self.front = id;
        }
    }

    /// Finds a tab by the name that labs give it. The tabs of the workspace have fixed ones.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<u32> {
        let name = name.trim();
        let by_name = self.tabs.iter().find(|tab| tab.name.eq_ignore_ascii_case(name));
        by_name.map(|tab| tab.id).or_else(|| {
            if is_terminals(name) {
                return self
                    .tabs
                    .iter()
                    .find(|tab| matches!(tab.content, Content::Terminals(_)))
                    .map(|tab| tab.id);
            }
            tool_named(name).and_then(|tool| self.find_tool(tool))
        })
    }

    #[must_use]
    pub fn find_terminal(&self, name: &str) -> Option<u32> {
        let has = |tab: &&Tab| matches!(&tab.content, Content::Terminals(names) if names.iter().any(|it| it == name));
        self.tabs.iter().find(has).map(|tab| tab.id)
    }

    #[must_use]
    pub fn find_tool(&self, tool: Tool) -> Option<u32> {
        self.tabs.iter().find(|tab| tab.content == Content::Tool(tool)).map(|tab| tab.id)
    }

    pub fn add_terminal(&mut self, name: &str) -> u32 {
        self.add(&format!("Terminal {name}"), Content::Terminals(vec![name.to_owned()]))
    }

    pub fn add_tool(&mut self, tool: Tool) -> u32 {
        self.add(tool_name(tool), Content::Tool(tool))
    }

    /// Returns a name for a further terminal.
    #[must_use]
    pub fn next_terminal(&self) -> String {
        let mut number = 1;
        while self.find_terminal(&number.to_string()).is_some() {
            number += 1;
        }
        number.to_string()
    }

    /// Gives the tab of this name another content, or adds one.
    pub fn put(&mut self, name: &str, content: Content) -> u32 {
        let shown_already = match &content {
            Content::Terminals(names) => names.first().and_then(|terminal| self.find_terminal(terminal)),
            _ => None,
        };
        // a terminal is shown once
        let Some(id) = shown_already.or_else(|| self.find(name)) else { return self.add(name, content) };
        if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.id == id) {
            let loads = match tab.content {
                Content::Web { loads, .. } => loads + 1,
                _ => 0,
            };
            if let (Content::Web { .. }, Content::Web { url, .. }) = (&tab.content, content) {
                tab.content = Content::Web { url, loads };
            }
        }
        id
    }

    pub fn reload(&mut self, id: u32) {
        if let Some(Content::Web { loads, .. }) =
            self.tabs.iter_mut().find(|tab| tab.id == id).map(|tab| &mut tab.content)
        {
            *loads += 1;
        }
    }

    /// Closes a tab that may go. The one beside it comes to the front.
    pub fn close(&mut self, id: u32) {
        let Some(at) = self.tabs.iter().position(|tab| tab.id == id && tab.may_go()) else { return };
        self.tabs.remove(at);
        if self.front == id {
            let near = self.tabs.get(at).or_else(|| self.tabs.get(at.saturating_sub(1))).map(|tab| tab.id);
            let first = self.in_bar().next().map(|tab| tab.id);
            self.front =
                near.filter(|id| self.in_bar().any(|tab| tab.id == *id)).or(first).unwrap_or_default();
        }
    }
}

/// How many terminals a layout shows one above the other.
fn stack_height(layout: &str) -> usize {
    match layout {
        "split" => 2,
        "split/2" => 3,
        _ => 1,
    }
}

#[must_use]
pub const fn tool_name(tool: Tool) -> &'static str {
    match tool {
        Tool::Editor => "Editor",
        Tool::Files => "Files",
        Tool::Cluster => "Cluster",
    }
}

/// Finds a tool by the name that labs give its tab.
#[must_use]
pub fn tool_named(name: &str) -> Option<Tool> {
    let is = |word: &str| name.trim().eq_ignore_ascii_case(word);
    if is("editor") {
        Some(Tool::Editor)
    } else if is("files") {
        Some(Tool::Files)
    } else if is("console") || is("cluster") || is("kubernetes") {
        Some(Tool::Cluster)
    } else {
        None
    }
}

fn is_terminals(name: &str) -> bool {
    name.eq_ignore_ascii_case("terminal") || name.eq_ignore_ascii_case("terminals")
}

#[cfg(test)]
#[path = "list/tests.rs"]
mod tests;
