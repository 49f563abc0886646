//! The terminals of this workbench by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lectern_api::ids::TerminalName;

use crate::settings::Settings;
use crate::terminal::Terminal;

/// All terminals; each is started when it is first attached to, and stays until the agent ends.
pub struct Terminals {
    settings: Arc<Settings>,
    by_name: Mutex<HashMap<TerminalName, Arc<Terminal>>>,
}

impl Terminals {
    /// None yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, by_name: Mutex::default() }
    }

    /// The terminal of this name; a new one begins with this size.
    pub fn find_or_start(&self, name: &TerminalName, cols: u16, rows: u16) -> Arc<Terminal> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name
            .entry(name.clone())
            .or_insert_with(|| Terminal::start(name.clone(), self.settings.clone(), (cols, rows)))
            .clone()
    }
}
