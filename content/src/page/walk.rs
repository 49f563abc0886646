//! Walks over a page's tree once: actions, highlighted code, copyable code.

use std::borrow::Cow;
use std::collections::BTreeMap;

use comrak::Arena;
use comrak::nodes::{AstNode, Node, NodeValue};
use lectern_api::actions::ActionBlock;

use super::sections::Sections;
use super::words::tags_of;
use super::{Lines, MAX_COLOURED_BYTES, MAX_RAW_TAGS, action_name, replace_by_html};
use crate::blocks;
use crate::highlight::highlight;
use crate::html::{escape, escape_into};
use crate::template::COPY_MARK;

/// Replaces code blocks by places of actions or by highlighted code, and returns the actions.
pub(super) fn transform<'a>(arena: &'a Arena<'a>, root: Node<'a>, lines: &Lines<'_>) -> Transformed {
    let (mut actions, mut sections) = (Vec::new(), Sections::default());
    let (mut tags, mut dropped) = (tags_of(root), BTreeMap::new());
    let (mut room, mut raw_tags) = (MAX_COLOURED_BYTES, 0);
    let nodes: Vec<Node<'a>> = root.descendants().collect();
    for node in nodes {
        let line = node.data().sourcepos.start.line;
        let word = match &node.data().value {
            NodeValue::HtmlInline(html) if tags.begins_with_word(html) => Some(unmarked(html).into_owned()),
            _ => None,
        };
        if let Some(word) = word {
            node.data_mut().value = NodeValue::Text(word.into());
            continue;
        }
        let replacement = match &mut node.data_mut().value {
            NodeValue::CodeBlock(code) => {
                let plain = unmarked(&code.info);
                if let Some(name) = action_name(&plain).filter(|_| code.fenced) {
                    action(name, &unmarked(&code.literal), lines.of(line), &mut actions, &mut sections)
                } else {
                    let language = plain.split([' ', ',', '{', '\t']).next().unwrap_or_default();
                    let copyable = code.info.contains(COPY_MARK) || code.literal.contains(COPY_MARK);
                    Some(code_html(language, &unmarked(&code.literal), copyable, &mut room))
                }
            }
            NodeValue::HtmlBlock(html) => {
                if let Some(tidied) = tags.tidy(&html.literal, line) {
                    html.literal = tidied;
                }
                limit(&mut html.literal, &mut raw_tags);
                None
            }
            NodeValue::HtmlInline(html) => {
                tags.tidy(html, line);
                limit(html, &mut raw_tags);
                None
            }
            NodeValue::Text(text) if text.contains(COPY_MARK) => {
                if text.starts_with(COPY_MARK) {
                    make_copyable(node.previous_sibling());
                }
                *text = text.replace(COPY_MARK, "").into();
                None
            }
            NodeValue::Code(code) if code.literal.contains(COPY_MARK) => {
                code.literal = code.literal.replace(COPY_MARK, "");
                None
            }
            _ => None,
        };
        for (kind, line) in std::mem::take(&mut tags.dropped) {
            dropped.entry(kind).or_insert_with(|| lines.of(line));
        }
        if let Some(html) = replacement {
            replace_by_html(node, html);
        }
    }
    // sections that are still open end with the page
    if let Some(html) = sections.close() {
        let end = arena.alloc(AstNode::from(NodeValue::Paragraph));
        replace_by_html(end, html);
        root.append(end);
    }
    Transformed { actions, dropped }
}

/// What was found on a page.
pub(super) struct Transformed {
    pub actions: Vec<ActionBlock>,
    /// The tags and attributes that the browser never gets, such as `<iframe>`, each with its first line.
    pub dropped: BTreeMap<String, u32>,
}

/// Reads a block, adds its action, and returns the HTML of its place.
pub(super) fn action(
    name: &str,
    text: &str,
    line: u32,
    actions: &mut Vec<ActionBlock>,
    sections: &mut Sections,
) -> Option<String> {
    let read = blocks::read(name, text, line + 1)?;
    let mut block = ActionBlock {
        id: u32::try_from(actions.len()).ok()?,
        name: name.to_owned(),
        line,
        sections: sections.ids(),
        label: read.label,
        body: read.body,
        options: read.options,
        content: read.content,
    };
    let html = sections.place(&mut block);
    actions.push(block);
    Some(html)
}

/// Returns a block of code, coloured while there is room for it.
pub(super) fn code_html(language: &str, literal: &str, copyable: bool, room: &mut usize) -> String {
    let mut html = String::from(if copyable { "<pre class=\"copyable\"><code" } else { "<pre><code" });
    if !language.is_empty() {
        html.push_str(" class=\"language-");
        escape_into(&mut html, language);
        html.push('"');
    }
    html.push('>');
    let coloured = literal.len() <= *room && highlight(literal, language, &mut html);
    if coloured {
        *room -= literal.len();
    } else {
        escape_into(&mut html, literal);
    }
    html.push_str("</code></pre>\n");
    html
}

/// Shows raw HTML as text beyond a number of tags. HTML parsers take quadratic time for deeply nested tags.
fn limit(html: &mut String, tags: &mut usize) {
    if html.contains(COPY_MARK) {
        *html = html.replace(COPY_MARK, "");
    }
    *tags += html.bytes().filter(|byte| *byte == b'<').count();
    if *tags > MAX_RAW_TAGS {
        *html = escape(html);
    }
}

fn unmarked(text: &str) -> Cow<'_, str> {
    if text.contains(COPY_MARK) { Cow::Owned(text.replace(COPY_MARK, "")) } else { Cow::Borrowed(text) }
}

fn make_copyable(before: Option<Node<'_>>) {
    let Some(before) = before else { return };
    let html = match &before.data().value {
        NodeValue::Code(code) => format!("<code class=\"copyable\">{}</code>", escape(&code.literal)),
        _ => return,
    };
    before.data_mut().value = NodeValue::HtmlInline(html);
}
