//! The clickable actions of a page: what each does, its arguments, and the look of its block.
//!
//! [`Action`] is generated from one table (`actions/table.rs`), which the author's guide and lint use too: [`KINDS`]
//! describes each action and its arguments, [`ALIASES`] lists the alternative names. `lectern-content` parses the text
//! of a block into these types.

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod kinds;
mod lookup;
mod table;
mod wire;

pub use kinds::{ActionKind, Alias, Argument, ArgumentKind, BodyForm, COMMON_OPTIONS, Family, Retries};
pub use lookup::{ALIASES, EDITOR_COMMANDS, find_kind, is_action, is_unavailable};
pub use table::{Action, KINDS};

/// One clickable block of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionBlock {
    /// The block's number on its page, from 0, in reading order.
    pub id: u32,
    /// The action's name as the author wrote it, such as `execute-2` or `editor:open-file`.
    pub name: String,
    /// The line of the page's file on which the block begins, from 1.
    pub line: u32,
    /// Ids of the `section:begin` blocks around this one, outermost first.
    pub sections: Vec<u32>,
    /// The text of the block's bar: the author's title, or one generated from the action.
    pub label: String,
    /// The text of the block's body, such as the command; empty if there is nothing to show.
    pub body: String,
    /// The options that every action accepts.
    pub options: ActionOptions,
    /// The action, or the reason why there is none.
    pub content: BlockContent,
}

impl ActionBlock {
    /// Returns the action. Returns `None` if the block is broken.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match &self.content {
            BlockContent::Ready { action } => Some(action),
            BlockContent::Broken { .. } => None,
        }
    }

    /// Returns what is wrong with the block. Returns `None` if it is fine.
    #[must_use]
    pub fn error(&self) -> Option<&ActionError> {
        match &self.content {
            BlockContent::Ready { .. } => None,
            BlockContent::Broken { error } => Some(error),
        }
    }
}

/// The outcome of reading a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BlockContent {
    /// The block can be clicked.
    Ready {
        /// The action that a click runs.
        action: Action,
    },
    /// The block's text is invalid; the page shows the error instead.
    Broken {
        /// The error.
        error: ActionError,
    },
}

/// Why a block's text is not an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionError {
    /// What is wrong, in one sentence for the author.
    pub message: String,
    /// The line of the page's file that is wrong, from 1.
    pub line: u32,
    /// The parser's message, or what to write instead.
    pub reason: String,
}

/// The options that every block with a YAML body accepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionOptions {
    /// Title that replaces the generated one.
    pub title: Option<String>,
    /// Word before the title that replaces the action's own, such as `Terminal`.
    pub prefix: Option<String>,
    /// Text that the body shows instead of the command or file content.
    pub description: Option<String>,
    /// Runs the action when the page opens.
    pub autostart: bool,
    /// Runs the page's next action when this one is done; after a check, only if it passed.
    pub cascade: bool,
    /// Pause before the next action of a cascade, in milliseconds.
    pub pause_ms: u32,
    /// Time during which a second click does nothing, in seconds.
    pub cooldown_secs: f64,
    /// Only the first click runs the action (`cooldown: .INF` or -1).
    pub once: bool,
    /// Hides the block; a cascade or `autostart` still runs it.
    pub hidden: bool,
    /// Event to report when the action runs: a name, or a mapping of the author's.
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
            cooldown_secs: 1.0,
            once: false,
            hidden: false,
            event: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            json!({"action": "terminal:execute", "command": "ls", "session": "2", "clear": false})
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

    fn complaint(value: Value) -> String {
        serde_json::from_value::<Action>(value).unwrap_err().to_string()
    }

    #[test]
    fn an_argument_that_may_be_left_out_reads_as_none_and_unknown_members_do_no_harm() {
        let action: Action =
            serde_json::from_value(json!({"file": "x", "action": "editor:open-file", "later": {}})).unwrap();
        assert_eq!(action, Action::EditorOpenFile { file: "x".into(), line: None });
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(complaint(json!({"action": "editor:fly"})).contains("editor:fly"));
        assert!(complaint(json!({"file": "x"})).contains("`action`"));
        assert!(complaint(json!({"action": "editor:open-file"})).contains("`file` is missing"));
        let wrong = complaint(json!({"action": "editor:open-file", "file": "x", "line": "two"}));
        assert!(wrong.contains("`line`") && wrong.contains("two"), "{wrong}");
    }
}
