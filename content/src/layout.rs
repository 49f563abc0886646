//! The pages of a lab, their order and their titles, in the classic layout, the Hugo style, or just Markdown files.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::files;
use crate::rules::Rule;
use crate::spec::Renderer;
use crate::template::Style;
use crate::variables::Declared;
use crate::yaml::{self, Node};

mod bare;
mod classic;
mod front_matter;
mod hugo;

pub(crate) use bare::is_about_the_lab;
use front_matter::{FrontMatter, split_front_matter};

/// The markup language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    Markdown,
    AsciiDoc,
}

/// One page of a lab, read.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Its path below the content folder, without the extension.
    pub name: String,
    /// Its file, relative to the lab's folder.
    pub file: String,
    pub title: String,
    pub markup: Markup,
    /// The whole file.
    pub text: String,
    /// The byte offset at which the page itself begins, after the front matter.
    pub body_at: usize,
    /// What the file says of itself. Empty in the classic layout.
    pub front: FrontMatter,
    /// Whether the table of contents lists it.
    pub listed: bool,
    /// The text of the button that leads on.
    pub exit_sign: Option<String>,
    /// The address to which the last page's button leads.
    pub exit_link: Option<String>,
}

/// A way through the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pathway {
    pub name: String,
    pub title: Option<String>,
    /// The names of its pages, in order.
    pub pages: Vec<String>,
    /// The variables that it declares, which override the lab's.
    pub(crate) params: Vec<Declared>,
}

/// What the Workshop resource says about how the pages are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints<'a> {
    /// The style that it names.
    pub renderer: Option<Renderer>,
    /// Whether it dates from when there was only the classic layout.
    pub is_eduk8s: bool,
    /// Whether there is a Workshop resource.
    pub is_there: bool,
    /// The file in `workshop/` that lists the pages instead of `workshop.yaml`.
    pub workshop_file: Option<&'a str>,
}

/// The layout of a lab, read.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub style: Style,
    /// The content folder, relative to the lab's.
    pub content: String,
    /// The pages in order, followed by those that are not listed.
    pub pages: Vec<Page>,
    pub declared: Vec<Declared>,
    pub pathways: Vec<Pathway>,
    /// The pathway that applies if none is chosen.
    pub default_pathway: Option<String>,
    /// The lab's title in the layout's own manifest.
    pub title: Option<String>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Layout {
    fn new(style: Style, content: &str) -> Self {
        Self {
            style,
            content: content.to_owned(),
            pages: Vec::new(),
            declared: Vec::new(),
            pathways: Vec::new(),
            default_pathway: None,
            title: None,
            diagnostics: Vec::new(),
        }
    }
}

/// Reads a lab's pages.
pub(crate) fn read(root: &Path, hints: Hints<'_>) -> Layout {
    let content = root.join("workshop/content");
    if !content.is_dir() {
        return bare::read(root);
    }
    let has = |name: &str| !name.contains('/') && root.join("workshop").join(name).is_file();
    let workshop_file = hints.workshop_file.filter(|name| has(name)).unwrap_or("workshop.yaml");
    let is_classic = match hints.renderer {
        Some(Renderer::Classic) => true,
        Some(Renderer::Hugo) => false,
        _ => has(workshop_file) || has("modules.yaml") || (hints.is_eduk8s && !has("config.yaml")),
    };
    if is_classic {
        return classic::read(root, workshop_file);
    }
    let mut layout = hugo::read(root);
    // nothing says in which style these pages are written
    if !hints.is_there && !has("config.yaml") {
        layout.style = Style::Either;
    }
    layout
}

/// Reads every page below the content folder, except files that pages only include.
fn read_pages(root: &Path, layout: &mut Layout) {
    let (found, diagnostics) = files::list(root, &layout.content, |path| path == "_includes");
    layout.diagnostics.extend(diagnostics);
    for file in found {
        let Some((name, markup)) = page_of(&file.path) else { continue };
        let path = if layout.content.is_empty() {
            file.path.clone()
        } else {
            format!("{}/{}", layout.content, file.path)
        };
        add_page(root, layout, name, path, markup);
    }
}

