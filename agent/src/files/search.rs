//! Finding a text in files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use lectern_api::agent::{FileReply, MAX_MATCHES};
use lectern_api::files::FileMatch;

/// The largest file that is searched, in bytes.
const MAX_SEARCHED_BYTES: u64 = 2 * 1024 * 1024;
/// How long a search may take.
const SEARCH_TIME: Duration = Duration::from_secs(8);
/// How much of a line is shown before the text and in all, in characters.
const SHOWN_BEFORE: usize = 60;
const SHOWN: usize = 200;
/// Folders that hold what programs made, not what people wrote.
const SKIPPED: [&str; 5] = [".git", "node_modules", ".cache", "__pycache__", ".venv"];

struct Search<'a> {
    text: String,
    match_case: bool,
    until: Instant,
    matches: Vec<FileMatch>,
    is_cut: bool,
    root: &'a Path,
}

pub fn search(root: &Path, text: &str, match_case: bool) -> io::Result<FileReply> {
    // fails if the folder cannot be read
    drop(std::fs::read_dir(root)?);
    let text = if match_case { text.to_owned() } else { text.to_lowercase() };
    let until = Instant::now() + SEARCH_TIME;
    let mut search = Search { text, match_case, until, matches: Vec::new(), is_cut: false, root };
    if !search.text.is_empty() {
        search.folder(search.root);
    }
    Ok(FileReply::Matches { matches: search.matches, is_cut: search.is_cut })
}

impl Search<'_> {
    /// Searches a folder. What cannot be read is passed over.
    fn folder(&mut self, folder: &Path) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            if self.matches.len() >= MAX_MATCHES || Instant::now() > self.until {
                self.is_cut = true;
                return;
            }
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if kind.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    self.folder(&entry.path());
                }
            } else if kind.is_file()
                && entry.metadata().is_ok_and(|metadata| metadata.len() <= MAX_SEARCHED_BYTES)
            {
                self.file(&entry.path());
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_SEARCHED_BYTES).read_to_end(&mut bytes));
        // a file that is not text
        let Ok(content) = String::from_utf8(bytes) else { return };
        if read.is_err() || content.contains('\0') {
            return;
        }
        for (line, number) in content.lines().zip(1..) {
            let Some(start) = self.find(line) else { continue };
            if self.matches.len() >= MAX_MATCHES {
                self.is_cut = true;
                return;
            }
            let column = line.chars().take(start).map(char::len_utf16).sum::<usize>() + 1;
            let shown = line.chars().skip(start.saturating_sub(SHOWN_BEFORE)).take(SHOWN).collect();
            self.matches.push(FileMatch {
                path: path.to_string_lossy().into_owned(),
                line: number,
                column: u32::try_from(column).unwrap_or(u32::MAX),
                text: shown,
            });
        }
    }

    /// Returns before how many characters of the line the text is.
    fn find(&self, line: &str) -> Option<usize> {
        if self.match_case {
            return line.find(&self.text).map(|at| line[..at].chars().count());
        }
        // case changes the length of few characters, and then this is a little off
        let lower = line.to_lowercase();
        lower.find(&self.text).map(|at| lower[..at].chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Path, text: &str, match_case: bool) -> Vec<(String, u32, u32)> {
        let Ok(FileReply::Matches { matches, .. }) = search(root, text, match_case) else {
            panic!("refused")
        };
        let relative = |path: &str| path[root.display().to_string().len() + 1..].to_owned();
        matches.iter().map(|found| (relative(&found.path), found.line, found.column)).collect()
    }

    #[test]
    fn a_text_is_found_by_file_and_line_and_what_is_not_text_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        write("b/deep.yaml", "kind: Pod\n# \u{1f600} a Pod\n".as_bytes());
        write("a.txt", b"nothing\npod");
        write("binary", b"Pod\0");
        write(".git/config", b"Pod");
        std::os::unix::fs::symlink("a.txt", dir.path().join("link")).unwrap();
        let deep = || "b/deep.yaml".to_owned();
        assert_eq!(found(dir.path(), "Pod", true), [(deep(), 1, 7), (deep(), 2, 8)]);
        assert_eq!(found(dir.path(), "pod", false).len(), 3);
        assert!(found(dir.path(), "", true).is_empty());
        write("many", "pod\n".repeat(MAX_MATCHES + 1).as_bytes());
        let Ok(FileReply::Matches { matches, is_cut }) = search(dir.path(), "pod", true) else { panic!() };
        assert_eq!((matches.len(), is_cut), (MAX_MATCHES, true));
    }
}
