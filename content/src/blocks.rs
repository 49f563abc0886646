//! Parses the text of clickable blocks.

use lectern_api::actions::{
    Action, ActionError, ActionKind, ActionOptions, Argument, ArgumentKind, BlockContent, BodyForm,
    COMMON_OPTIONS, find_kind,
};
use serde_json::{Map, Value, json};

use crate::yaml::{self, Node};

mod inputs;
mod shown;
mod values;

pub(crate) use shown::file_of;
use shown::{body_of, title_of};
use values::convert;

/// The text of a block, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadBlock {
    pub content: BlockContent,
    pub options: ActionOptions,
    pub label: String,
    pub body: String,
}

/// The timeout of a check whose page says 0: the table's default.
const DEFAULT_TIMEOUT_SECS: u32 = 15;
/// The session that means every terminal.
const EVERY_TERMINAL: &str = "*";
/// Commands that mean Ctrl-C.
const INTERRUPTS: &[&str] = &["<ctrl+c>", "<ctrl-c>"];

/// Parses a block from its name as the author wrote it, its text, and the line of the page on which the text begins (the
/// fence is on the line before). Returns `None` if no action has that name.
pub(crate) fn read(name: &str, text: &str, line: u32) -> Option<ReadBlock> {
    let (kind, form) = find_kind(name)?;
    let line = line.max(2);
    let defaults = default_options(kind);
    let read = match form {
        BodyForm::Plain { argument, session } => {
            plain(kind, argument, session, text.trim(), line).map(|action| (action, defaults.clone()))
        }
        // only an error needs a line
        BodyForm::Yaml => {
            let read = |parse| read_yaml(kind, text, line, defaults.clone(), parse);
            read(yaml::parse_quickly).or_else(|_| read(yaml::parse))
        }
    };
    Some(match read {
        Ok((action, options)) => {
            let body = options.description.clone().unwrap_or_else(|| body_of(&action));
            let title = options.title.clone().unwrap_or_else(|| title_of(&action));
            let prefix = options.prefix.as_deref().unwrap_or_default();
            let label = match (prefix.is_empty(), title.is_empty()) {
                (true, true) => kind.prefix.to_owned(),
                (true, false) => title,
                (false, true) => prefix.to_owned(),
                (false, false) => format!("{prefix}: {title}"),
            };
            ReadBlock { content: BlockContent::Ready { action }, options, label, body }
        }
        Err(error) => ReadBlock {
            content: BlockContent::Broken { error },
            options: defaults,
            label: format!("{}: {name}", kind.prefix),
            body: text.trim_end().to_owned(),
        },
    })
}

/// Builds the action of a block whose whole text is one argument.
fn plain(
    kind: &ActionKind,
    argument: &str,
    session: Option<&str>,
    text: &str,
    line: u32,
) -> Result<Action, ActionError> {
    let text = Value::from(text);
    let given = session.map(|session| ("session".to_owned(), Value::from(session)));
    build(kind, given.into_iter().chain([(argument.to_owned(), text)]).collect(), line - 1)
}

fn default_options(kind: &ActionKind) -> ActionOptions {
    let cooldown_secs = if kind.name.starts_with("editor:") { 3.0 } else { 1.0 };
    ActionOptions { cooldown_secs, ..ActionOptions::default() }
}

fn read_yaml(
    kind: &ActionKind,
    text: &str,
    line: u32,
    mut options: ActionOptions,
    parse: fn(&str) -> Result<Node, yaml::YamlError>,
) -> Result<(Action, ActionOptions), ActionError> {
    let on = |found: u32| line + found - 1;
    let node = parse(text).map_err(|error| ActionError {
        message: "This block is not valid YAML".to_owned(),
        line: on(error.line),
        reason: error.reason,
    })?;
    if !node.is_null() && !matches!(node.data, yaml::Data::Map(_)) {
        return Err(ActionError {
            message: format!("`{}` takes a YAML mapping", kind.name),
            line: on(node.line),
            reason: format!("the block holds {}; write lines like `name: value`", node.describe()),
        });
    }
    let mut arguments = Map::new();
    for (key, value) in node.entries() {
        if value.is_null() {
            continue;
        }
        let value = &*values::trimmed(value);
        let wrong = |argument: &Argument| ActionError {
            message: format!("`{}` must be {}", argument.name, argument.kind.describe()),
            line: on(value.line),
            reason: format!("it is {}", value.describe()),
        };
        // an argument of the action's own comes before an option of the same name
        if let Some(argument) = kind.argument(&key.text) {
            let read = match argument.name {
                "session" => value.text().map(|session| Value::from(values::session_of(&session))),
                "inputs" => Some(inputs::read(value)),
                _ => convert(argument.kind, value),
            };
            arguments.insert(key.text.clone(), read.ok_or_else(|| wrong(argument))?);
        } else if let Some(option) = COMMON_OPTIONS.iter().find(|option| option.name == key.text) {
            set_option(&mut options, option, value).ok_or_else(|| wrong(option))?;
        }
    }
    let action = build(kind, arguments, line - 1)?;
    Ok((action, options))
}

