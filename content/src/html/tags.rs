//! The tags in a page's text: which are HTML, which are only words in angle brackets, and which the browser never gets.
//!
//! `EXTERNAL-IP <none>` is meant to be read, and so is `ssh <address>`, although HTML has an element of that name. A tag
//! is a word if HTML has no such element, or if it has no attributes and lacks the end tag without which it makes no sense.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::escape;
use super::sanitise::ALLOWED_TAGS;

/// Maximum length of a tag, in bytes.
const MAX_TAG_BYTES: usize = 4096;

/// The elements of HTML, also those of older versions.
#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base", "basefont", "bdi",
    "bdo", "big", "blink", "blockquote", "body", "br", "button", "canvas", "caption", "center", "cite", "code", "col",
    "colgroup", "data", "datalist", "dd", "del", "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed",
    "fieldset", "figcaption", "figure", "font", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5",
    "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe", "img", "input", "ins", "kbd", "label", "legend",
    "li", "link", "main", "map", "mark", "marquee", "math", "menu", "meta", "meter", "nav", "nobr", "noembed",
    "noframes", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param", "picture", "plaintext", "pre",
    "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "search", "section", "select", "slot",
    "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td",
    "template", "textarea", "tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u", "ul", "var", "video",
    "wbr", "xmp",
];
/// Elements without an end tag that mean something without attributes.
const LONELY: &[&str] = &["br", "hr", "wbr"];
/// Elements that never have an end tag. Without attributes they do nothing.
const VOID: &[&str] = &[
    "area", "base", "basefont", "col", "embed", "frame", "img", "input", "link", "meta", "param", "source",
    "track",
];
/// Elements that make sense without an end tag, because it may be left out or because the text shows its lack.
#[rustfmt::skip]
const FORGIVING: &[&str] = &[
    "a", "b", "big", "blockquote", "body", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em", "font",
    "h1", "h2", "h3", "h4", "h5", "h6", "head", "html", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rb",
    "rp", "rt", "rtc", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
];
/// Elements whose content is not HTML.
const RAW: &[&str] = &["iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"];
/// Elements whose content is another language, with elements of its own.
const FOREIGN: &[&str] = &["math", "svg"];

const ATTRIBUTE_PATTERN: &str =
    r#"\s+([A-Za-z_:][A-Za-z0-9:._-]*)(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?"#;
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let attribute = ATTRIBUTE_PATTERN.replacen("([A", "(?:[A", 1);
    Regex::new(&format!(r"^<(/?)([A-Za-z][A-Za-z0-9-]*)((?:{attribute})*)\s*/?>")).ok()
});
static ATTRIBUTE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(ATTRIBUTE_PATTERN).ok());

/// A tag, read.
struct Tag<'a> {
    whole: &'a str,
    /// In lower case.
    name: String,
    ends: bool,
    attributes: &'a str,
}

impl<'a> Tag<'a> {
    /// Reads the tag with which a text begins.
    fn at(text: &'a str) -> Option<Self> {
        let mut end = text.len().min(MAX_TAG_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let found = TAG.as_ref()?.captures(&text[..end])?;
        Some(Self {
            whole: found.get(0)?.as_str(),
            name: found[2].to_ascii_lowercase(),
            ends: !found[1].is_empty(),
            attributes: found.get(3)?.as_str(),
        })
    }
}

/// What is known of a page's tags. They must be asked for in reading order.
#[derive(Default)]
pub(crate) struct Tags {
    /// The names that have an end tag on the page.
    ended: HashSet<String>,
    /// The element with a language of its own that is open.
    foreign: Option<String>,
    /// What the browser never gets, such as `<iframe>` or `style="…"`, and the first line of each.
    pub dropped: BTreeMap<String, usize>,
}

impl Tags {
    /// Reads the end tags in a piece of the page's HTML. All pieces must be read before anything is asked for.
    pub(crate) fn learn(&mut self, html: &str) {
        for (at, _) in html.match_indices("</") {
            if let Some(tag) = Tag::at(&html[at..]) {
                self.ended.insert(tag.name);
            }
        }
    }

    /// Returns whether HTML begins with a word in angle brackets.
    pub(crate) fn begins_with_word(&self, html: &str) -> bool {
        Tag::at(html.trim_start()).is_some_and(|tag| self.is_word(&tag))
    }

    fn is_word(&self, tag: &Tag<'_>) -> bool {
        let name = tag.name.as_str();
        if self.foreign.is_some() {
            return false;
        }
        if !ELEMENTS.contains(&name) {
            return true;
        }
        let is_bare = !tag.ends && tag.attributes.is_empty();
        is_bare
            && !LONELY.contains(&name)
            && (VOID.contains(&name) || !(FORGIVING.contains(&name) || self.ended.contains(name)))
    }

