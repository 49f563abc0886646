//! The links and images of a page.

use super::UNKNOWN_VALUE;
use crate::diagnostic::Diagnostic;
use crate::html::Destination;
use crate::lab::Lab;
use crate::layout::Page;
use crate::page::{Lines, RenderOptions, addresses, anchors};
use crate::rules::Rule;

/// Lists the links and images of a page that lead nowhere. `text` is the page with its variables filled in.
pub(super) fn lint(lab: &Lab, page: &Page, text: &str, lines: &Lines<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let place = lab.place(page, &RenderOptions::default());
    for (image, url, line, column) in addresses(text) {
        let destination = place.destination(&url);
        if image && destination == Destination::External {
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
        let Some(reason) = fault(&destination, text, &url) else { continue };
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

fn fault(destination: &Destination, text: &str, url: &str) -> Option<&'static str> {
    if url.contains(UNKNOWN_VALUE) {
        return None;
    }
    match destination {
        Destination::External | Destination::Page(_) | Destination::File { .. } => None,
        Destination::Fragment(name) => {
            let is_own =
                || ["\"", "'"].iter().any(|quote| text.contains(&format!("id={quote}{name}{quote}")));
            let known = name.is_empty() || anchors(text).contains(name) || is_own();
            (!known).then_some(NO_HEADING)
        }
        Destination::Outside => Some("leads out of the content folder"),
        Destination::Nothing { .. } => Some("leads to nothing that is served"),
    }
}
