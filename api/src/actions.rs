//! The clickable actions of a page: what each does, with its arguments, and how its block looks.
//!
//! [`Action`] is generated from one table (`actions/table.rs`), from which the author's guide and lint take
//! their lists too: [`KINDS`] describes each action and its arguments, [`ALIASES`] the other spellings.
//! Reading a block's text into these types is the work of `lectern-content`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod kinds;
mod table;
mod wire;

pub use kinds::{
    ActionKind, Alias, Argument, ArgumentKind, BodyForm, COMMON_OPTIONS, Retries, find_kind, is_action,
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
    /// A second click never does anything (`cooldown: .INF` or -1).
    pub once: bool,
    /// The block is not shown; a cascade or `autostart` still runs it.
    pub hidden: bool,
    /// What to report when the action runs: a name, or a mapping of the author's own.
    pub event: Option<Value>,
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

    /// Every spelling of the dialect, with the arguments that its body takes.
    const DIALECT: &[(&str, &[&str])] = &[
        ("execute", &[]),
        ("execute-1", &[]),
        ("execute-2", &[]),
        ("execute-3", &[]),
        ("execute-all", &[]),
        ("copy", &[]),
        ("copy-and-edit", &[]),
        ("terminal:execute", &["command", "session", "clear"]),
        ("terminal:execute-all", &["command", "clear"]),
        ("terminal:input", &["text", "session", "endl"]),
        ("terminal:interrupt", &["session"]),
        ("terminal:clear", &["session"]),
        ("terminal:select", &["session"]),
        ("terminal:interrupt-all", &[]),
        ("terminal:clear-all", &[]),
        ("workshop:copy", &["text"]),
        ("workshop:copy-and-edit", &["text"]),
        ("dashboard:open-url", &["url"]),
        ("dashboard:open-dashboard", &["name"]),
        ("dashboard:expose-dashboard", &["name"]),
        ("dashboard:delete-dashboard", &["name"]),
        ("dashboard:create-dashboard", &["name", "url", "focus"]),
        ("dashboard:reload-dashboard", &["name", "url", "focus"]),
        ("editor:open-file", &["file", "line"]),
        (
            "editor:select-matching-text",
            &["file", "text", "isRegex", "group", "before", "after", "start", "stop"],
        ),
        (
            "editor:replace-matching-text",
            &["file", "match", "replacement", "isRegex", "group", "start", "stop", "count"],
        ),
        ("editor:select-lines-in-range", &["file", "start", "stop"]),
        ("editor:delete-lines-in-range", &["file", "start", "stop"]),
        ("editor:replace-lines-in-range", &["file", "start", "stop", "text"]),
        ("editor:replace-text-selection", &["file", "text"]),
        ("editor:delete-text-selection", &["file", "save"]),
        ("editor:insert-lines-before-selection", &["file", "text"]),
        ("editor:append-lines-after-selection", &["file", "text"]),
        ("editor:append-lines-to-file", &["file", "text"]),
        ("editor:prepend-lines-to-file", &["file", "text"]),
        ("editor:create-file", &["file", "text"]),
        ("editor:insert-lines-before-line", &["file", "line", "text"]),
        ("editor:append-lines-after-line", &["file", "line", "text"]),
        ("editor:insert-lines-after-line", &["file", "line", "text"]),
        ("editor:append-lines-after-match", &["file", "match", "text"]),
        ("editor:insert-lines-before-match", &["file", "match", "text"]),
        ("editor:delete-matching-lines", &["file", "match", "isRegex", "before", "after"]),
        ("editor:copy-file", &["src", "dest", "open"]),
        ("editor:rename-file", &["src", "dest", "open"]),
        ("editor:close-file", &["file"]),
        ("editor:delete-file", &["file"]),
        ("editor:create-directory", &["directory"]),
        ("editor:set-yaml-value", &["file", "path", "value"]),
        ("editor:add-yaml-item", &["file", "path", "value"]),
        ("editor:insert-yaml-item", &["file", "path", "index", "value"]),
        ("editor:replace-yaml-item", &["file", "path", "value"]),
        ("editor:merge-yaml-values", &["file", "path", "value"]),
        ("editor:insert-value-into-yaml", &["file", "path", "value"]),
        ("editor:delete-yaml-value", &["file", "path"]),
        ("editor:select-yaml-path", &["file", "path"]),
        ("editor:execute-command", &["command", "args"]),
        ("editor:open-terminal", &["session"]),
        ("editor:close-terminal", &["session"]),
        ("editor:interrupt-terminal", &["session"]),
        ("editor:clear-terminal", &["session"]),
        ("editor:send-to-terminal", &["session", "text", "endl"]),
        ("examiner:execute-test", &["name", "args", "timeout", "retries", "delay", "url", "inputs"]),
        ("files:download-file", &["path", "url", "download", "preview"]),
        ("files:copy-file", &["path", "url", "download", "preview"]),
        ("files:upload-file", &["path"]),
        ("files:upload-files", &[]),
        ("section:begin", &["name", "open"]),
        ("section:end", &["name", "toggle"]),
        ("section:heading", &[]),
    ];

    #[test]
    fn every_spelling_of_the_dialect_is_known_with_its_arguments() {
        assert_eq!(DIALECT.len(), 69);
        for (name, arguments) in DIALECT {
            let (kind, body) = find_kind(name).unwrap_or_else(|| panic!("{name} is unknown"));
            let plain = matches!(body, BodyForm::Plain { .. });
            assert_eq!(plain, !name.contains(':'), "{name}");
            for argument in *arguments {
                assert!(kind.argument(argument).is_some(), "{name} takes no {argument}");
            }
        }
    }

    #[test]
    fn nothing_beyond_the_dialect_is_an_action() {
        let names = KINDS.iter().map(|kind| kind.name).chain(ALIASES.iter().map(|alias| alias.name));
        for name in names {
            assert!(DIALECT.iter().any(|(known, _)| *known == name), "{name}");
        }
        assert!(!is_action("terminal:explode") && !is_action("bash") && !is_action("Execute"));
    }

    #[test]
    fn the_options_common_to_yaml_bodies_are_known() {
        let options = [
            "title",
            "prefix",
            "description",
            "autostart",
            "cascade",
            "pause",
            "cooldown",
            "hidden",
            "event",
        ];
        let known: Vec<_> = COMMON_OPTIONS.iter().map(|option| option.name).collect();
        assert_eq!(known, options);
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
        let action = Action::TerminalExecute { command: "ls".into(), session: "2".into(), clear: false };
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
