//! Renders a page's text as sanitised HTML and typed actions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use comrak::html::format_document_with_formatter;
use comrak::nodes::{Node, NodeHtmlBlock, NodeValue};
use comrak::options::{AlertStyleType, Plugins};
use comrak::{Arena, Options, parse_document};
use lectern_api::actions::{ActionBlock, is_action};
use lectern_api::page::{PageExit, RenderedPage};

use crate::html::{NONCE, Place, escape, safe_image, safe_link, sanitise};
use crate::lab::Lab;
use crate::layout::{Markup, Page};
use crate::template::{self, COPY_MARK, Notice, Sources, Style};
use crate::variables::Variables;

mod asciidoc;
mod format;
mod inspect;
mod lines;
mod sections;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub(crate) use inspect::{addresses, anchors, code_blocks};
pub(crate) use lines::{Lines, place};
use walk::Transformed;
pub(crate) use words::keep_words;

/// Maximum nesting of blocks and emphasis on a page.
const MAX_DEPTH: usize = 100;
/// Maximum number of raw HTML tags on a page.
const MAX_RAW_TAGS: usize = 10_000;
/// Maximum size of pages that are always sanitised, in bytes. For ten megabytes of HTML, sanitising takes longer than
/// everything else.
const MAX_ALWAYS_SANITISED_BYTES: usize = 256 * 1024;
/// Maximum size of highlighted code on one page, in bytes.
const MAX_COLOURED_BYTES: usize = 256 * 1024;

/// Why a page cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The lab has no page of that name.
    #[error("the lab {lab} has no page {name:?}")]
    Absent {
        lab: String,
        /// The requested name.
        name: String,
    },
}

/// Settings of rendering besides the session's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// The address under which [`Lab::asset`] is served, such as `/api/v1/labs/x/files`. Relative images point there.
    pub base_url: String,
    /// Whether to keep the text of every pathway, as lint needs it. Learners see the text of one pathway.
    pub every_pathway: bool,
}

impl RenderOptions {
    /// Returns the settings for an address under which the lab's static files are served.
    pub fn new(base_url: impl Into<String>) -> Self {
        let mut base_url = base_url.into();
        base_url.truncate(base_url.trim_end_matches('/').len());
        Self { base_url, every_pathway: false }
    }
}

impl Lab {
    /// Renders one of the lab's pages for a session.
    ///
    /// # Errors
    /// [`PageError::Absent`] if the lab has no page of that name.
    pub fn render_page(
        &self,
        name: &str,
        variables: &Variables,
        options: &RenderOptions,
    ) -> Result<RenderedPage, PageError> {
        let page = self
            .layout
            .pages
            .iter()
            .find(|page| page.name == name)
            .ok_or_else(|| PageError::Absent { lab: self.slug.to_string(), name: name.to_owned() })?;
        let mut rendered = self.render(page, variables, options).page;
        if self.pages.first().is_some_and(|first| first.name == page.name) {
            rendered.html.insert_str(0, &switched_off(&self.switched_off));
        }
        Ok(rendered)
    }

    /// Renders a page, and keeps what lint needs.
    pub(crate) fn render(&self, page: &Page, variables: &Variables, options: &RenderOptions) -> Rendered {
        let place = self.place(page, options);
        let fill_in = |text: &str| self.fill_in(text, variables, options).0.replace(COPY_MARK, "");
        let exit = PageExit {
            sign: page.exit_sign.as_deref().map(fill_in).filter(|sign| !sign.trim().is_empty()),
            link: page.exit_link.as_deref().and_then(|link| safe_link(&fill_in(link), &place)),
        };
        let title = fill_in(&page.title);
        let (text, notices) = self.expand(page, variables, options);
        let source = Source { text: &page.text, body_at: page.body_at };
        let (rendered, text, is_lost) = match page.markup {
            Markup::Markdown => (render_text(source, &text, &title, place), text, false),
            // what lint asks of a text, it asks of Markdown
            Markup::AsciiDoc => match asciidoc::render(source, &text, place) {
                Some(rendered) => (rendered, String::new(), false),
                None => (not_readable(page), String::new(), true),
            },
        };
        let RenderedText { html, actions, swallowed, dropped } = rendered;
        Rendered {
            page: RenderedPage { name: page.name.clone(), title, html, actions, exit },
            text,
            notices,
            swallowed,
            dropped,
            is_lost,
        }
    }

    /// Returns what the addresses on a page need.
    pub(crate) fn place(&self, page: &Page, options: &RenderOptions) -> Place {
        let content = &self.layout.content;
        let file = page.file.strip_prefix(content).unwrap_or(&page.file).trim_start_matches('/');
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        Place {
            folder: folder.to_owned(),
            own_folder: (self.layout.style != Style::Classic).then(|| page.name.clone()),
            base_url: options.base_url.clone(),
            pages: Arc::clone(&self.page_names),
            assets: Some(self.assets()),
        }
    }

