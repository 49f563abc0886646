//! The files that a lab's commands name, and whether they exist.

use std::collections::BTreeSet;

use lectern_api::actions::Action;

use super::UNKNOWN_VALUE;
use crate::blocks::file_of;
use crate::files::LabFile;

/// The exercise's files, and those that its steps create.
pub(super) struct Exercise {
    home: BTreeSet<String>,
    made: BTreeSet<String>,
    /// Whether the terminal is inside a container, which has files of its own.
    inside: bool,
}

impl Exercise {
    pub(super) fn new<'a>(home: &[LabFile], actions: impl Iterator<Item = &'a Action>) -> Self {
        let mut made = BTreeSet::new();
        for action in actions {
            made_by(action, &mut made);
        }
        Self { home: home.iter().map(|file| file.path.clone()).collect(), made, inside: false }
    }

    /// Returns the files that an action needs and that neither the lab holds nor a step creates.
    pub(super) fn missing(&mut self, action: &Action) -> Vec<String> {
        let needed = match action {
            Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. } => {
                self.needed(command)
            }
            Action::EditorOpenFile { file, .. } => vec![file.clone()],
            _ => Vec::new(),
        };
        needed.into_iter().filter(|path| !self.has(path)).collect()
    }

    fn needed(&mut self, command: &str) -> Vec<String> {
        let mut needed = Vec::new();
        if command.contains("<<") {
            return needed;
        }
        for step in command.split(['\n', ';', '|']).flat_map(|line| line.split("&&")) {
            let step = step.split(" #").next().unwrap_or_default();
            let words: Vec<&str> = step.split_whitespace().collect();
            if self.inside {
                self.inside = words.first() != Some(&"exit");
                continue;
            }
            match words.as_slice() {
                ["kubectl", "exec", .., "bash" | "sh" | "/bin/bash" | "/bin/sh"]
                | ["docker", "exec", .., "bash" | "sh"] => {
                    self.inside = true;
                }
                ["cat", files @ ..] => {
                    let named =
                        files.iter().take_while(|word| !word.starts_with('>') && !word.starts_with('<'));
                    needed.extend(named.map(|word| (*word).to_owned()));
                }
                ["kubectl", rest @ ..] if rest.iter().any(|word| matches!(*word, "apply" | "create")) => {
                    let named = rest
                        .windows(2)
                        .filter(|pair| matches!(pair[0], "-f" | "--filename"))
                        .map(|pair| pair[1]);
                    let joined = rest.iter().filter_map(|word| {
                        word.strip_prefix("--filename=").or_else(|| word.strip_prefix("-f="))
                    });
                    needed.extend(named.chain(joined).map(str::to_owned));
                }
                _ => {}
            }
        }
        needed
    }

    fn has(&self, path: &str) -> bool {
        let path = path.trim_matches(['"', '\'']);
        let Some(path) = plain(path) else { return true };
        let ends = |known: &String| {
            known == path
                || known.ends_with(&format!("/{path}"))
                || known.starts_with(&format!("{path}/"))
                || known.contains(&format!("/{path}/"))
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        self.home.iter().any(ends) || self.made.contains(name)
    }
}

/// Returns a path relative to the home directory. Returns `None` if lint cannot know where it leads.
fn plain(path: &str) -> Option<&str> {
    let path = ["~/", "$HOME/", "${HOME}/", "/home/eduk8s/", "./"]
        .iter()
        .find_map(|start| path.strip_prefix(start))
        .unwrap_or(path);
    let path = path.trim_end_matches('/');
    let unclear = path.is_empty()
        || path.starts_with(['/', '-', '.'])
        || path.contains(['$', '*', '?', '{', '`', '(', ':', '<', '>', '~', '%', '\\'])
        || path.contains(UNKNOWN_VALUE);
    (!unclear).then_some(path)
}

/// Adds the names of the files that an action creates.
fn made_by(action: &Action, made: &mut BTreeSet<String>) {
    let mut note = |path: &str| {
        let name =
            path.trim_matches(['"', '\'']).trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        made.insert(name.to_owned());
    };
    match action {
        Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. } => {
            for line in command.lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                for pair in words
                    .windows(2)
                    .filter(|pair| pair[0].ends_with('>') || pair[0] == "tee" || pair[0] == "-o")
                {
                    note(pair[1]);
                }
                for word in words.iter().filter_map(|word| word.rsplit_once('>')).map(|(_, file)| file) {
                    note(word);
                }
                if matches!(
                    words.first(),
                    Some(
                        &("touch"
                            | "cp"
                            | "mv"
                            | "mkdir"
                            | "git"
                            | "curl"
                            | "wget"
                            | "tar"
                            | "unzip"
                            | "helm"
                            | "vi"
                            | "vim"
                            | "nano")
                    )
                ) {
                    words.iter().skip(1).for_each(|word| note(word));
                }
            }
        }
        Action::EditorCopyFile { dest, .. } | Action::EditorRenameFile { dest, .. } => note(dest),
        Action::EditorCreateFile { .. }
        | Action::EditorAppendLinesToFile { .. }
        | Action::EditorPrependLinesToFile { .. } => {
            note(&file_of(action).unwrap_or_default());
        }
        Action::EditorCreateDirectory { directory } => note(directory),
        Action::FilesUploadFile { path } => note(path),
        _ => {}
    }
}
