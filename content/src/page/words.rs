//! Keeps words in angle brackets at the beginning of a line from being read as HTML, with the lines that follow them.

use comrak::nodes::{Node, NodeValue};
use comrak::{Arena, parse_document};

use super::{OPTIONS, quotes_deeply};
use crate::html::tags::Tags;

/// How often to look again: a list that such a line hid may hold the next one.
const MAX_ROUNDS: usize = 4;

/// Returns a page with a backslash before each such word, so that it is text in a paragraph. Lines keep their numbers.
pub(crate) fn keep_words(text: String) -> String {
    let mut text = text;
    for _ in 0..MAX_ROUNDS {
        if !text.lines().any(may_begin_html) || quotes_deeply(&text) {
            break;
        }
        let places = places(&text);
        if places.is_empty() {
            break;
        }
        let (mut out, mut copied) = (String::with_capacity(text.len() + places.len()), 0);
        for place in places {
            out.push_str(&text[copied..place]);
            out.push('\\');
            copied = place;
        }
        out.push_str(&text[copied..]);
        text = out;
    }
    text
}

/// Returns whether a line may begin a block of HTML.
fn may_begin_html(line: &str) -> bool {
    let marks = |letter: char| {
        letter.is_ascii_digit()
            || matches!(letter, ' ' | '\t' | '>' | '-' | '+' | '*' | '.' | ')' | ':' | '[' | ']' | '^')
    };
    line.trim_start_matches(marks).strip_prefix('<').is_some_and(|rest| {
        rest.trim_start_matches('/').starts_with(|letter: char| letter.is_ascii_alphabetic())
    })
}

/// Returns the byte offsets of the blocks of HTML that are only words, in order.
fn places(text: &str) -> Vec<usize> {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &OPTIONS);
    let mut tags = tags_of(root);
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let mut places = Vec::new();
    for node in root.descendants() {
        let data = node.data();
        let NodeValue::HtmlBlock(block) = &data.value else { continue };
        if !tags.begins_with_word(&block.literal) {
            tags.tidy(&block.literal, 0);
            continue;
        }
        let first = block.literal.lines().next().unwrap_or_default().trim();
        let start = starts.get(data.sourcepos.start.line.saturating_sub(1));
        let Some(start) = start.copied() else { continue };
        let line = text[start..].lines().next().unwrap_or_default();
        places.extend(line.rfind(first).filter(|_| !first.is_empty()).map(|at| start + at));
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Returns what is known of the tags of a parsed page.
pub(super) fn tags_of<'a>(root: Node<'a>) -> Tags {
    let mut tags = Tags::default();
    for node in root.descendants() {
        match &node.data().value {
            NodeValue::HtmlBlock(block) => tags.learn(&block.literal),
            NodeValue::HtmlInline(html) => tags.learn(html),
            _ => {}
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        keep_words(text.to_owned())
    }

    #[test]
    fn a_word_alone_on_a_line_takes_no_other_lines_with_it() {
        assert_eq!(kept("<none>\n*a*\n\n> <path>\n> b\n"), "\\<none>\n*a*\n\n> \\<path>\n> b\n");
        assert_eq!(kept("<title>\n- <set>\n  c\n"), "\\<title>\n- \\<set>\n  c\n");
    }

    #[test]
    fn html_and_code_stay_as_they_are() {
        for text in [
            "<div>\n*a*\n</div>\n",
            "```\n<none>\n```\n",
            "    <none>\n",
            "`<none>`\n",
            "<details>\n<summary>a</summary>\n\nb\n\n</details>\n",
            "<svg>\n\n<path d=\"x\">\n\n</svg>\n",
        ] {
            assert_eq!(kept(text), text);
        }
    }

    #[test]
    fn an_action_below_a_word_stays_one() {
        assert_eq!(
            kept("<none>\n```execute\necho <none>\n```\n"),
            "\\<none>\n```execute\necho <none>\n```\n"
        );
    }
}
