//! The shortcodes of Hugo: those of the dialect, and a lab's own.

use std::collections::BTreeSet;

use super::pieces::window;
use super::shortcode::{self, Parameters};
use super::{COPY_MARK, NoticeKind, Notices, Sources, value_of};

/// Maximum nesting of a lab's own shortcodes.
const MAX_DEPTH: usize = 8;
/// Maximum number of calls of a lab's own shortcodes on a page.
const MAX_CALLS: usize = 1000;

/// Fills in shortcodes.
pub(super) fn expand(text: &str, sources: &Sources<'_>, notices: &Notices) -> String {
    let mut calls = Calls { left: MAX_CALLS, unclosed: BTreeSet::new() };
    expand_part(text, 0, 0, &mut calls, sources, notices)
}

/// What is known of the calls on a page.
struct Calls {
    /// How many of the lab's own may still be evaluated.
    left: usize,
    /// The names that nothing closes in the rest of the page.
    unclosed: BTreeSet<String>,
}

/// Fills in the shortcodes of a part of the page that begins at a byte offset.
fn expand_part(
    text: &str,
    origin: usize,
    depth: usize,
    calls: &mut Calls,
    sources: &Sources<'_>,
    notices: &Notices,
) -> String {
    if !text.contains("{{<") && !text.contains("{{%") {
        return text.to_owned();
    }
    let mut out = Output { text: String::with_capacity(text.len()), pathways: Vec::new() };
    let mut at = 0;
    while let Some(found) = text[at..].find("{{").map(|offset| at + offset) {
        out.push(&text[at..found]);
        let Some((tag, length)) = tag_at(text, found) else {
            out.push("{{");
            at = found + 2;
            continue;
        };
        at = found + length;
        let inner = match tag {
            Tag::Escaped(open, inner, close) => {
                for part in ["{{", open, inner, close, "}}"] {
                    out.push(part);
                }
                continue;
            }
            Tag::Call(inner) => inner,
        };
        let call = Call::parse(inner);
        let indent = &indent_of(text, found);
        let own = (!call.closes).then(|| (sources.shortcode)(&call.name)).flatten();
        let Some(template) = own.filter(|_| depth < MAX_DEPTH && calls.left > 0) else {
            let place = CallPlace { offset: origin + found, indent, follows: &text[at..] };
            out.call(&call, &place, sources, notices);
            continue;
        };
        calls.left -= 1;
        let mut enclosed = String::new();
        if shortcode::encloses(&template)
            && !inner.trim_end().ends_with('/')
            && let Some((end, after)) = end_of(text, at, &call.name, &mut calls.unclosed)
        {
            enclosed = expand_part(&text[at..end], origin + at, depth + 1, calls, sources, notices);
            at = after;
        }
        let name = call.name.clone();
        let parameters =
            Parameters { positional: call.positional, named: call.named, inner: enclosed.clone() };
        let variable = |name: &str| value_of(sources, name);
        match shortcode::place(&template, &name, parameters, indent, &variable) {
            Ok(html) => out.push(&html),
            Err(reason) => {
                notices.add(origin + found, NoticeKind::BadShortcode { name, reason });
                out.push(&enclosed);
            }
        }
    }
    out.push(&text[at..]);
    out.text
}

/// Finds the tag that closes a call. Returns the offsets of its beginning and of its end.
fn end_of(text: &str, from: usize, name: &str, unclosed: &mut BTreeSet<String>) -> Option<(usize, usize)> {
    if unclosed.contains(name) {
        return None;
    }
    let (mut at, mut open) = (from, 1_usize);
    while let Some(found) = text[at..].find("{{").map(|offset| at + offset) {
        let Some((tag, length)) = tag_at(text, found) else {
            at = found + 2;
            continue;
        };
        at = found + length;
        let Tag::Call(inner) = tag else { continue };
        let call = Call::parse(inner);
        if call.name != name {
            continue;
        }
        open = if call.closes { open - 1 } else { open + 1 };
        if open == 0 {
            return Some((found, at));
        }
    }
    unclosed.insert(name.to_owned());
    None
}

