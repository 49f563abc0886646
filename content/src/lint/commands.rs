//! The files that a lab's commands name, and whether anything brings them.

use std::collections::BTreeSet;

use lectern_api::actions::Action;

use super::UNKNOWN_VALUE;
use super::shell::{Step, steps};
use crate::lab::Lab;

mod brought;

pub(super) use brought::comes_from_elsewhere;

/// The exercise's files, and those that its steps bring.
pub(super) struct Exercise {
    home: BTreeSet<String>,
    /// The names of files and folders that a step, a script of the lab or its text brings.
    brought: BTreeSet<String>,
    /// Whether files come from where lint does not look.
    is_open: bool,
    /// Whether the terminal is inside a container, which has files of its own.
    inside: bool,
    /// Whether the terminal is in a folder that lint does not know.
    elsewhere: bool,
}

impl Exercise {
    /// `texts` are the lab's pages, with their variables filled in.
    pub(super) fn new<'a>(
        lab: &Lab,
        texts: impl Iterator<Item = &'a str>,
        actions: impl Iterator<Item = &'a Action>,
    ) -> Self {
        let home: BTreeSet<String> = lab.home_files().into_iter().map(|file| file.path).collect();
        let mut brought = BTreeSet::new();
        actions.for_each(|action| brought::by_action(action, &mut brought));
        texts.for_each(|text| brought::by_page(text, &mut brought));
        brought::by_scripts(lab, &mut brought);
        Self { home, brought, is_open: brought::comes_from_elsewhere(lab), inside: false, elsewhere: false }
    }

    /// Returns the files that an action needs and that neither the lab holds nor anything brings.
    pub(super) fn missing(&mut self, action: &Action) -> Vec<String> {
        let needed = match action {
            Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. } => {
                self.needed(command)
            }
            Action::EditorOpenFile { file, .. } => vec![file.clone()],
            _ => Vec::new(),
        };
        needed.into_iter().filter(|path| !self.is_open && !self.has(path)).collect()
    }

    fn needed(&mut self, command: &str) -> Vec<String> {
        let mut needed = Vec::new();
        for step in steps(command) {
            if self.inside {
                self.inside = step.words.first().is_none_or(|word| word != "exit");
                continue;
            }
            self.inside = goes_inside(&step);
            let Some((program, arguments)) = step.program() else { continue };
            let named: Vec<&str> = match program {
                "cd" | "pushd" => {
                    self.elsewhere = self.leads_elsewhere(arguments.first().map(String::as_str));
                    continue;
                }
                "cat" => arguments.iter().map(String::as_str).collect(),
                "kubectl" | "k" if arguments.iter().any(|word| word == "apply" || word == "create") => {
                    applied(arguments).collect()
                }
                _ => continue,
            };
            let from_home = |path: &&str| path.starts_with('~') || path.starts_with("$HOME");
            let known = named.into_iter().filter(|path| !self.elsewhere || from_home(path));
            needed.extend(known.map(str::to_owned));
        }
        needed
    }

    /// Returns whether a `cd` leads to a folder whose files lint does not know.
    fn leads_elsewhere(&self, folder: Option<&str>) -> bool {
        match folder {
            None | Some("~" | "~/" | "$HOME") => false,
            Some("." | "..") => self.elsewhere,
            Some(folder) => match plain(folder) {
                None => true,
                Some(path) => {
                    let start = format!("{path}/");
                    let within = format!("/{path}/");
                    !self.home.iter().any(|known| known.starts_with(&start) || known.contains(&within))
                }
            },
        }
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
        path.split('/').any(|part| self.brought.contains(part)) || self.home.iter().any(ends)
    }
}

/// Returns the files that `kubectl apply` and the like read.
fn applied(arguments: &[String]) -> impl Iterator<Item = &str> {
    let named = arguments
        .windows(2)
        .filter(|pair| matches!(pair[0].as_str(), "-f" | "--filename"))
        .map(|pair| pair[1].as_str());
    let joined = arguments
        .iter()
        .filter_map(|word| word.strip_prefix("--filename=").or_else(|| word.strip_prefix("-f=")));
    named.chain(joined).flat_map(|list| list.split(','))
}

/// Returns whether what is typed after a step is read by another program or machine.
pub(super) fn goes_inside(step: &Step) -> bool {
    const SHELLS: &[&str] = &["bash", "sh", "zsh", "ash", "/bin/bash", "/bin/sh", "/bin/ash", "/bin/zsh"];
    let Some((program, arguments)) = step.program() else { return false };
    let is_last = |words: &[&str]| arguments.last().is_some_and(|word| words.contains(&word.as_str()));
    let is_interactive = || {
        arguments.iter().any(|word| {
            matches!(word.as_str(), "--stdin" | "--tty" | "--interactive")
                || word.strip_prefix('-').is_some_and(|flags| {
                    !flags.starts_with('-') && flags.len() <= 3 && flags.contains('i') && flags.contains('t')
                })
        })
    };
    match program {
        "kubectl" | "k" | "docker" | "podman" | "oc" | "nerdctl" => {
            let enters = arguments
                .iter()
                .any(|word| matches!(word.as_str(), "exec" | "run" | "attach" | "debug" | "rsh"));
            enters && (is_last(SHELLS) || is_interactive())
        }
        "ssh" | "telnet" | "su" | "chroot" | "nsenter" => true,
        "psql" | "mysql" | "mongo" | "mongosh" | "redis-cli" | "sqlite3" | "nc" | "ncat" => !arguments
            .iter()
            .any(|word| matches!(word.as_str(), "-c" | "-e" | "-f" | "--eval" | "--command" | "-z")),
        "python" | "python3" | "node" | "irb" | "jshell" | "ipython" => arguments.is_empty(),
        "vi" | "vim" | "nano" | "view" | "less" | "more" | "man" | "top" | "htop" | "k9s" | "ed" => true,
        _ => false,
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
        || path.contains(['$', '*', '?', '{', '[', '`', '(', ':', '<', '>', '~', '%', '\\', ' ', '\n'])
        || path.contains(UNKNOWN_VALUE);
    (!unclear).then_some(path)
}
