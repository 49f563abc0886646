//! The tabs that were opened in a session, kept over a reload of the page.

use lectern_api::ids::SessionId;
use web_sys::Storage;

use super::list::{Content, TabList, tool_name, tool_named};
use crate::browser::window;

/// What [`Content`] reads a tool from; no lab writes it.
const TOOL: &str = "tool:";

/// Keeps the tabs that were added, and which one is in front.
pub(super) fn save(session: SessionId, list: &TabList) {
    let Some(storage) = storage() else { return };
    let added: Vec<(&str, String)> = (list.all().iter())
        .filter(|tab| tab.is_added())
        .map(|tab| {
            let url = match &tab.content {
                Content::Terminals(names) => format!("terminal:{}", names.join("")),
                Content::Tool(tool) => format!("{TOOL}{}", tool_name(*tool)),
                Content::Web { url, .. } => url.clone(),
            };
            (tab.name.as_str(), url)
        })
        .collect();
    let front = list.front().map(|tab| tab.name.as_str()).unwrap_or_default();
    if let Ok(text) = serde_json::to_string(&(front, added)) {
        // where the storage is full or forbidden, the tabs last until the page is closed
        let _ = storage.set_item(&key(session), &text);
    }
}

/// Adds the tabs that were saved.
pub(super) fn restore(session: SessionId, list: &mut TabList) {
    let saved = storage().and_then(|storage| storage.get_item(&key(session)).ok().flatten());
    let Some((front, added)) =
        saved.and_then(|text| serde_json::from_str::<(String, Vec<(String, String)>)>(&text).ok())
    else {
        return;
    };
    for (name, url) in added {
        match url.strip_prefix(TOOL).and_then(tool_named) {
            Some(tool) if list.find_tool(tool).is_none() => {
                list.add_tool(tool);
            }
            Some(_) => {}
            None => {
                if let Some(content) = Content::of_url(&url) {
                    list.put(&name, content);
                }
            }
        }
    }
    if let Some(id) = list.find(&front) {
        list.show(id);
    }
}

fn key(session: SessionId) -> String {
    format!("lectern.tabs.{session}")
}

fn storage() -> Option<Storage> {
    window()?.session_storage().ok().flatten()
}
