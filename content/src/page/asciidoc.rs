//! Renders pages in AsciiDoc. The roles of code blocks name their actions: `[source,bash,role=execute]`.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::thread;

use asciidork_core::{JobSettings, Path, SafeMode};
use asciidork_parser::Parser;
use asciidork_parser::parser::SourceFile;
use asciidork_parser::prelude::Bump;
use lectern_api::actions::is_action;
use regex::{Captures, Regex};

use super::sections::Sections;
use super::walk::{action, code_html};
use super::{MAX_COLOURED_BYTES, RenderedText, Source, put_back};
use crate::html::{Place, sanitise};
use crate::template::COPY_MARK;

/// Maximum size of a page in AsciiDoc, in bytes. The parser takes quadratic time for some texts.
const MAX_BYTES: usize = 64 * 1024;
/// Maximum number of headings of a page in AsciiDoc. They take quadratic time too.
const MAX_SECTIONS: usize = 1000;
/// Maximum memory of the parser, in bytes. It never ends with some texts, such as a table that nothing closes, but takes ever
/// more memory.
const MAX_MEMORY_BYTES: usize = 64 * 1024 * 1024;
/// Maximum nesting of the HTML. HTML parsers take quadratic time for that.
const MAX_DEPTH: usize = 200;
/// The stack for the parser, which calls itself for each block within a block. Only what is used takes memory.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// A block of code as the backend writes it.
static BLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?s)<div(?P<id> id="[^"]*")? class="(?:listingblock|literalblock)(?P<roles>[^"]*)">"#,
        r#"(?P<title><div class="title">.*?</div>)?<div class="content"><pre[^>]*>"#,
        r#"(?:<code(?: class="[^"]*")?(?: data-lang="(?P<language>[^"]*)")?>)?(?P<text>.*?)(?:</code>)?</pre></div></div>"#,
    ))
    .ok()
});
/// A number that points from code to an explanation below it.
static CALLOUT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#" ?(?:<i class="conum"[^>]*></i>)?<b(?: class="conum")?>\([0-9]+\)</b>"#).ok()
});
/// The alignment of a cell.
static ALIGNMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"<(t[hd]) class="tableblock halign-(left|center|right) valign-[a-z]+""#).ok()
});
/// A text in code to copy.
static COPYABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("<code>([^<]*)</code>{COPY_REFERENCE}")).ok());
/// [`COPY_MARK`], written so that code may end before it.
const COPY_REFERENCE: &str = "&#64976;";

/// Renders AsciiDoc whose variables are filled in. Returns `None` if it cannot be read.
pub(super) fn render(source: Source<'_>, text: &str, place: Place) -> Option<RenderedText> {
    let html = to_html(&text.replace(COPY_MARK, COPY_REFERENCE))?;
    let (mut actions, mut sections, mut room) = (Vec::new(), Sections::default(), MAX_COLOURED_BYTES);
    let mut lines = source.text.lines().enumerate();
    let html = BLOCK.as_ref()?.replace_all(&html, |found: &Captures<'_>| {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let literal = plain(part("text"));
        let copyable = literal.contains(COPY_REFERENCE);
        let literal = literal.replace(COPY_REFERENCE, "");
        let name = part("roles").split(' ').find(|role| is_action(role));
        let html = name.and_then(|name| {
            // the block's first line, below the line of hyphens
            let first = literal.lines().next().unwrap_or_default().trim();
            let at = lines.find(|(_, line)| line.trim() == first).map_or(1, |(at, _)| at);
            action(name, &literal, u32::try_from(at).unwrap_or(1).max(1), &mut actions, &mut sections)
        });
        html.unwrap_or_else(|| {
            let code = code_html(part("language"), &literal, copyable, &mut room);
            format!("{}{code}", part("title"))
        })
    });
    let html = COPYABLE.as_ref()?.replace_all(&html, "<code class=\"copyable\">$1</code>");
    let html = ALIGNMENT.as_ref()?.replace_all(&html, "<$1 align=\"$2\"");
    let mut html = html.replace(COPY_REFERENCE, "").replace("class=\"admonitionblock", "class=\"admonition");
    html = html.replace("<td class=\"icon\"><div class=\"title\">", "<td><div class=\"admonition-title\">");
    html.extend(sections.close());
    let mut html = sanitise(&html, place);
    let swallowed = put_back(&mut html, &actions);
    Some(RenderedText { html, actions, swallowed, dropped: BTreeMap::new() })
}

/// Returns the text of a block of code.
fn plain(html: &str) -> String {
    let html = match CALLOUT.as_ref() {
        Some(callout) => callout.replace_all(html, ""),
        None => html.into(),
    };
    html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Converts AsciiDoc, without a word of the parser's own on what it does not like.
fn to_html(text: &str) -> Option<String> {
    let sections = text.lines().filter(|line| line.starts_with('=') && line.contains(' ')).count();
    if text.len() > MAX_BYTES || sections > MAX_SECTIONS {
        return None;
    }
    let html = thread::scope(|scope| {
        let convert = || catch_unwind(|| convert(text)).ok().flatten();
        thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, convert).ok()?.join().ok()?
    })?;
    (!nests_deeply(&html)).then_some(html)
}

fn convert(text: &str) -> Option<String> {
    let bump = Bump::with_capacity(text.len() * 2);
    bump.set_allocation_limit(Some(MAX_MEMORY_BYTES));
    let mut parser = Parser::from_str(text, SourceFile::Stdin { cwd: Path::new("/") }, &bump);
    // nothing is read from a disk, and a mistake does not hide the page
    let settings =
        JobSettings { embedded: true, strict: false, safe_mode: SafeMode::Secure, ..JobSettings::default() };
    parser.apply_job_settings(settings);
    asciidork_dr_html_backend::convert(parser.parse().ok()?.document).ok()
}

fn nests_deeply(html: &str) -> bool {
    let mut depth = 0_usize;
    html.match_indices('<').any(|(at, _)| {
        let tag = &html[at + 1..];
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !["br", "hr", "img", "col", "input", "!"].iter().any(|void| tag.starts_with(void)) {
            depth += 1;
        }
        depth > MAX_DEPTH
    })
}
