//! The texts of a block: on its bar and in its body.

use lectern_api::actions::Action;
use serde_json::Value;

/// Returns the text of the block's bar: what the action does.
pub(super) fn title_of(action: &Action) -> String {
    use Action as A;
    match action {
        A::TerminalExecute { session, .. } => format!("Run in {}", terminal(session)),
        A::TerminalExecuteAll { .. } => "Run in all terminals".to_owned(),
        A::TerminalInput { session, .. } => format!("Type into {}", terminal(session)),
        A::TerminalInterrupt { session } => format!("Interrupt {}", terminal(session)),
        A::TerminalInterruptAll {} => "Interrupt all terminals".to_owned(),
        A::TerminalClear { session } => format!("Clear {}", terminal(session)),
        A::TerminalClearAll {} => "Clear all terminals".to_owned(),
        A::TerminalSelect { session } => format!("Go to {}", terminal(session)),
        A::WorkshopCopy { .. } => "Copy this text".to_owned(),
        A::WorkshopCopyAndEdit { .. } => "Copy this text, and change it before you use it".to_owned(),
        A::DashboardOpenUrl { .. } => "Open in a browser tab".to_owned(),
        A::DashboardOpenDashboard { name } => format!("Go to the tab \"{name}\""),
        A::DashboardCreateDashboard { name, .. } => format!("Open the tab \"{name}\""),
        A::DashboardDeleteDashboard { name } => format!("Close the tab \"{name}\""),
        A::DashboardReloadDashboard { name, .. } => format!("Reload the tab \"{name}\""),
        A::EditorExecuteCommand { command, .. } => format!("Run the editor's command \"{command}\""),
        A::EditorOpenTerminal { session } => format!("Open the editor's terminal \"{session}\""),
        A::EditorCloseTerminal { session } => format!("Close the editor's terminal \"{session}\""),
        A::EditorInterruptTerminal { session } => format!("Interrupt the editor's terminal \"{session}\""),
        A::EditorClearTerminal { session } => format!("Clear the editor's terminal \"{session}\""),
        A::EditorSendToTerminal { session, .. } => {
            format!("Send text to the editor's terminal \"{session}\"")
        }
        A::EditorCreateDirectory { directory } => format!("Create the folder \"{directory}\""),
        A::EditorCopyFile { src, .. } => format!("Copy file \"{src}\""),
        A::EditorRenameFile { src, .. } => format!("Rename file \"{src}\""),
        A::ExaminerExecuteTest { name, .. } => format!("Check \"{name}\""),
        A::FilesDownloadFile { path, url, .. } => format!("Download file {}", quoted(path, url)),
        A::FilesCopyFile { path, url, .. } => format!("Copy the text of {}", quoted(path, url)),
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

fn terminal(session: &str) -> String {
    if session.trim() == "*" { "all terminals".to_owned() } else { format!("terminal {session}") }
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

/// Returns the text below the block's bar.
pub(super) fn body_of(action: &Action) -> String {
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
        A::EditorDeleteYamlValue { path, .. } => path.clone(),
        A::EditorSelectYamlPath { path, .. } => path.clone().unwrap_or_default(),
        A::DashboardOpenUrl { url } | A::DashboardCreateDashboard { url, .. } => url.clone(),
        A::TerminalInterrupt { .. } | A::TerminalInterruptAll {} => "<ctrl+c>".to_owned(),
        A::EditorCopyFile { dest, .. } | A::EditorRenameFile { dest, .. } => dest.clone(),
        // the bar says everything
        A::TerminalClear { .. }
        | A::TerminalClearAll {}
        | A::TerminalSelect { .. }
        | A::DashboardOpenDashboard { .. }
        | A::DashboardDeleteDashboard { .. }
        | A::DashboardReloadDashboard { .. }
        | A::EditorOpenFile { .. }
        | A::EditorSelectLinesInRange { .. }
        | A::EditorDeleteLinesInRange { .. }
        | A::EditorDeleteTextSelection { .. }
        | A::EditorCloseFile { .. }
        | A::EditorDeleteFile { .. }
        | A::EditorCreateDirectory { .. }
        | A::EditorExecuteCommand { .. }
        | A::EditorOpenTerminal { .. }
        | A::EditorCloseTerminal { .. }
        | A::EditorInterruptTerminal { .. }
        | A::EditorClearTerminal { .. }
        | A::ExaminerExecuteTest { .. }
        | A::FilesDownloadFile { .. }
        | A::FilesCopyFile { .. }
        | A::FilesUploadFile { .. }
        | A::FilesUploadFiles {}
        | A::SectionBegin { .. }
        | A::SectionEnd { .. }
        | A::SectionHeading {} => String::new(),
    }
}
