//! The terminals of this workbench by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lectern_api::agent::MAX_TERMINALS;
use lectern_api::ids::TerminalName;

use crate::settings::Settings;
use crate::shell::run_shells;
use crate::terminal::Terminal;
use crate::typing::Typing;

/// There is no place for one more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this workbench has {MAX_TERMINALS} terminals, and no more")]
pub struct TooManyTerminals;

/// All terminals; each is started when it is first attached to, and stays until the agent ends.
pub struct Terminals {
    settings: Arc<Settings>,
    typing: Arc<Typing>,
    is_home_new: bool,
    by_name: Mutex<HashMap<TerminalName, Arc<Terminal>>>,
}

impl Terminals {
    /// None yet; `is_home_new` where the home is empty so far.
    pub fn new(settings: Arc<Settings>, is_home_new: bool) -> Self {
        Self { settings, typing: Arc::default(), is_home_new, by_name: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TerminalName, Arc<Terminal>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terminal of this name; a new one begins with this size.
    pub fn find_or_start(
        &self,
        name: &TerminalName,
        size: (u16, u16),
    ) -> Result<Arc<Terminal>, TooManyTerminals> {
        let mut by_name = self.lock();
        if let Some(terminal) = by_name.get(name) {
            return Ok(terminal.clone());
        }
        if by_name.len() >= MAX_TERMINALS {
            return Err(TooManyTerminals);
        }
        let (terminal, keys) = Terminal::new(size, self.typing.clone(), self.is_home_new);
        tokio::spawn(run_shells(terminal.clone(), name.clone(), self.settings.clone(), keys));
        by_name.insert(name.clone(), terminal.clone());
        Ok(terminal)
    }

    /// Hangs up on all shells, and gives them this long to end.
    pub async fn end(&self, patience: Duration) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        let ending = futures::future::join_all(all.iter().map(|terminal| terminal.end()));
        // one that does not end is killed with the agent
        let _ = tokio::time::timeout(patience, ending).await;
    }
}
