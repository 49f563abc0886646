//! The clickable actions of a page: what each does, with its arguments, and how its block looks.
//!
//! [`Action`] is generated from one table (`actions/table.rs`), from which the author's guide and lint take
//! their lists too: [`KINDS`] describes each action and its arguments, [`ALIASES`] the other spellings.
//! Reading a block's text into these types is the work of `lectern-content`.

use serde::{Deserialize, Serialize};

mod kinds;
mod table;
mod wire;

pub use kinds::{
    ActionKind, Alias, Argument, ArgumentKind, BodyForm, COMMON_OPTIONS, Retries, find_kind,
    is_action,
};
pub use table::{ALIASES, Action, KINDS};

/// One clickable block of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionBlock {
    /// Number of the block on its page, from 0, in reading order.
    pub id: u32,
    /// The action's name as the author wrote it, such as `execute-2` or `editor:open-file`.
    pub name: String,
    /// The line of the page's file on which the block begins, from 1.
    pub line: u32,
    /// Ids of the `section:begin` blocks around this one, outermost first.
    pub sections: Vec<u32>,
    /// What stands on the block's bar: the author's title, or one made from the action.
    pub label: String,
    /// What stands in the block's body, such as the command; empty when there is nothing to show.
    pub body: String,
    /// How the block behaves, whatever its action.
    pub options: ActionOptions,
    /// The action, or why there is none.
    pub content: BlockContent,
}

impl ActionBlock {
    /// Returns the action, unless the block is broken.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match &self.content {
            BlockContent::Ready { action } => Some(action),
            BlockContent::Broken { .. } => None,
        }
    }

    /// Returns why the block has no action, if it has none.
    #[must_use]
    pub fn error(&self) -> Option<&ActionError> {
        match &self.content {
            BlockContent::Ready { .. } => None,
            BlockContent::Broken { error } => Some(error),
        }
    }
}

/// What a block came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BlockContent {
    /// The block can be clicked.
    Ready {
        /// What a click does.
        action: Action,
    },
    /// The block's text could not be understood; the page shows the error in its place.
    Broken {
        /// What is wrong with it.
        error: ActionError,
    },
}

/// Why a block's text is not an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionError {
    /// What is wrong, in one sentence for the author.
    pub message: String,
    /// The line of the page's file on which it is wrong, from 1.
    pub line: u32,
    /// What the parser said, or what would be right.
    pub reason: String,
}

/// What every block with a YAML body may say about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionOptions {
    /// Title in place of the one made from the action.
    pub title: Option<String>,
    /// Word before the title in place of the action's own, such as `Terminal`.
    pub prefix: Option<String>,
    /// Text in the block's body in place of the command or the like.
    pub description: Option<String>,
    /// Runs when the page is opened.
    pub autostart: bool,
    /// Runs the next action of the page once this one is done; a check, once it passes.
    pub cascade: bool,
    /// Milliseconds to wait before the next action of a cascade.
    pub pause_ms: u32,
    /// Seconds during which a second click does nothing.
    pub cooldown_secs: u32,
    /// A second click never does anything (`cooldown: .INF`).
    pub once: bool,
    /// The block is not shown; a cascade or `autostart` still runs it.
    pub hidden: bool,
    /// Name of an event to report when the action runs.
    pub event: Option<String>,
}

impl Default for ActionOptions {
    fn default() -> Self {
        Self {
            title: None,
            prefix: None,
            description: None,
            autostart: false,
            cascade: false,
            pause_ms: 750,
            cooldown_secs: 1,
            once: false,
            hidden: false,
            event: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_has_sixty_nine_spellings() {
        assert_eq!(KINDS.len() + ALIASES.len(), 69);
    }

    #[test]
    fn every_alias_stands_for_an_action() {
        for alias in ALIASES {
            assert!(
                KINDS.iter().any(|kind| kind.name == alias.action),
                "{} stands for {}",
                alias.name,
                alias.action
            );
        }
    }

    #[test]
    fn an_action_crosses_the_wire_under_its_own_name() {
        let action = Action::TerminalExecute {
            command: "ls".into(),
            session: "2".into(),
            clear: false,
        };
        let wire = serde_json::to_value(&action).unwrap();
        assert_eq!(
            wire,
            serde_json::json!({"action": "terminal:execute", "command": "ls", "session": "2", "clear": false})
        );
        assert_eq!(serde_json::from_value::<Action>(wire).unwrap(), action);
    }

    #[test]
    fn a_broken_block_crosses_the_wire_with_its_reason() {
        let block = ActionBlock {
            id: 3,
            name: "terminal:execute".into(),
            line: 12,
            sections: vec![1],
            label: "Terminal".into(),
            body: "command: [".into(),
            options: ActionOptions::default(),
            content: BlockContent::Broken {
                error: ActionError {
                    message: "This block is not valid YAML".into(),
                    line: 13,
                    reason: "unclosed bracket".into(),
                },
            },
        };
        let wire = serde_json::to_string(&block).unwrap();
        assert_eq!(serde_json::from_str::<ActionBlock>(&wire).unwrap(), block);
    }
}