    /// Fills in a page's variables. The result contains no front matter, and words in angle brackets are no HTML in it.
    pub(crate) fn expand(
        &self,
        page: &Page,
        variables: &Variables,
        options: &RenderOptions,
    ) -> (String, Vec<Notice>) {
        let (text, notices) = self.fill_in(&page.text[page.body_at..], variables, options);
        match page.markup {
            Markup::Markdown => (keep_words(text), notices),
            Markup::AsciiDoc => (text, notices),
        }
    }

    fn fill_in(&self, text: &str, variables: &Variables, options: &RenderOptions) -> (String, Vec<Notice>) {
        let sources = Sources {
            variable: &|name| self.variable(variables, name),
            include: &|name| self.included(name),
            shortcode: &|name| self.shortcode(name),
            pathway: self.pathway_name(variables),
            every_pathway: options.every_pathway,
            base_url: &options.base_url,
        };
        template::expand(text, self.layout.style, &sources)
    }
}

/// Returns the note for learners that lists what the platform switches off. It is empty if there is nothing.
fn switched_off(what: &[String]) -> String {
    if what.is_empty() {
        return String::new();
    }
    let items: String = what.iter().map(|one| format!("<li>{}</li>", escape(one))).collect();
    format!(
        "<aside class=\"admonition note\"><p class=\"admonition-title\">Some of this lab is switched off here</p>\
         <p>The platform does without:</p><ul>{items}</ul>\
         <p>A step that needs one of these may not work as it is written.</p></aside>\n"
    )
}

fn not_readable(page: &Page) -> RenderedText {
    let html = format!(
        "<aside class=\"admonition warning\"><p class=\"admonition-title\">This page is not shown</p>\
         <p>Its AsciiDoc (<code>{}</code>) cannot be read. Its author can write it in Markdown instead.</p></aside>",
        escape(&page.file)
    );
    RenderedText { html, ..RenderedText::default() }
}

/// A rendered page, with what lint needs.
pub(crate) struct Rendered {
    pub page: RenderedPage,
    /// The Markdown with its variables filled in, without the front matter. Empty if the page is in AsciiDoc.
    pub text: String,
    pub notices: Vec<Notice>,
    /// Ids of the actions that the page's own HTML swallowed; they are at the page's end instead.
    pub swallowed: Vec<u32>,
    /// The tags and attributes that the browser never gets, such as `<iframe>`, each with its first line.
    pub dropped: BTreeMap<String, u32>,
    /// Whether the page cannot be read, and so is not shown.
    pub is_lost: bool,
}

/// A rendered text.
#[derive(Default)]
pub(crate) struct RenderedText {
    pub html: String,
    pub actions: Vec<ActionBlock>,
    /// Ids of the actions that the page's own HTML swallowed; they are at the page's end instead.
    pub swallowed: Vec<u32>,
    /// The tags and attributes that the browser never gets, such as `<iframe>`, each with its first line.
    pub dropped: BTreeMap<String, u32>,
}

/// How comrak reads and writes pages.
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.description_lists = true;
    options.extension.alerts = true;
    options.render.tasklist_classes = true;
    options.render.alert_style = AlertStyleType::Semantic;
    // raw HTML passes through to the sanitiser, which treats all HTML alike
    options.render.r#unsafe = true;
    options
});

/// The pages that are sanitised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sanitising {
    /// All.
    Always,
    /// Pages with HTML of their own. All other HTML is ours.
    WhereThereIsHtml,
}

/// The file of a page, for line numbers.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub text: &'a str,
    /// The byte offset at which the page itself begins.
    pub body_at: usize,
}

/// Renders Markdown whose variables are filled in, see [`Lab::expand`].
pub(crate) fn render_text(source: Source<'_>, text: &str, title: &str, place: Place) -> RenderedText {
    let is_long = text.len() > MAX_ALWAYS_SANITISED_BYTES;
    let sanitising = if is_long { Sanitising::WhereThereIsHtml } else { Sanitising::Always };
    render_as(source, text, title, place, sanitising)
}

