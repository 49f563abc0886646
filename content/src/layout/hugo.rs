//! The Hugo style: pages have front matter with title and weight, `workshop/config.yaml` has pathways and parameters.

use std::cmp::Reverse;
use std::path::Path;

use super::{Layout, Page, Pathway, read_declared, read_manifest, read_pages};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::template::Style;
use crate::yaml::Node;

const CONFIG: &str = "workshop/config.yaml";

/// Reads a lab in the Hugo style.
pub(super) fn read(root: &Path) -> Layout {
    let mut layout = Layout::new(Style::Hugo, "workshop/content");
    let config = read_manifest(root, CONFIG, &mut layout.diagnostics);
    read_pages(root, &mut layout);
    keep_published(&mut layout.pages);
    for page in &mut layout.pages {
        // a page bundle: a folder with its page and its images
        if let Some(folder) = page.name.strip_suffix("/index") {
            if page.title == "Index" {
                page.title = super::titled(folder);
            }
            page.name = folder.to_owned();
        }
    }
    sort(&mut layout.pages);
    if let Some(config) = &config {
        layout.declared = read_declared(config.get("params"));
        layout.title = config.get("title").and_then(Node::text);
        modules(config, &mut layout);
        pathways(config, &mut layout);
    }
    layout
}

/// Removes what is no page of its own: the pages of sections, drafts, and the other files of a page bundle.
fn keep_published(pages: &mut Vec<Page>) {
    let bundles: Vec<String> =
        pages.iter().filter_map(|page| Some(format!("{}/", page.name.strip_suffix("/index")?))).collect();
    let is_resource = |name: &str| {
        bundles.iter().any(|folder| name.strip_prefix(folder.as_str()).is_some_and(|rest| rest != "index"))
    };
    pages.retain(|page| {
        let is_section = page.name == "_index" || page.name.ends_with("/_index");
        !is_section && !page.front.is_hidden && !is_resource(&page.name)
    });
}

/// Sorts pages as Hugo does: by path if none has a weight, otherwise by weight, with those without one at the end. Of
/// equal weights the later date comes first, and then the titles count.
fn sort(pages: &mut [Page]) {
    let weight = |page: &Page| page.front.weight.filter(|weight| *weight != 0);
    if !pages.iter().any(|page| weight(page).is_some()) {
        pages.sort_by(|one, other| one.name.cmp(&other.name));
        return;
    }
    pages.sort_by_cached_key(|page| {
        let front = &page.front;
        let title = front.link_title.as_ref().or(front.title.as_ref()).map(|title| title.to_lowercase());
        (
            weight(page).unwrap_or(i64::MAX),
            Reverse(front.date.clone()),
            title.unwrap_or_default(),
            page.name.clone(),
        )
    });
}

/// Reads `modules: [{name, path, title}]`: names and titles for pages.
fn modules(config: &Node, layout: &mut Layout) {
    for module in config.get("modules").map(Node::items).unwrap_or_default() {
        let text = |key| module.get(key).and_then(Node::text);
        let Some(path) = text("path").or_else(|| text("name")) else { continue };
        let name = page_name(&path);
        match layout.pages.iter_mut().find(|page| page.name == name) {
            Some(page) => {
                if let Some(title) = text("title") {
                    page.title = title;
                }
            }
            None => layout.diagnostics.push(
                Diagnostic::new(Rule::MissingPage, CONFIG, format!("There is no page `{name}`"))
                    .at(module.line, module.column)
                    .hint(format!("write workshop/content/{name}.md, or take the module out")),
            ),
        }
    }
}

/// Reads `pathways`: `default`, `modules.<page>.title`, and `paths.<name>.{title, steps}`.
fn pathways(config: &Node, layout: &mut Layout) {
    let Some(pathways) = config.get("pathways") else { return };
    for (path, module) in pathways.get("modules").map(Node::entries).unwrap_or_default() {
        let title = module.get("title").and_then(Node::text).filter(|title| !title.is_empty());
        let name = page_name(&path.text);
        let page = layout.pages.iter_mut().find(|page| page.name == name);
        if let (Some(page), Some(title)) = (page, title) {
            page.title = title;
        }
    }
    let modules = config.get("modules").map(Node::items).unwrap_or_default();
    let page_of = |step: &str| {
        let module =
            modules.iter().find(|module| module.get("name").and_then(Node::text).as_deref() == Some(step));
        page_name(
            &module
                .and_then(|module| module.get("path"))
                .and_then(Node::text)
                .unwrap_or_else(|| step.to_owned()),
        )
    };
    for (key, path) in pathways.get("paths").map(Node::entries).unwrap_or_default() {
        let mut pathway = Pathway {
            name: key.text.clone(),
            title: path.get("title").and_then(Node::text),
            pages: Vec::new(),
            params: read_declared(path.get("params")),
        };
        for step in path.get("steps").map(Node::items).unwrap_or_default() {
            let name = page_of(&step.text().unwrap_or_default());
            if layout.pages.iter().any(|page| page.name == name) {
                pathway.pages.push(name);
            } else {
                layout.diagnostics.push(
                    Diagnostic::new(Rule::MissingPage, CONFIG, format!("There is no page `{name}`"))
                        .at(step.line, step.column)
                        .hint("a step names a module or a page"),
                );
            }
        }
        layout.pathways.push(pathway);
    }
    layout.default_pathway = pathways.get("default").and_then(Node::text);
}

fn page_name(path: &str) -> String {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".md").unwrap_or(path);
    path.strip_suffix("/index").unwrap_or(path).to_owned()
}