enum Tag<'a> {
    /// `{{</* inner */>}}` shows the shortcode itself.
    Escaped(&'a str, &'a str, &'a str),
    Call(&'a str),
}

fn tag_at(text: &str, at: usize) -> Option<(Tag<'_>, usize)> {
    let (open, close) = match text.as_bytes().get(at + 2)? {
        b'<' => ("<", ">"),
        b'%' => ("%", "%"),
        _ => return None,
    };
    let window = window(text, at + 3);
    if let Some(escaped) = window.strip_prefix("/*") {
        let end = if close == ">" { "*/>}}" } else { "*/%}}" };
        let length = escaped.find(end)?;
        return Some((Tag::Escaped(open, &escaped[..length], close), 3 + 2 + length + end.len()));
    }
    let end = if close == ">" { ">}}" } else { "%}}" };
    let length = window.find(end)?;
    Some((Tag::Call(&window[..length]), 3 + length + end.len()))
}

/// Returns the blanks between the beginning of the line and an offset. Returns `None` if there is anything else.
fn indent_of(text: &str, at: usize) -> String {
    let from = at.saturating_sub(200);
    let from = (from..=at).find(|place| text.is_char_boundary(*place)).unwrap_or(at);
    let before = text[from..at].rsplit('\n').next().unwrap_or_default();
    if before.chars().all(|letter| matches!(letter, ' ' | '\t' | '>')) {
        before.to_owned()
    } else {
        String::new()
    }
}

/// A parsed shortcode.
struct Call {
    closes: bool,
    name: String,
    positional: Vec<String>,
    named: Vec<(String, String)>,
}

impl Call {
    fn parse(inner: &str) -> Self {
        let inner = inner.trim();
        let (inner, closes) = inner.strip_prefix('/').map_or((inner, false), |rest| (rest, true));
        let mut words = words(inner.trim_end_matches('/')).into_iter();
        let mut call = Self {
            closes,
            name: words.next().map(|word| word.value).unwrap_or_default(),
            positional: Vec::new(),
            named: Vec::new(),
        };
        for word in words {
            match word.key {
                Some(key) => call.named.push((key, word.value)),
                None => call.positional.push(word.value),
            }
        }
        call
    }

    fn argument(&self, name: &str) -> Option<&str> {
        let named = self.named.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        named.or_else(|| self.positional.first()).map(String::as_str)
    }
}

struct Word {
    key: Option<String>,
    value: String,
}

/// Splits at blanks, except within quotes.
fn words(inner: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        let (key, after) = match rest.find(['=', ' ', '\t', '\n', '"', '`']) {
            Some(end) if rest[end..].starts_with('=') => (Some(rest[..end].to_owned()), &rest[end + 1..]),
            _ => (None, rest),
        };
        let quote = after.chars().next().filter(|letter| matches!(letter, '"' | '`' | '\''));
        let (value, next) = match quote {
            Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        words.push(Word { key, value: value.to_owned() });
        rest = next.trim_start();
    }
    words
}

/// Where a shortcode stands.
struct CallPlace<'a> {
    /// Its byte offset.
    offset: usize,
    /// The blanks before it on its line.
    indent: &'a str,
    /// The text after it.
    follows: &'a str,
}

struct Output {
    text: String,
    /// For each open `pathway`, whether to keep its text.
    pathways: Vec<bool>,
}

impl Output {
    fn push(&mut self, text: &str) {
        if self.pathways.iter().all(|kept| *kept) {
            self.text.push_str(text);
        }
    }

    fn call(&mut self, call: &Call, place: &CallPlace<'_>, sources: &Sources<'_>, notices: &Notices) {
        let CallPlace { offset, indent, follows } = *place;
        match call.name.as_str() {
            "param" => {
                let name = call.argument("name").unwrap_or_default();
                match value_of(sources, name) {
                    Some(value) => self.push(&value),
                    None => notices.add(offset, NoticeKind::UnknownVariable(name.to_owned())),
                }
            }
            "copy" => self.push(COPY_MARK.encode_utf8(&mut [0; 4])),
            "baseurl" => {
                self.push(sources.base_url);
                // the original's ends with a slash, which pages may rely on
                if !follows.starts_with('/') {
                    self.push("/");
                }
            }
            "pathway" if call.closes => {
                self.pathways.pop();
            }
            "pathway" => {
                let name = call.argument("name");
                self.pathways.push(sources.every_pathway || (name.is_some() && name == sources.pathway));
            }
            "note" | "tip" | "info" => self.admonition(call, "note", "Note", indent),
            "warning" => self.admonition(call, "warning", "Warning", indent),
            "danger" => self.admonition(call, "danger", "Danger", indent),
            "figure" => {
                let source = call.argument("src").unwrap_or_default();
                let find =
                    |key: &str| call.named.iter().find(|(name, _)| name == key).map(|(_, value)| value);
                let text = find("alt").or_else(|| find("title")).map_or("", String::as_str);
                self.push(&format!("![{}](<{source}>)", text.replace(['[', ']', '\n'], " ")));
            }
            other => notices.add(offset, NoticeKind::UnknownShortcode(other.to_owned())),
        }
    }

    /// Writes the tags as separate blocks, so that the text between them is parsed as Markdown.
    fn admonition(&mut self, call: &Call, class: &str, title: &str, indent: &str) {
        if call.closes {
            self.push(&format!("\n\n{indent}</aside>\n\n{indent}"));
            return;
        }
        let title = call.argument("title").unwrap_or(title);
        let title = title.replace('&', "&amp;").replace('<', "&lt;").replace(['\n', '\r'], " ");
        self.push(&format!(
            "<aside class=\"admonition {class}\"><p class=\"admonition-title\">{title}</p>\n\n{indent}"
        ));
    }
}
