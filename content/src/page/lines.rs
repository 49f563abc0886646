//! Maps places of the text that Markdown is read from to places of the author's file.

use std::cell::Cell;

/// Maps lines, which must be asked for in reading order.
pub(crate) struct Lines<'a> {
    /// Number of lines of the file before the page itself.
    offset: u32,
    /// The file's lines after the front matter, and those of the expanded text. `None` if substitution moved no lines.
    moved: Option<(Vec<&'a str>, Vec<&'a str>)>,
    /// The line after the last one found.
    next: Cell<usize>,
}

impl<'a> Lines<'a> {
    /// Compares a page's file, in which the page itself begins at a byte offset, with the expanded text.
    pub(crate) fn new(source: &'a str, start: usize, expanded: &'a str) -> Self {
        let body = &source[start..];
        let count = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
        let moved =
            (count(body) != count(expanded)).then(|| (body.lines().collect(), expanded.lines().collect()));
        Self { offset: u32::try_from(count(&source[..start])).unwrap_or(0), moved, next: Cell::new(0) }
    }

    /// Returns the line of the file for a line of the expanded text. Both count from 1.
    pub(crate) fn of(&self, line: usize) -> u32 {
        let own = match &self.moved {
            None => line,
            Some((body, expanded)) => {
                let wanted = expanded.get(line.saturating_sub(1)).map_or("", |text| text.trim());
                let from = self.next.get().min(body.len());
                match body[from..].iter().position(|text| text.trim() == wanted) {
                    Some(at) => {
                        self.next.set(from + at + 1);
                        from + at + 1
                    }
                    None => line.min(body.len()),
                }
            }
        };
        self.offset + u32::try_from(own).unwrap_or(u32::MAX - self.offset)
    }
}

/// Returns the line and column, from 1, of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(1), u32::try_from(column).unwrap_or(1))
}
