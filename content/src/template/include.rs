//! Inserts included files.

use std::borrow::Cow;

use super::pieces::{Kind, Piece, cut};
use super::{NoticeKind, Notices, Sources, Splice};

/// Maximum nesting of included files.
const MAX_DEPTH: usize = 8;
/// Maximum size of all files that a page includes, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of files that a page includes. Each counts as often as it is included.
const MAX_FILES: usize = 1000;

/// Returns a text with the files that it includes, and records in `notices` how places of the result map to places of the
/// text.
pub(super) fn inline<'a>(text: &'a str, sources: &Sources<'_>, notices: &Notices) -> Cow<'a, str> {
    let mut inlining = Inlining { sources, notices, bytes: MAX_BYTES, files: MAX_FILES, splices: Vec::new() };
    let out = inlining.text(text, None, 0);
    notices.splice(inlining.splices);
    out
}

struct Inlining<'a> {
    sources: &'a Sources<'a>,
    notices: &'a Notices,
    /// How many bytes may still be included.
    bytes: usize,
    files: usize,
    splices: Vec<Splice>,
}

impl Inlining<'_> {
    /// Inserts the files that a text includes. `tag` is where the page includes the text; `None` for the page itself.
    fn text<'t>(&mut self, text: &'t str, tag: Option<usize>, depth: usize) -> Cow<'t, str> {
        let pieces = cut(text);
        let is_include = |piece: &Piece<'_>| matches!(piece.kind, Kind::Tag("include" | "render", ..));
        if !pieces.iter().any(is_include) {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        for piece in &pieces {
            let Kind::Tag("include" | "render", rest, _) = piece.kind else {
                out.push_str(piece.whole);
                continue;
            };
            let name = rest.split([' ', ',']).next().unwrap_or_default().trim_matches(['"', '\'']);
            let start = out.len();
            match self.file(name, depth) {
                Some(file) => out.push_str(&self.text(&file, tag.or(Some(piece.offset)), depth + 1)),
                None => {
                    let kind = NoticeKind::MissingInclude(name.to_owned());
                    self.notices.add(tag.unwrap_or(piece.offset), kind);
                    // a set-up script may make the file, long after the page is read
                    let shown = name.replace(['{', '}', '%', '<', '>', '[', ']', '`'], "");
                    out.push_str(&format!(
                        "[{shown}: this file is not part of the lab, so its text is missing here]"
                    ));
                }
            }
            if tag.is_none() {
                self.splices.push(Splice {
                    new: start..out.len(),
                    old: piece.offset..piece.offset + piece.whole.len(),
                });
            }
        }
        Cow::Owned(out)
    }

    fn file(&mut self, name: &str, depth: usize) -> Option<String> {
        if depth >= MAX_DEPTH || self.files == 0 {
            return None;
        }
        self.files -= 1;
        let text = (self.sources.include)(name).filter(|text| text.len() <= self.bytes)?;
        self.bytes -= text.len();
        Some(text)
    }
}
