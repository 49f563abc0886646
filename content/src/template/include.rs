//! Putting included files where they are included.

use std::borrow::Cow;

use super::pieces::{Kind, Piece, cut};
use super::{NoticeKind, Notices, Sources, Splice};

/// How deep files may include files.
const MAX_DEPTH: usize = 8;
/// The longest text that a page may include, in all.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most files that a page may include, counting each as often as it is included.
const MAX_FILES: usize = 1000;

/// Returns a text with the files that it includes. From then on `notices` knows which place of the text is meant by a
/// place of the result.
pub(super) fn inline<'a>(text: &'a str, sources: &Sources<'_>, notices: &Notices) -> Cow<'a, str> {
    let mut inlining = Inlining { sources, notices, bytes: MAX_BYTES, files: MAX_FILES, splices: Vec::new() };
    let out = inlining.text(text, None, 0);
    notices.splice(inlining.splices);
    out
}

struct Inlining<'a> {
    sources: &'a Sources<'a>,
    notices: &'a Notices,
    /// What may still be included.
    bytes: usize,
    files: usize,
    splices: Vec<Splice>,
}

impl Inlining<'_> {
    /// Puts in what a text includes; `tag` is where the page includes it, unless it is the page itself.
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
