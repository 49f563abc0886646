//! Reading the text of a clickable block.

use lectern_api::actions::{
    Action, ActionError, ActionKind, ActionOptions, Argument, ArgumentKind, BlockContent, BodyForm,
    COMMON_OPTIONS, find_kind,
};
use serde_json::{Map, Value, json};

use crate::yaml::{self, Node};

/// What a block's text came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadBlock {
    pub content: BlockContent,
    pub options: ActionOptions,
    pub label: String,
    pub body: String,
}

/// The words that, as a whole command, mean Ctrl-C.
const INTERRUPTS: &[&str] = &["<ctrl+c>", "<ctrl-c>"];

/// Reads a block: its name as the author wrote it, its text, and the line of the page on which the text begins.
/// Returns `None` when no action has that name.
pub(crate) fn read(name: &str, text: &str, line: u32) -> Option<ReadBlock> {
    let (kind, form) = find_kind(name)?;
    let defaults = default_options(kind);
    let read = match form {
        BodyForm::Plain { argument, session } => {
            let mut arguments = Map::new();
            arguments.insert(argument.to_owned(), Value::from(text.trim()));
            if let Some(session) = session {
                arguments.insert("session".to_owned(), Value::from(session));
            }
            build(kind, arguments, line).map(|action| (action, defaults.clone()))
        }
        BodyForm::Yaml => read_yaml(kind, text, line, defaults.clone()),
    };
    Some(match read {
        Ok((action, options)) => {
            let body = options.description.clone().unwrap_or_else(|| body_of(&action));
            let title = options.title.clone().unwrap_or_else(|| title_of(&action));
            let prefix = options.prefix.as_deref().unwrap_or(kind.prefix);
            let label = match (prefix.is_empty(), title.is_empty()) {
                (true, _) => title,
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

fn default_options(kind: &ActionKind) -> ActionOptions {
    let cooldown_secs = if kind.name.starts_with("editor:") { 3 } else { 1 };
    ActionOptions { cooldown_secs, ..ActionOptions::default() }
}

fn read_yaml(
    kind: &ActionKind,
    text: &str,
    line: u32,
    mut options: ActionOptions,
) -> Result<(Action, ActionOptions), ActionError> {
    let on = |found: u32| line + found - 1;
    let node = yaml::parse(text).map_err(|error| ActionError {
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
        let wrong = |argument: &Argument| ActionError {
            message: format!("`{}` must be {}", argument.name, argument.kind.describe()),
            line: on(value.line),
            reason: format!("it is {}", value.describe()),
        };
        // an argument of the action's own comes before an option of the same name
        if let Some(argument) = kind.argument(&key.text) {
            let value = convert(argument.kind, value).ok_or_else(|| wrong(argument))?;
            arguments.insert(key.text.clone(), value);
        } else if let Some(option) = COMMON_OPTIONS.iter().find(|option| option.name == key.text) {
            set_option(&mut options, option, value).ok_or_else(|| wrong(option))?;
        }
    }
    let action = build(kind, arguments, line)?;
    Ok((action, options))
}

fn convert(kind: ArgumentKind, node: &Node) -> Option<Value> {
    Some(match kind {
        ArgumentKind::Text => Value::from(node.text()?),
        ArgumentKind::Number => Value::from(node.whole()?),
        ArgumentKind::Flag => Value::from(node.flag()?),
        ArgumentKind::Retries => match node.whole() {
            _ if node.is_infinite() => json!("forever"),
            Some(-1) => json!("forever"),
            Some(times) => json!({"times": u32::try_from(times).ok()?}),
            None => return None,
        },
        ArgumentKind::Texts => match node.text() {
            Some(text) => json!([text]),
            None if matches!(node.data, yaml::Data::List(_)) => {
                node.items().iter().map(|item| item.text().map(Value::from)).collect::<Option<_>>()?
            }
            None => return None,
        },
        ArgumentKind::Values => match node.data {
            yaml::Data::List(_) => node.to_json(),
            _ => json!([node.to_json()]),
        },
        ArgumentKind::Value => node.to_json(),
    })
}

fn set_option(options: &mut ActionOptions, option: &Argument, node: &Node) -> Option<()> {
    let amount = || node.whole().map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
    match option.name {
        "title" => options.title = Some(node.text()?),
        "prefix" => options.prefix = Some(node.text()?),
        "description" => options.description = Some(node.text()?),
        "event" => options.event = Some(node.text()?),
        "autostart" => options.autostart = node.flag()?,
        "cascade" => options.cascade = node.flag()?,
        "hidden" => options.hidden = node.flag()?,
        "pause" => options.pause_ms = amount()?,
        "cooldown" if node.is_infinite() => options.once = true,
        "cooldown" => options.cooldown_secs = amount()?,
        _ => {}
    }
    Some(())
}

/// Makes the action, with what the author left out.
fn build(kind: &ActionKind, mut arguments: Map<String, Value>, line: u32) -> Result<Action, ActionError> {
    for argument in kind.arguments {
        if arguments.contains_key(argument.name) {
            continue;
        }
        let default = argument.default.and_then(|text| convert(argument.kind, &yaml::parse(text).ok()?));
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
    let action: Action = serde_json::from_value(Value::Object(arguments)).map_err(|error| ActionError {
        message: format!("`{}` cannot be read", kind.name),
        line,
        reason: error.to_string(),
    })?;
    match &action {
        Action::FilesDownloadFile { path: None, url: None, .. }
        | Action::FilesCopyFile { path: None, url: None, .. } => Err(ActionError {
            message: format!("`{}` needs `path` or `url`", kind.name),
            line,
            reason: "add a line `path: …` with a file below the home directory".to_owned(),
        }),
        _ => Ok(interrupts(action)),
    }
}

fn interrupts(action: Action) -> Action {
    let is_interrupt = |command: &str| INTERRUPTS.contains(&command.trim().to_ascii_lowercase().as_str());
    match action {
        Action::TerminalExecute { command, session, .. } if is_interrupt(&command) => {
            Action::TerminalInterrupt { session }
        }
        Action::TerminalExecuteAll { command, .. } if is_interrupt(&command) => {
            Action::TerminalInterruptAll {}
        }
        other => other,
    }
}

/// Says what the action does, as the block's bar shows it.
fn title_of(action: &Action) -> String {
    use Action as A;
    match action {
        A::TerminalExecute { session, .. } => format!("Execute command in terminal \"{session}\""),
        A::TerminalExecuteAll { .. } => "Execute command in all terminals".to_owned(),
        A::TerminalInput { session, .. } => format!("Input text to terminal \"{session}\""),
        A::TerminalInterrupt { session } => format!("Interrupt command in terminal \"{session}\""),
        A::TerminalInterruptAll {} => "Interrupt commands in all terminals".to_owned(),
        A::TerminalClear { session } => format!("Clear terminal \"{session}\""),
        A::TerminalClearAll {} => "Clear all terminals".to_owned(),
        A::TerminalSelect { session } => format!("Select terminal \"{session}\""),
        A::WorkshopCopy { .. } => "Copy text to paste buffer".to_owned(),
        A::WorkshopCopyAndEdit { .. } => "Copy text to paste buffer, and change values before use".to_owned(),
        A::DashboardOpenUrl { .. } => "Open URL in browser".to_owned(),
        A::DashboardOpenDashboard { name } => format!("Open dashboard \"{name}\""),
        A::DashboardCreateDashboard { name, .. } => format!("Create dashboard \"{name}\""),
        A::DashboardDeleteDashboard { name } => format!("Delete dashboard \"{name}\""),
        A::DashboardReloadDashboard { name, .. } => format!("Reload dashboard \"{name}\""),
        A::EditorExecuteCommand { command, .. } => format!("Execute command \"{command}\""),
        A::EditorOpenTerminal { session } => format!("Open terminal \"{session}\""),
        A::EditorCloseTerminal { session } => format!("Close terminal \"{session}\""),
        A::EditorInterruptTerminal { session } => format!("Interrupt terminal \"{session}\""),
        A::EditorClearTerminal { session } => format!("Clear terminal \"{session}\""),
        A::EditorSendToTerminal { session, .. } => format!("Send text to terminal \"{session}\""),
        A::EditorCreateDirectory { directory } => format!("Create directory \"{directory}\""),
        A::EditorCopyFile { src, .. } => format!("Copy file \"{src}\""),
        A::EditorRenameFile { src, .. } => format!("Rename file \"{src}\""),
        A::ExaminerExecuteTest { name, .. } => format!("Verify \"{name}\""),
        A::FilesDownloadFile { path, url, .. } => format!("Download file {}", quoted(path, url)),
        A::FilesCopyFile { path, url, .. } => format!("Copy file {} to paste buffer", quoted(path, url)),
        A::FilesUploadFile { path } => format!("Upload file \"{path}\""),
        A::FilesUploadFiles {} => "Upload files".to_owned(),
        A::SectionBegin { .. } | A::SectionHeading {} => "Instructions".to_owned(),
        A::SectionEnd { .. } => String::new(),
        other => match (verb_of(other.name()), file_of(other)) {
            (verb, Some(file)) => format!("{verb} \"{file}\""),
            (verb, None) => verb,
        },
    }
}

/// Turns `editor:select-matching-text` into `Select matching text in file`.
fn verb_of(name: &str) -> String {
    let verb = name.split_once(':').map_or(name, |(_, verb)| verb).replace('-', " ");
    let mut letters = verb.chars();
    let capitalised: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if capitalised.ends_with("file") { capitalised } else { format!("{capitalised} in file") }
}

fn quoted(path: &Option<String>, url: &Option<String>) -> String {
    format!("\"{}\"", path.as_deref().or(url.as_deref()).unwrap_or_default())
}

/// Returns the file that an editor action works on.
pub(crate) fn file_of(action: &Action) -> Option<String> {
    let wire = serde_json::to_value(action).ok()?;
    Some(wire.get("file")?.as_str()?.to_owned())
}

/// Returns what the block shows below its bar.
fn body_of(action: &Action) -> String {
    use Action as A;
    let inline = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    match action {
        A::TerminalExecute { command, .. } | A::TerminalExecuteAll { command, .. } => command.clone(),
        A::TerminalInput { text, .. }
        | A::WorkshopCopy { text }
        | A::WorkshopCopyAndEdit { text }
        | A::EditorSendToTerminal { text, .. }
        | A::EditorSelectMatchingText { text, .. }
        | A::EditorReplaceLinesInRange { text, .. }
        | A::EditorReplaceTextSelection { text, .. }
        | A::EditorInsertLinesBeforeSelection { text, .. }
        | A::EditorAppendLinesAfterSelection { text, .. }
        | A::EditorAppendLinesToFile { text, .. }
        | A::EditorPrependLinesToFile { text, .. }
        | A::EditorInsertLinesBeforeLine { text, .. }
        | A::EditorAppendLinesAfterLine { text, .. }
        | A::EditorAppendLinesAfterMatch { text, .. }
        | A::EditorInsertLinesBeforeMatch { text, .. } => text.clone(),
        A::EditorCreateFile { text, .. } => text.clone().unwrap_or_default(),
        A::EditorReplaceMatchingText { replacement, .. } => replacement.clone(),
        A::EditorDeleteMatchingLines { pattern, .. } => pattern.clone(),
        A::EditorSetYamlValue { value, .. }
        | A::EditorAddYamlItem { value, .. }
        | A::EditorInsertYamlItem { value, .. }
        | A::EditorReplaceYamlItem { value, .. }
        | A::EditorMergeYamlValues { value, .. }
        | A::EditorInsertValueIntoYaml { value, .. } => inline(value),
        A::EditorDeleteYamlValue { path, .. } | A::EditorSelectYamlPath { path, .. } => path.clone(),
        A::DashboardOpenUrl { url } | A::DashboardCreateDashboard { url, .. } => url.clone(),
        A::TerminalInterrupt { .. } | A::TerminalInterruptAll {} => "<ctrl+c>".to_owned(),
        A::EditorCopyFile { dest, .. } | A::EditorRenameFile { dest, .. } => dest.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use lectern_api::actions::{KINDS, Retries};

    use super::*;

    fn action(name: &str, text: &str) -> Action {
        match read(name, text, 10).unwrap().content {
            BlockContent::Ready { action } => action,
            BlockContent::Broken { error } => panic!("{error:?}"),
        }
    }

    fn error(name: &str, text: &str) -> ActionError {
        match read(name, text, 10).unwrap().content {
            BlockContent::Broken { error } => error,
            BlockContent::Ready { action } => panic!("{action:?}"),
        }
    }

    #[test]
    fn plain_and_yaml_bodies_mean_the_same() {
        assert_eq!(action("execute-2", "ls\n"), action("terminal:execute", "command: ls\nsession: 2"));
        assert_eq!(action("copy", " x "), action("workshop:copy", "text: x"));
        assert_eq!(
            action("dashboard:expose-dashboard", "name: A"),
            action("dashboard:open-dashboard", "name: A")
        );
    }

    #[test]
    fn ctrl_c_is_an_interrupt() {
        assert_eq!(action("execute-2", "<ctrl+c>\n"), Action::TerminalInterrupt { session: "2".into() });
        assert_eq!(action("execute-all", "<ctrl-c>"), Action::TerminalInterruptAll {});
    }

    #[test]
    fn every_action_is_read_from_its_arguments() {
        for kind in KINDS {
            let body: String = kind
                .arguments
                .iter()
                .map(|argument| match argument.kind {
                    ArgumentKind::Number | ArgumentKind::Retries => format!("{}: 2\n", argument.name),
                    ArgumentKind::Flag => format!("{}: true\n", argument.name),
                    ArgumentKind::Texts | ArgumentKind::Values => format!("{}: [a]\n", argument.name),
                    ArgumentKind::Text | ArgumentKind::Value => format!("{}: some\n", argument.name),
                })
                .collect();
            assert_eq!(action(kind.name, &body).name(), kind.name);
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let Action::ExaminerExecuteTest { timeout_secs, retries, delay_secs, args, .. } =
            action("examiner:execute-test", "name: t")
        else {
            panic!("another action");
        };
        assert_eq!((timeout_secs, retries, delay_secs, args.len()), (15, Retries::Times(0), 1, 0));
        assert_eq!(
            action("editor:open-terminal", ""),
            Action::EditorOpenTerminal { session: "educates".into() }
        );
    }

    #[test]
    fn retries_may_be_without_end() {
        for body in ["name: t\nretries: .INF", "name: t\nretries: -1"] {
            assert!(matches!(
                action("examiner:execute-test", body),
                Action::ExaminerExecuteTest { retries: Retries::Forever, .. }
            ));
        }
    }

    #[test]
    fn options_are_read_and_unknown_keys_ignored() {
        let block = read(
            "terminal:execute",
            "command: ls\ntitle: Look\nprefix: Task\ncascade: true\npause: 10\ncooldown: .inf\nwhat: ever",
            1,
        )
        .unwrap();
        assert_eq!(block.label, "Task: Look");
        assert!(block.options.cascade && block.options.once);
        assert_eq!(block.options.pause_ms, 10);
    }

    #[test]
    fn an_error_names_its_line_of_the_page() {
        assert_eq!(error("terminal:execute", "command: a\nsession: [\n").line / 10, 1);
        assert_eq!(error("editor:open-file", "file: a\nline: abc").line, 11);
        assert!(error("editor:open-file", "line: 3").message.contains("`file`"));
        assert!(error("terminal:execute", "just text").reason.contains("text"));
    }

    #[test]
    fn an_unknown_name_is_no_action() {
        assert!(read("bash", "ls", 1).is_none());
        assert!(read("terminal:explode", "command: ls", 1).is_none());
    }
}
