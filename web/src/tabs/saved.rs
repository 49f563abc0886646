//! The tabs that were opened in a session, kept over a reload of the page.

use lectern_api::ids::SessionId;
use web_sys::Storage;

use super::list::{Content, TabList, tool_name, tool_named};
use crate::browser::window;

/// What [`Content`] reads a tool from; no lab writes it.
const TOOL: &str = "tool:";

/// Keeps the tabs that were added, and which one is in front: its name in the first line, then a line with address and name
/// for each.
pub(super) fn save(session: SessionId, list: &TabList) {
    let Some(storage) = storage() else { return };
    let mut text = list.front().map(|tab| tab.name.clone()).unwrap_or_default();
    for tab in list.all().iter().filter(|tab| tab.is_added()) {
        let url = match &tab.content {
            Content::Terminals(names) => ["terminal:", &names.join("")].concat(),
            Content::Tool(tool) => [TOOL, tool_name(*tool)].concat(),
            Content::Web { url, .. } => url.clone(),
        };
        for part in ["\n", &url, " ", &tab.name] {
            text.push_str(part);
        }
    }
    // where the storage is full or forbidden, the tabs last until the page is closed
    let _ = storage.set_item(&key(session), &text);
}

/// Adds the tabs that were saved.
pub(super) fn restore(session: SessionId, list: &mut TabList) {
    let saved = storage().and_then(|storage| storage.get_item(&key(session)).ok().flatten());
    let saved = saved.unwrap_or_default();
    let mut lines = saved.lines();
    let front = lines.next().unwrap_or_default();
    for (url, name) in lines.filter_map(|line| line.split_once(' ')) {
        match url.strip_prefix(TOOL).and_then(tool_named) {
            Some(tool) if list.find_tool(tool).is_none() => {
                list.add_tool(tool);
            }
            Some(_) => {}
            None => {
                if let Some(content) = Content::of_url(url) {
                    list.put(name, content);
                }
            }
        }
    }
    if let Some(id) = list.find(front) {
        list.show(id);
    }
}

fn key(session: SessionId) -> String {
    format!("lectern.tabs.{session}")
}

fn storage() -> Option<Storage> {
    window()?.session_storage().ok().flatten()
}