fn add_page(root: &Path, layout: &mut Layout, name: &str, file: String, markup: Markup) {
    match files::read_text(root, &file, files::MAX_PAGE_BYTES) {
        Ok(text) => {
            // the classic layout has none: a line of hyphens at the top is a rule
            let (front, body_at, problem) = match layout.style {
                Style::Classic => (FrontMatter::default(), 0, None),
                Style::Hugo | Style::Either => split_front_matter(&text),
            };
            if let Some(problem) = problem {
                layout.diagnostics.push(problem.diagnostic(&file));
            }
            let title =
                front.title.clone().or_else(|| heading_of(&text[body_at..])).unwrap_or_else(|| titled(name));
            layout.pages.push(Page {
                name: name.to_owned(),
                file,
                title,
                markup,
                text,
                body_at,
                front,
                listed: true,
                exit_sign: None,
                exit_link: None,
            });
        }
        Err(diagnostic) => layout.diagnostics.push(diagnostic),
    }
}

/// Splits the path of a page's file into name and markup. Returns `None` if it is not a page.
fn page_of(path: &str) -> Option<(&str, Markup)> {
    let (name, extension) = path.rsplit_once('.')?;
    match extension {
        "md" | "markdown" => Some((name, Markup::Markdown)),
        "adoc" | "asciidoc" => Some((name, Markup::AsciiDoc)),
        _ => None,
    }
}

/// Returns the heading at the top of a page.
fn heading_of(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let marks = line.len() - line.trim_start_matches(['#', '=']).len();
    let rest = line[marks..].strip_prefix(' ')?;
    let plain = rest.trim().trim_end_matches('#').replace(['`', '*'], "");
    (matches!(marks, 1 | 2) && !plain.trim().is_empty()).then(|| plain.trim().to_owned())
}

/// Returns a title for a page's name: "First Steps" for `exercises/01-first-steps`.
pub(crate) fn titled(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let words = last
        .trim_start_matches(|letter: char| letter.is_ascii_digit())
        .trim_start_matches(['-', '_', ' ', '.']);
    let words = if words.is_empty() { last } else { words };
    words
        .split(['-', '_', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads one of a layout's own manifests. Returns `None` if it does not exist or is invalid.
fn read_manifest(root: &Path, file: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    if !root.join(file).exists() {
        return None;
    }
    let text = match files::read_text(root, file, files::MAX_MANIFEST_BYTES) {
        Ok(text) => text,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return None;
        }
    };
    let mut documents = yaml::parse_documents(&text).into_iter();
    let first = documents.next()?;
    for key in &first.repeated {
        let message = format!("`{}` stands twice in the same mapping; the last one counts", key.text);
        diagnostics.push(
            Diagnostic::new(Rule::DuplicateKey, file, message)
                .at(key.line, key.column)
                .hint("take this one out"),
        );
    }
    match first.tree {
        Ok(node) => Some(node),
        Err(error) => {
            diagnostics.push(
                Diagnostic::new(Rule::BadYaml, file, format!("This is not valid YAML: {}", error.reason))
                    .at(error.line, error.column),
            );
            None
        }
    }
}

/// Adds declared variables. One that is already declared gets the later value.
fn declare(declared: &mut Vec<Declared>, later: Vec<Declared>) {
    for new in later {
        match declared.iter_mut().find(|old| old.name == new.name) {
            Some(old) => {
                old.value = new.value;
                if !new.aliases.is_empty() {
                    old.aliases = new.aliases;
                }
            }
            None => declared.push(new),
        }
    }
}

/// Reads declared variables from a list, or from a mapping of names to values.
fn read_declared(node: Option<&Node>) -> Vec<Declared> {
    let items = node.map(Node::items).unwrap_or_default();
    let mapped = node.map(Node::entries).unwrap_or_default().iter().map(|(key, value)| Declared {
        name: key.text.clone(),
        value: value.text().unwrap_or_default(),
        aliases: Vec::new(),
    });
    let listed = items.iter().filter_map(|item| {
        let text = |key| item.get(key).and_then(Node::text);
        Some(Declared {
            name: text("name")?,
            value: text("value")
                .or_else(|| text("defaultValue"))
                .or_else(|| text("default"))
                .unwrap_or_default(),
            aliases: item
                .get("aliases")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(Node::text)
                .collect(),
        })
    });
    listed.chain(mapped).collect()
}

/// Orders pages by a list of names. The others follow, unlisted. Returns the names without a page.
fn order_by(pages: &mut [Page], names: &[String]) -> Vec<String> {
    let place = |page: &Page| names.iter().position(|name| *name == page.name);
    for page in pages.iter_mut() {
        page.listed = place(page).is_some();
    }
    pages.sort_by_key(|page| place(page).unwrap_or(usize::MAX));
    names.iter().filter(|name| !pages.iter().any(|page| page.name == **name)).cloned().collect()
}
