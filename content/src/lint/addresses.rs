//! The links and images of a page.

use super::UNKNOWN_VALUE;
use crate::diagnostic::Diagnostic;
use crate::html::{Target, page_name, resolve};
use crate::lab::Lab;
use crate::layout::Page;
use crate::page::{Lines, addresses, anchors};
use crate::rules::Rule;

/// Lists the links and images of a page that lead nowhere. `text` is the page with its variables filled in.
pub(super) fn lint(lab: &Lab, page: &Page, text: &str, lines: &Lines<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (image, url, line, column) in addresses(text) {
        if image && resolve("", &url) == Target::External {
            found.push(
                Diagnostic::new(
                    Rule::ExternalImage,
                    &page.file,
                    format!(
                        "The image `{url}` is not shown, unless who runs the platform lets pages load such"
                    ),
                )
                .at(lines.of(line as usize), column)
                .hint("put the file beside the page: who serves it elsewhere would learn who reads the page"),
            );
            continue;
        }
        let Some(reason) = fault(lab, page, text, &url) else { continue };
        let (what, rule) = if image { ("image", Rule::BrokenImage) } else { ("link", Rule::BrokenLink) };
        let hint = match reason {
            NO_HEADING => "name a heading of the page in lower case, with hyphens for blanks",
            _ => "files are served from beside the page and from workshop/static",
        };
        found.push(
            Diagnostic::new(rule, &page.file, format!("The {what} `{url}` {reason}"))
                .at(lines.of(line as usize), column)
                .hint(hint),
        );
    }
    found
}

const NO_HEADING: &str = "leads to no heading of this page";

fn fault(lab: &Lab, page: &Page, text: &str, url: &str) -> Option<&'static str> {
    if url.contains(UNKNOWN_VALUE) {
        return None;
    }
    let folder = page.file.strip_prefix(&lab.layout.content).unwrap_or(&page.file).trim_start_matches('/');
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    match resolve(folder, url) {
        Target::External => None,
        Target::Fragment(name) => {
            let known = name.is_empty() || anchors(text).contains(&name);
            (!known).then_some(NO_HEADING)
        }
        Target::Outside => Some("leads out of the content folder"),
        Target::Inside { path, .. } => {
            let path = path.replace("%20", " ");
            let leads_somewhere =
                path.is_empty() || lab.page_names.contains(page_name(&path)) || lab.asset(&path).is_some();
            (!leads_somewhere).then_some("leads to nothing that is served")
        }
    }
}
