//! The terminals of a workbench, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lectern_api::agent::MAX_TERMINALS;
use lectern_api::ids::TerminalName;

use super::shell::run_shells;
use super::state::Terminal;
use super::typing::TypingActivity;
use crate::settings::Settings;

/// The workbench has as many terminals as it may have.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this workbench has {MAX_TERMINALS} terminals already, which is the limit")]
pub struct TooManyTerminals;

/// All terminals. A terminal is started when it is first attached to, and stays until the agent ends.
pub struct Terminals {
    settings: Arc<Settings>,
    typing: Arc<TypingActivity>,
    is_home_new: bool,
    by_name: Mutex<HashMap<TerminalName, Arc<Terminal>>>,
}

impl Terminals {
    /// Creates an empty set of terminals. `is_home_new` says whether the home directory is empty.
    pub fn new(settings: Arc<Settings>, is_home_new: bool) -> Self {
        Self { settings, typing: Arc::default(), is_home_new, by_name: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TerminalName, Arc<Terminal>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the terminal of this name. If there is none, starts one of this size.
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
        tracing::info!(terminal.name = %name, "starting a terminal");
        let (terminal, input) = Terminal::new(size, self.typing.clone(), self.is_home_new);
        tokio::spawn(run_shells(terminal.clone(), name.clone(), self.settings.clone(), input));
        by_name.insert(name.clone(), terminal.clone());
        Ok(terminal)
    }

    /// Hangs up on all shells and waits up to `patience` for them to exit.
    pub async fn end(&self, patience: Duration) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        let ending = futures::future::join_all(all.iter().map(|terminal| terminal.end()));
        // shells that stay are killed with the agent
        let _ = tokio::time::timeout(patience, ending).await;
    }
}