fn set_option(options: &mut ActionOptions, option: &Argument, node: &Node) -> Option<()> {
    match option.name {
        "title" => options.title = Some(node.text()?),
        "prefix" => options.prefix = Some(node.text()?),
        "description" => options.description = Some(node.text()?),
        "event" => options.event = Some(node.to_json()),
        "autostart" => options.autostart = node.flag()?,
        "cascade" => options.cascade = node.flag()?,
        "hidden" => options.hidden = node.flag()?,
        "pause" => {
            let pause = values::rounded_up(node.number()?)?;
            options.pause_ms = u32::try_from(pause.max(0)).unwrap_or(u32::MAX);
        }
        "cooldown" if node.is_infinite() || node.whole() == Some(-1) => options.once = true,
        "cooldown" => options.cooldown_secs = node.number()?.max(0.0),
        _ => {}
    }
    Some(())
}

/// Parses the table's default for an argument.
fn default_value(kind: ArgumentKind, text: &str) -> Option<Value> {
    let data = match kind {
        ArgumentKind::Flag => yaml::Data::Flag(text == "true"),
        _ => yaml::Data::Text(text.to_owned()),
    };
    convert(kind, &Node { line: 1, column: 1, data })
}

/// Builds the action, with defaults for what the author left out. `line` is the line of the fence.
fn build(kind: &ActionKind, mut arguments: Map<String, Value>, line: u32) -> Result<Action, ActionError> {
    for argument in kind.arguments {
        if arguments.contains_key(argument.name) {
            continue;
        }
        let default = argument.default.and_then(|text| default_value(argument.kind, text));
        match default {
            Some(value) => {
                arguments.insert(argument.name.to_owned(), value);
            }
            None if argument.required => {
                return Err(ActionError {
                    message: format!("`{}` needs `{}`", kind.name, argument.name),
                    line,
                    reason: format!("add a line `{}: …`: {}", argument.name, argument.summary),
                });
            }
            None if matches!(argument.kind, ArgumentKind::Texts | ArgumentKind::Values) => {
                arguments.insert(argument.name.to_owned(), json!([]));
            }
            None => {}
        }
    }
    arguments.insert("action".to_owned(), Value::from(kind.name));
    // the types are right by now; only a number may be too small or too large
    let action: Action = serde_json::from_value(Value::Object(arguments)).map_err(|_| ActionError {
        message: format!("`{}` cannot be read", kind.name),
        line,
        reason: "one of its numbers is negative or too large".to_owned(),
    })?;
    match &action {
        Action::FilesDownloadFile { path: None, url: None, .. }
        | Action::FilesCopyFile { path: None, url: None, .. } => Err(ActionError {
            message: format!("`{}` needs `path` or `url`", kind.name),
            line,
            reason: "add a line `path: …` with a file below the home directory".to_owned(),
        }),
        _ => Ok(settled(action)),
    }
}

/// Replaces what the dialect treats specially: commands that mean Ctrl-C, the terminal `*`, and a timeout of 0.
fn settled(mut action: Action) -> Action {
    if let Action::ExaminerExecuteTest { timeout_secs: timeout_secs @ 0, .. } = &mut action {
        *timeout_secs = DEFAULT_TIMEOUT_SECS;
    }
    let is_interrupt = |command: &str| INTERRUPTS.contains(&command.trim().to_ascii_lowercase().as_str());
    match action {
        Action::TerminalInterrupt { session } if session == EVERY_TERMINAL => Action::TerminalInterruptAll {},
        Action::TerminalClear { session } if session == EVERY_TERMINAL => Action::TerminalClearAll {},
        Action::TerminalExecute { command, session, clear } if session == EVERY_TERMINAL => {
            settled(Action::TerminalExecuteAll { command, clear })
        }
        Action::TerminalExecute { command, session, .. } if is_interrupt(&command) => {
            Action::TerminalInterrupt { session }
        }
        Action::TerminalExecuteAll { command, .. } if is_interrupt(&command) => {
            Action::TerminalInterruptAll {}
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
