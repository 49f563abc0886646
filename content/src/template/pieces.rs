//! Cuts a text into plain text, `{{ }}` and `{% %}` in one pass.

use super::MAX_TAG_BYTES;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The byte offset at which it begins.
    pub offset: usize,
    /// Its whole text.
    pub whole: &'a str,
    pub kind: Kind<'a>,
}

/// The kind of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Text to keep: the content of a raw block, nothing of a comment.
    Text(&'a str),
    /// The text between `{{` and `}}`, and whether blanks around it are trimmed.
    Output(&'a str, Trim),
    /// A tag's name and the text after it.
    Tag(&'a str, &'a str, Trim),
}

/// Whether blanks around a piece are trimmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trim {
    pub before: bool,
    pub after: bool,
}

/// Cuts a text into pieces.
pub(super) fn cut(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = text[at..].find('{').map(|offset| at + offset) {
        let Some(mut piece) = piece_at(text, found) else {
            at = found + 1;
            continue;
        };
        let mut end = found + piece.whole.len();
        if let Kind::Tag(name @ ("raw" | "comment"), ..) = piece.kind {
            let Some((inner, after)) = block_end(text, end, name) else {
                // nothing closes it: it is text, and so is everything after it
                break;
            };
            let kept = if name == "raw" { inner } else { "" };
            piece = Piece { offset: found, whole: &text[found..after], kind: Kind::Text(kept) };
            end = after;
        }
        push_text(&mut pieces, text, from, found);
        pieces.push(piece);
        (from, at) = (end, end);
    }
    push_text(&mut pieces, text, from, text.len());
    pieces
}

fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str, from: usize, to: usize) {
    if from < to {
        let whole = &text[from..to];
        pieces.push(Piece { offset: from, whole, kind: Kind::Text(whole) });
    }
}

fn piece_at(text: &str, at: usize) -> Option<Piece<'_>> {
    let close = match text.as_bytes().get(at + 1)? {
        b'{' => "}}",
        b'%' => "%}",
        _ => return None,
    };
    let window = window(text, at + 2);
    let length = window.find(close)?;
    let inner = &window[..length];
    let whole = &text[at..at + 2 + length + 2];
    let (inner, before) = inner.strip_prefix('-').map_or((inner, false), |rest| (rest, true));
    let (inner, after) = inner.strip_suffix('-').map_or((inner, false), |rest| (rest, true));
    let (inner, trim) = (inner.trim(), Trim { before, after });
    let kind = if close == "}}" {
        Kind::Output(inner, trim)
    } else {
        let (name, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        Kind::Tag(name, rest.trim(), trim)
    };
    Some(Piece { offset: at, whole, kind })
}

/// Returns the beginning of a text, as long as a tag may be.
pub(super) fn window(text: &str, from: usize) -> &str {
    let mut to = text.len().min(from + MAX_TAG_BYTES);
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[from..to]
}

/// Finds the end of a raw block or comment. Returns its content and the offset after it.
fn block_end<'a>(text: &'a str, from: usize, name: &str) -> Option<(&'a str, usize)> {
    let mut at = from;
    loop {
        let found = at + text[at..].find("{%")?;
        if let Some(Piece { whole, kind: Kind::Tag(end, ..), .. }) = piece_at(text, found)
            && end.strip_prefix("end") == Some(name)
        {
            return Some((&text[from..found], found + whole.len()));
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_block_is_text() {
        let pieces = cut("a {% raw %}{{ b }}{% endraw %} {{ c }}");
        let kinds: Vec<_> = pieces.iter().map(|piece| piece.kind).collect();
        assert_eq!(
            kinds,
            [Kind::Text("a "), Kind::Text("{{ b }}"), Kind::Text(" "), Kind::Output("c", Trim::default())]
        );
    }

    #[test]
    fn the_pieces_make_up_the_text() {
        let text = "x {{- a -}} {% if b %}{{% c %}} {% raw %} {{ open";
        let joined: String = cut(text).iter().map(|piece| piece.whole).collect();
        assert_eq!(joined, text);
    }
}
