//! The shortcodes of Hugo that the dialect has.

use super::pieces::window;
use super::{COPY_MARK, NoticeKind, Notices, Sources, value_of};

/// Fills in shortcodes.
pub(super) fn expand(text: &str, sources: &Sources<'_>, notices: &Notices) -> String {
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
        match tag {
            Tag::Escaped(open, inner, close) => {
                for part in ["{{", open, inner, close, "}}"] {
                    out.push(part);
                }
            }
            Tag::Call(inner) => {
                let call = Call::parse(inner);
                out.call(&call, found, &indent_of(text, found), sources, notices);
            }
        }
    }
    out.push(&text[at..]);
    out.text
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

    fn call(&mut self, call: &Call, offset: usize, indent: &str, sources: &Sources<'_>, notices: &Notices) {
        match call.name.as_str() {
            "param" => {
                let name = call.argument("name").unwrap_or_default();
                match value_of(sources, name) {
                    Some(value) => self.push(&value),
                    None => notices.add(offset, NoticeKind::UnknownVariable(name.to_owned())),
                }
            }
            "copy" => self.push(COPY_MARK.encode_utf8(&mut [0; 4])),
            "baseurl" => self.push(sources.base_url),
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
