//! Finding an action by any of its names.

use super::kinds::{ActionKind, Alias, BodyForm};
use super::table::{Action, KINDS};

/// Every alternative name of an action: the forms with a plain body, and the names of older releases.
pub const ALIASES: &[Alias] = &[
    plain("execute", "terminal:execute", "command", Some("1")),
    plain("execute-1", "terminal:execute", "command", Some("1")),
    plain("execute-2", "terminal:execute", "command", Some("2")),
    plain("execute-3", "terminal:execute", "command", Some("3")),
    plain("execute-all", "terminal:execute-all", "command", None),
    plain("copy", "workshop:copy", "text", None),
    plain("copy-and-edit", "workshop:copy-and-edit", "text", None),
    older("dashboard:expose-dashboard", "dashboard:open-dashboard"),
    older("editor:insert-lines-after-line", "editor:append-lines-after-line"),
];

const fn plain(
    name: &'static str,
    action: &'static str,
    argument: &'static str,
    session: Option<&'static str>,
) -> Alias {
    Alias { name, action, body: BodyForm::Plain { argument, session } }
}

const fn older(name: &'static str, action: &'static str) -> Alias {
    Alias { name, action, body: BodyForm::Yaml }
}

/// Finds an action by any of its names, and returns how a body under that name is parsed.
#[must_use]
pub fn find_kind(name: &str) -> Option<(&'static ActionKind, BodyForm)> {
    let (name, body) = ALIASES
        .iter()
        .find(|alias| alias.name == name)
        .map_or((name, BodyForm::Yaml), |alias| (alias.action, alias.body));
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    Some((kind, body))
}

/// Returns whether the dialect has an action of this name.
#[must_use]
pub fn is_action(name: &str) -> bool {
    find_kind(name).is_some()
}

/// Returns whether nothing in a session carries an action out: checks run in the session only, not on another server.
#[must_use]
pub const fn is_unavailable(action: &Action) -> bool {
    matches!(action, Action::ExaminerExecuteTest { url: Some(_), .. })
}

/// The commands that `editor:execute-command` can run: those of VS Code that the workspace's editor has, too. They are
/// carried out by `web/js/editor/commands.ts`.
pub const EDITOR_COMMANDS: &[&str] = &[
    "actions.find",
    "cursorBottom",
    "cursorTop",
    "editor.action.commentLine",
    "editor.action.copyLinesDownAction",
    "editor.action.deleteLines",
    "editor.action.selectAll",
    "editor.action.startFindReplaceAction",
    "editor.foldAll",
    "editor.unfoldAll",
    "explorer.newFile",
    "explorer.newFolder",
    "redo",
    "undo",
    "vscode.open",
    "workbench.action.closeActiveEditor",
    "workbench.action.closeAllEditors",
    "workbench.action.files.newUntitledFile",
    "workbench.action.files.openFile",
    "workbench.action.files.save",
    "workbench.action.files.saveAll",
    "workbench.action.files.saveFiles",
    "workbench.action.findInFiles",
    "workbench.action.focusActiveEditorGroup",
    "workbench.action.gotoLine",
    "workbench.action.nextEditor",
    "workbench.action.previousEditor",
    "workbench.action.toggleSidebarVisibility",
    "workbench.explorer.fileView.focus",
    "workbench.files.action.focusFilesExplorer",
    "workbench.files.action.refreshFilesExplorer",
    "workbench.view.explorer",
    "workbench.view.search",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editors_commands_are_those_that_it_carries_out() {
        let source = include_str!("../../../web/js/editor/commands.ts");
        let (_, table) = source.split_once("const COMMANDS").unwrap();
        let (table, _) = table.split_once("\n};").unwrap();
        let mut carried_out: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
            .map(|(name, _)| name.trim_matches('"'))
            .collect();
        carried_out.sort_unstable();
        let mut known = EDITOR_COMMANDS.to_vec();
        known.sort_unstable();
        assert_eq!(carried_out, known);
    }
}
