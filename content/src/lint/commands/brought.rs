//! What brings files into the exercise: steps, scripts of the lab, and sources beside it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use lectern_api::actions::Action;
use regex::Regex;

use crate::blocks::file_of;
use crate::files::LabFile;
use crate::lab::Lab;
use crate::lint::shell::{Step, steps};
use crate::page::code_blocks;
use crate::spec::spec_of;
use crate::yaml::Node;

/// The largest script that is read, in bytes.
const MOST_BYTES: u64 = 256 * 1024;
/// Programs that only read the files that they name.
const READERS: &[&str] = &[
    "cat", "less", "more", "head", "tail", "bat", "ls", "grep", "diff", "wc", "echo", "printf", "kubectl",
    "k", "oc", "tree", "file", "stat", "source", ".", "cd", "pushd", "test", "[", "rm",
];
/// Words of a sentence that has the learner bring a file, followed by its name in backticks.
static ASKED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:creat|sav|writ|call|nam|download|generat|add|past|copy|copied|clon)\w*\b[^.\n`]{0,100}`([^`\s]+)`").ok()
});

/// Adds the names of the files that an action brings.
pub(super) fn by_action(action: &Action, brought: &mut BTreeSet<String>) {
    match action {
        Action::TerminalExecute { command: text, .. }
        | Action::TerminalExecuteAll { command: text, .. }
        | Action::TerminalInput { text, .. }
        | Action::WorkshopCopy { text }
        | Action::WorkshopCopyAndEdit { text } => by_commands(text, brought),
        Action::EditorCopyFile { dest, .. } | Action::EditorRenameFile { dest, .. } => note(dest, brought),
        Action::EditorCreateDirectory { directory } => note(directory, brought),
        Action::FilesUploadFile { path } => note(path, brought),
        Action::EditorOpenFile { .. } => {}
        // any other action of the editor works on a file that is there, or makes it
        other => {
            if let Some(file) = file_of(other) {
                note(&file, brought);
            }
        }
    }
}

/// Adds the names of the files that a page has its reader bring: in blocks that are not clickable, and in words.
pub(super) fn by_page(text: &str, brought: &mut BTreeSet<String>) {
    for (info, body, _) in code_blocks(text) {
        if crate::page::action_name(&info).is_none() {
            by_commands(&body, brought);
        }
    }
    for found in ASKED.iter().flat_map(|pattern| pattern.captures_iter(text)).filter_map(|found| found.get(1))
    {
        note(found.as_str(), brought);
    }
}

/// Adds the names that the lab's set-up scripts, profile and other scripts mention.
pub(super) fn by_scripts(lab: &Lab, brought: &mut BTreeSet<String>) {
    let is_script = |file: &LabFile| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let is_named = name.ends_with(".sh")
            || matches!(name, "Makefile" | "makefile" | "Taskfile.yml" | "justfile" | "profile");
        (file.executable || is_named) && file.link.is_none() && file.size <= MOST_BYTES
    };
    let of_workshop = lab.workshop_files().into_iter().filter(|file| {
        file.path.starts_with("setup.d/") || file.path.starts_with("terminal/") || file.path == "profile"
    });
    for file in of_workshop.chain(lab.home_files()).filter(is_script) {
        let Ok(text) = file.read() else { continue };
        let text = String::from_utf8_lossy(&text);
        by_commands(&text, brought);
        // a script may write a file in any way
        let words = text.split(|letter: char| letter.is_whitespace() || "'\"`;|&()<>=:,".contains(letter));
        words
            .filter(|word| word.contains('.') && !word.starts_with('.'))
            .for_each(|word| note(word, brought));
    }
}

fn by_commands(text: &str, brought: &mut BTreeSet<String>) {
    for step in steps(text) {
        step.outputs.iter().for_each(|file| note(file, brought));
        by_step(&step, brought);
    }
}

fn by_step(step: &Step, brought: &mut BTreeSet<String>) {
    let Some((program, arguments)) = step.program() else { return };
    let copies = arguments.first().is_some_and(|word| word == "cp");
    if READERS.contains(&program) && !copies {
        return;
    }
    for word in arguments {
        let value = word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value);
        note(value, brought);
    }
}

/// Adds the name at the end of a path or address, and the one that a clone or a download of it has.
fn note(path: &str, brought: &mut BTreeSet<String>) {
    let path = path.trim_matches(['"', '\'', '<', '>']).trim_end_matches(['/', ',', ';']);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit(['/', ':']).next().unwrap_or_default();
    let is_name = name.len() > 1 && !name.starts_with('-') && !name.contains(['$', '{', '*']);
    if is_name {
        brought.insert(name.strip_suffix(".git").unwrap_or(name).to_owned());
    }
}

/// Returns whether the lab's resource has files come from where lint does not look: an image or a volume, a program's
/// package, or a source beside the lab's own.
pub(in crate::lint) fn comes_from_elsewhere(lab: &Lab) -> bool {
    let Some(document) = &lab.workshop.document else { return false };
    let spec = spec_of(document);
    let at =
        |path: &[&str]| path.iter().try_fold(spec, |node, key| node.get(key)).filter(|node| !is_empty(node));
    let brings = [
        &["session", "initContainers"][..],
        &["session", "volumeMounts"],
        &["session", "patches", "initContainers"],
        &["environment", "assets"],
        &["workshop", "packages"],
        &["content", "downloads"],
        &["content", "image"],
    ];
    brings.iter().any(|path| at(path).is_some())
        || [&["workshop", "files"][..], &["content", "files"]]
            .iter()
            .filter_map(|path| at(path))
            .any(has_further)
}

/// Returns whether a list of sources names more than the lab itself.
fn has_further(files: &Node) -> bool {
    let is_beside = |source: &Node| {
        let path = source.get("path").and_then(Node::text).unwrap_or_default();
        !matches!(path.trim_end_matches('/'), "" | "." | "/")
    };
    files.items().len() > 1 || files.items().iter().any(is_beside)
}

fn is_empty(node: &Node) -> bool {
    node.is_null() || (node.items().is_empty() && node.entries().is_empty() && node.text().is_none())
}