fn render_as(
    source: Source<'_>,
    text: &str,
    title: &str,
    place: Place,
    sanitising: Sanitising,
) -> RenderedText {
    let arena = Arena::new();
    let root = if quotes_deeply(text) { None } else { Some(parse_document(&arena, text, &OPTIONS)) };
    let Some(root) = root.filter(|root| !too_deep(root)) else {
        let html = "<aside class=\"admonition danger\"><p class=\"admonition-title\">This page is not shown</p>\
                    <p>Its blocks nest too deeply.</p></aside>";
        return RenderedText { html: html.to_owned(), ..RenderedText::default() };
    };
    drop_title(root, title);
    let lines = Lines::new(source.text, source.body_at, text);
    // checked before our own HTML is inserted
    let ours_alone = sanitising == Sanitising::WhereThereIsHtml && !has_html(root);
    if ours_alone {
        rewrite_addresses(root, &place);
    }
    let Transformed { actions, dropped } = walk::transform(&arena, root, &lines);
    let ids = format::heading_ids(root);
    let mut html = String::with_capacity(text.len() * 3 / 2);
    let plugins = Plugins::default();
    // writing to a String cannot fail
    let _ = format_document_with_formatter(
        root,
        &OPTIONS,
        &mut html,
        &plugins,
        format::format_node,
        ids.into_iter(),
    );
    let mut html = if ours_alone { html.replace(NONCE.as_str(), "") } else { sanitise(&html, place) };
    let swallowed = if ours_alone { Vec::new() } else { put_back(&mut html, &actions) };
    RenderedText { html, actions, swallowed, dropped }
}

/// Appends the places of actions that are missing on the page, because a tag or quote that the page's own HTML leaves
/// open swallowed them. Returns their ids.
fn put_back(html: &mut String, actions: &[ActionBlock]) -> Vec<u32> {
    let mut there = BTreeSet::new();
    // neither text nor attributes contain these: text has no bare `<`, attributes no bare quote
    for place in ["<div data-action=\"", "<details data-section-begin=\""] {
        let ids = html.split(place).skip(1).filter_map(|rest| rest.split('"').next()?.parse::<u32>().ok());
        there.extend(ids);
    }
    let lost: Vec<u32> = actions.iter().map(|block| block.id).filter(|id| !there.contains(id)).collect();
    for id in &lost {
        html.push_str(&format!("<div data-action=\"{id}\"></div>\n"));
    }
    lost
}

fn has_html<'a>(root: Node<'a>) -> bool {
    root.descendants().any(|node| {
        matches!(node.data().value, NodeValue::HtmlBlock(_) | NodeValue::HtmlInline(_) | NodeValue::Raw(_))
    })
}

/// Rewrites links and images as the sanitiser does. Removes addresses that are not certainly harmless.
fn rewrite_addresses<'a>(root: Node<'a>, place: &Place) {
    for node in root.descendants() {
        match &mut node.data_mut().value {
            NodeValue::Link(link) => link.url = safe_link(&link.url, place).unwrap_or_default(),
            NodeValue::Image(link) => link.url = safe_image(&link.url, place).unwrap_or_default(),
            _ => {}
        }
    }
}

/// Returns whether a line opens more quotations than a page needs. comrak takes quadratic time for them.
fn quotes_deeply(text: &str) -> bool {
    let opens = |letter: &char| {
        letter.is_ascii_digit() || matches!(letter, ' ' | '\t' | '>' | '-' | '+' | '*' | '.' | ')')
    };
    text.lines()
        .any(|line| line.chars().take_while(opens).filter(|letter| *letter == '>').count() > MAX_DEPTH)
}

/// Returns whether anything nests deeper than a page needs. HTML parsers take quadratic time for that.
fn too_deep<'a>(root: Node<'a>) -> bool {
    use comrak::arena_tree::NodeEdge;
    let (mut depth, mut deepest) = (0_usize, 0);
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(_) => depth += 1,
            NodeEdge::End(_) => depth -= 1,
        }
        deepest = deepest.max(depth);
        if deepest > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Removes a heading at the top that repeats the page's title.
fn drop_title<'a>(root: Node<'a>, title: &str) {
    let Some(first) = root.first_child() else { return };
    let is_title = matches!(&first.data().value, NodeValue::Heading(heading) if heading.level <= 2)
        && first.collect_text().trim() == title.trim();
    if is_title {
        first.detach();
    }
}

/// Returns the first word of an info string if it names an action.
pub(crate) fn action_name(info: &str) -> Option<&str> {
    let name = info.split(|letter: char| letter.is_whitespace()).next()?;
    is_action(name).then_some(name)
}

/// Returns whether an info string looks like an action's name without being one.
pub(crate) fn looks_like_action(info: &str) -> bool {
    const PREFIXES: &[&str] =
        &["terminal:", "workshop:", "dashboard:", "editor:", "examiner:", "files:", "section:", "execute"];
    action_name(info).is_none() && PREFIXES.iter().any(|prefix| info.starts_with(prefix))
}

/// Replaces a node by HTML of ours.
fn replace_by_html<'a>(node: Node<'a>, literal: String) {
    node.data_mut().value = NodeValue::HtmlBlock(NodeHtmlBlock { block_type: 6, literal });
}
