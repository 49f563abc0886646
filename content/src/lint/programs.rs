//! Programs that commands run and that no workbench has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use lectern_api::actions::Action;
use regex::Regex;

use super::commands::{comes_from_elsewhere, goes_inside};
use super::shell::{Step, steps};
use super::workspace::Places;
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::rules::Rule;

/// The programs of the workbench's image. A test holds its head against the image's recipe.
const PROGRAMS: &str = include_str!("programs.txt");
/// What the shell does itself, and the aliases of the workbench's shell.
const OF_THE_SHELL: &[&str] = &[
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "done",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "in",
    "jobs",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
    "ll",
];
/// Programs that install others, under names of which lint knows nothing.
const INSTALLERS: &[&str] = &[
    "apt", "apt-get", "apk", "asdf", "brew", "cargo", "conda", "dnf", "gem", "go", "mise", "npm", "pip",
    "pip3", "pipx", "poetry", "sdk", "snap", "yarn", "yum",
];
/// Texts that change which programs there are.
const OPENERS: &[&str] =
    &["PATH=", "| bash", "| sh", "|bash", "|sh", "| sudo bash", "| sudo sh", "/bin/activate"];

/// The names that a text gives to functions and aliases.
static DEFINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)\balias\s+([\w.+-]+)=|^\s*([\w.+-]+)\s*\(\)|\bfunction\s+([\w.+-]+)").ok()
});
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[a-z][a-z0-9_.+-]+$").ok());

/// The programs that a lab's commands run.
pub(super) struct Programs {
    known: BTreeSet<&'static str>,
    /// Those that the lab brings.
    own: BTreeSet<String>,
    /// Whether it may bring any.
    is_open: bool,
    /// The terminals in which another program reads what is typed.
    inside: BTreeSet<String>,
    absent: BTreeMap<String, Places>,
}

impl Programs {
    /// `actions` are those of all pages: some bring programs.
    pub(super) fn new<'a>(lab: &Lab, actions: impl Iterator<Item = &'a Action>) -> Self {
        let mut programs = Self {
            known: programs().chain(OF_THE_SHELL.iter().copied()).collect(),
            own: BTreeSet::new(),
            is_open: comes_from_elsewhere(lab) || lab.spec.workbench_image.is_some(),
            inside: BTreeSet::new(),
            absent: BTreeMap::new(),
        };
        for file in lab.home_files().into_iter().chain(lab.workshop_files()).filter(|file| file.executable) {
            programs.own.extend(file.path.rsplit('/').next().map(str::to_owned));
        }
        for file in lab.workshop_files() {
            let path = file.path.as_str();
            if path.starts_with("setup.d/") || path.starts_with("terminal/") || path == "profile" {
                programs.learn_script(&String::from_utf8_lossy(&file.read().unwrap_or_default()));
            }
        }
        for action in actions {
            if let Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. } =
                action
            {
                programs.learn(command);
            }
        }
        programs
    }

    /// Learns what a set-up script brings: any name in it may be that of a program.
    fn learn_script(&mut self, text: &str) {
        self.learn(text);
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_.+-".contains(letter)));
        self.own.extend(words.filter(|word| word.len() > 1).map(str::to_owned));
    }

    /// Learns what a command brings.
    fn learn(&mut self, text: &str) {
        self.is_open |= OPENERS.iter().any(|opener| text.contains(opener));
        for found in DEFINED.iter().flat_map(|pattern| pattern.captures_iter(text)) {
            self.own.extend(found.iter().skip(1).flatten().map(|name| name.as_str().to_owned()));
        }
        for step in steps(text) {
            let Some((program, arguments)) = step.program() else { continue };
            if INSTALLERS.contains(&program) {
                let is_install =
                    |word: &String| matches!(word.as_str(), "install" | "i" | "add" | "get" | "global");
                self.is_open |= arguments.iter().any(is_install);
            }
            if matches!(program, "curl" | "wget" | "chmod" | "mv" | "cp" | "ln" | "install" | "tar" | "unzip")
            {
                let names = arguments.iter().chain(&step.outputs).filter_map(|word| word.rsplit('/').next());
                self.own.extend(names.map(str::to_owned));
            }
        }
    }

    /// Notes an action of a page.
    pub(super) fn note(&mut self, action: &Action, file: &str, line: u32) {
        match action {
            Action::TerminalExecute { command, session, .. } => {
                let session = session.trim();
                for step in steps(command) {
                    self.step(&step, session, file, line);
                }
            }
            Action::TerminalInterrupt { session } => {
                self.inside.remove(session.trim());
            }
            Action::TerminalInterruptAll {} => self.inside.clear(),
            _ => {}
        }
    }

    fn step(&mut self, step: &Step, session: &str, file: &str, line: u32) {
        if self.inside.contains(session) {
            let first = step.words.first().map(|word| word.trim_start_matches(['\\', ':']).to_lowercase());
            if first.is_some_and(|word| {
                matches!(word.as_str(), "exit" | "quit" | "q" | "q!" | "wq" | "wq!" | "x" | "exit()")
            }) {
                self.inside.remove(session);
            }
            return;
        }
        if goes_inside(step) {
            self.inside.insert(session.to_owned());
        }
        let Some((program, _)) = step.program() else { return };
        let is_name = NAME.as_ref().is_some_and(|pattern| pattern.is_match(program));
        if is_name && !self.known.contains(program) && !self.own.contains(program) {
            Places::add(&mut self.absent, program, file, line);
        }
    }

    /// Returns the findings about all that was noted.
    pub(super) fn findings(&self) -> Vec<Diagnostic> {
        if self.is_open {
            return Vec::new();
        }
        let found = self.absent.iter().map(|(name, places)| {
            places.finding(Rule::MissingProgram, &format!("The workbench has no program `{name}`")).hint(
                "bring it in bin/ or workshop/setup.d, name a package in workshop.packages, or an image in workshop.image",
            )
        });
        found.collect()
    }
}

fn programs() -> impl Iterator<Item = &'static str> {
    PROGRAMS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_list_of_programs_is_that_of_the_present_image() {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/images/workbench/image.toml");
        let recipe = std::fs::read_to_string(recipe).unwrap();
        let quoted =
            |text: &str| -> Vec<String> { text.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
        let packages = recipe.split("packages = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
        let inputs = recipe.lines().filter(|line| line.starts_with("name = "));
        let wanted = [
            format!("# Packages: {}", quoted(packages).join(" ")),
            format!("# Inputs: {}", inputs.flat_map(quoted).collect::<Vec<_>>().join(" ")),
        ];
        let head: Vec<_> = PROGRAMS.lines().take(2).collect();
        assert_eq!(
            head, wanted,
            "the workbench's image holds other packages: build it, and write the names in its /usr/bin, /usr/sbin, /bin, /sbin \
             and /usr/local/bin into content/src/lint/programs.txt below these two lines"
        );
        let known: BTreeSet<_> = programs().collect();
        for program in
            ["bash", "kubectl", "git", "jq", "vim", "nano", "curl", "tree", "tmux", "sed", "tar", "gzip"]
        {
            assert!(known.contains(program), "{program}");
        }
        assert!(!known.contains("docker") && !known.contains("python3"));
    }
}