    /// Notes which element with a language of its own is open after a tag.
    fn pass(&mut self, tag: &Tag<'_>) {
        match &self.foreign {
            Some(open) if tag.ends && *open == tag.name => self.foreign = None,
            None if !tag.ends && FOREIGN.contains(&tag.name.as_str()) && self.ended.contains(&tag.name) => {
                self.foreign = Some(tag.name.clone());
            }
            _ => {}
        }
    }

    /// Notes what is dropped of a tag on a line.
    fn note(&mut self, tag: &Tag<'_>, line: usize) {
        if tag.ends || self.foreign.is_some() {
            return;
        }
        if !ALLOWED_TAGS.contains(tag.name.as_str()) {
            self.dropped.entry(format!("<{}>", tag.name)).or_insert(line);
            return;
        }
        let Some(pattern) = ATTRIBUTE.as_ref().filter(|_| !tag.attributes.is_empty()) else { return };
        for found in pattern.captures_iter(tag.attributes) {
            let name = found[1].to_ascii_lowercase();
            if name == "style" || name.starts_with("on") {
                self.dropped.entry(format!("{name}=\"…\"")).or_insert(line);
            }
        }
    }

    /// Returns HTML that begins on a line with its words escaped. Returns `None` if there are none.
    pub(crate) fn tidy(&mut self, html: &str, line: usize) -> Option<String> {
        let mut out = String::new();
        let (mut copied, mut at, mut counted, mut line) = (0, 0, 0, line);
        while let Some(found) = html[at..].find('<').map(|offset| at + offset) {
            if let Some(rest) = html[found..].strip_prefix("<!--") {
                // a comment without an end takes the rest
                let Some(length) = rest.find("-->") else { break };
                at = found + 4 + length + 3;
                continue;
            }
            let Some(tag) = Tag::at(&html[found..]) else {
                at = found + 1;
                continue;
            };
            at = found + tag.whole.len();
            if self.is_word(&tag) {
                out.push_str(&html[copied..found]);
                out.push_str(&escape(tag.whole));
                copied = at;
                continue;
            }
            line += html[counted..found].bytes().filter(|byte| *byte == b'\n').count();
            counted = found;
            self.note(&tag, line);
            self.pass(&tag);
            if !tag.ends && RAW.contains(&tag.name.as_str()) {
                let Some(length) = end_of(&html[at..], &tag.name) else { break };
                at += length;
            }
        }
        if copied == 0 {
            return None;
        }
        out.push_str(&html[copied..]);
        Some(out)
    }
}

/// Finds the end tag of an element.
fn end_of(html: &str, name: &str) -> Option<usize> {
    let is_it = |at: &usize| {
        html.get(at + 2..at + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    html.match_indices("</").map(|(at, _)| at).find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(html: &str) -> Tags {
        let mut tags = Tags::default();
        tags.learn(html);
        tags
    }

    fn tidy(html: &str) -> String {
        tags(html).tidy(html, 1).unwrap_or_else(|| html.to_owned())
    }

    #[test]
    fn a_tag_that_html_does_not_have_is_text() {
        for name in ["none", "path", "set", "text", "apply", "image", "your-name", "POD"] {
            assert_eq!(tidy(&format!("a <{name}> b")), format!("a &lt;{name}&gt; b"));
        }
        assert_eq!(tidy("<p>a <your name> </path></p>"), "<p>a &lt;your name&gt; &lt;/path&gt;</p>");
    }

    #[test]
    fn an_element_that_makes_no_sense_alone_is_text() {
        for name in ["title", "address", "object", "link", "var", "time", "textarea"] {
            assert_eq!(tidy(&format!("a <{name}> b")), format!("a &lt;{name}&gt; b"));
        }
        for html in
            ["<title>a</title>", "<var>x</var>", "<link rel=a>", "a<br>b", "<p>a", "<details>", "<img src=a>"]
        {
            assert_eq!(tidy(html), html);
        }
    }

    #[test]
    fn what_lies_within_a_drawing_a_script_or_a_comment_is_no_text() {
        for html in [
            "<svg><path d=\"M0\"/><text>a</text></svg>",
            "<script>if (a <none> b) {}</script>",
            "<!-- <none> -->",
        ] {
            assert_eq!(tidy(html), html);
        }
        assert_eq!(tidy("<svg></svg><path>"), "<svg></svg>&lt;path&gt;");
    }

    #[test]
    fn what_is_dropped_is_noted_once_with_its_line() {
        let html =
            "<p style=\"color: red\"\nonclick='x()'>\n<iframe src=a></iframe>\n<iframe src=b></iframe></p>\n";
        let mut tags = tags(html);
        assert_eq!(tags.tidy(html, 10), None);
        let found: Vec<_> = tags.dropped.iter().map(|(kind, line)| (kind.as_str(), *line)).collect();
        assert_eq!(found, [("<iframe>", 12), ("onclick=\"…\"", 10), ("style=\"…\"", 10)]);
    }
}
