//! The pages of the preview, in the look of a session's workspace.

use lectern_api::page::{PageLink, RenderedPage};
use lectern_content::spec::TerminalLayout;
use lectern_content::{Diagnostic, Lab, Severity};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::actions;
use crate::catalog::draft::DraftState;

/// What may not stand in the path of an address as it is.
const NOT_IN_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'%');

/// The address of a page.
pub fn address(name: &str) -> String {
    format!("/pages/{}", utf8_percent_encode(name, NOT_IN_PATH))
}

/// One page of the lab.
pub fn of_lab(state: &DraftState, lab: &Lab, page: &RenderedPage) -> Markup {
    let at = lab.pages.iter().position(|link| link.name == page.name);
    let neighbour = |step: isize| lab.pages.get(at?.checked_add_signed(step)?);
    let text = html! {
        @if !state.is_present { (stale()) }
        article.lab-page data-page=(page.name) {
            h2.page-title data-testid="page-title" { (page.title) }
            div.prose { (PreEscaped(actions::draw(page))) }
            nav.page-end aria-label="Page by page" {
                @if let Some(link) = neighbour(-1) { (step(link, "‹ Previous", "page-previous", "step")) }
                span.grow {}
                @if let Some(link) = neighbour(1) { (step(link, "Next ›", "page-next", "step primary")) }
            }
        }
    };
    let place = match at {
        Some(at) => format!("Page {} of {}", at + 1, lab.pages.len()),
        None => "No table of contents lists this page".to_owned(),
    };
    let title = format!("{} · {}", page.title, lab.title);
    frame(state, &title, &lab.title, &place, Some((lab, page.name.as_str())), &text)
}

/// In place of a page that the lab does not have, or no longer.
pub fn absent(state: &DraftState, lab: &Lab, reason: &str) -> Markup {
    let text = html! {
        @if !state.is_present { (stale()) }
        article.lab-page {
            h2.page-title { "This page is not there" }
            p { (reason) ". Choose another under Contents." }
        }
    };
    frame(state, &lab.title, &lab.title, "", Some((lab, "")), &text)
}

/// In place of a lab that never loaded.
pub fn without_lab(state: &DraftState) -> Markup {
    let text = html! {
        article.lab-page {
            h2.page-title { "The lab cannot be shown yet" }
            p { "What keeps it from being read stands among the findings. This page follows what you save." }
        }
    };
    frame(state, "Preview", "Preview", "", None, &text)
}

fn stale() -> Markup {
    html! {
        div.note.error.preview-stale role="alert" data-testid="preview-stale" {
            "This is the last version that could be read: what you saved since has errors, which stand among the findings."
        }
    }
}

fn frame(
    state: &DraftState,
    title: &str,
    lab_title: &str,
    place: &str,
    contents: Option<(&Lab, &str)>,
    text: &Markup,
) -> Markup {
    let layout =
        contents.map_or_else(TerminalLayout::default, |(lab, _)| lab.spec.session.applications.terminal);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Preview" }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/preview.css";
                script src="/preview.js" defer {}
            }
            body data-mark=(state.revision) {
                div.workspace data-testid="workspace" {
                    header.top-bar {
                        span.preview-badge { "Preview" }
                        h1.lab-title { (lab_title) }
                        span.preview-place data-testid="progress-text" { (place) }
                    }
                    div.tool-bar {
                        @if let Some((lab, current)) = contents { (table_of_contents(&lab.pages, current)) }
                        span.preview-state role="status" { "Follows what you save" }
                    }
                    div.panes {
                        div.pane.page-pane #page data-keep-scroll {
                            (text)
                        }
                        div.splitter {}
                        div.pane.preview-side #side data-keep-scroll {
                            (findings(&state.findings))
                            (terminals(layout))
                        }
                    }
                }
            }
        }
    }
}

fn table_of_contents(pages: &[PageLink], current: &str) -> Markup {
    html! {
        details.contents.menu {
            summary data-testid="contents-open" { "Contents" }
            nav.menu-items aria-label="Pages of this lab" {
                ol {
                    @for (at, link) in pages.iter().enumerate() {
                        li {
                            a href=(address(&link.name)) data-testid={ "contents-" (link.name) }
                                aria-current=[(link.name == current).then_some("page")] {
                                span.contents-number { (at + 1) }
                                span.contents-title { (link.title) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn step(link: &PageLink, word: &str, testid: &str, class: &str) -> Markup {
    html! {
        a class=(class) href=(address(&link.name)) data-testid=(testid) {
            span.step-word { (word) }
            span.step-title { (link.title) }
        }
    }
}

fn findings(findings: &[Diagnostic]) -> Markup {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let words =
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Advice, "piece of advice")]
            .map(|(severity, word)| (count(severity), word))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| match (count, word) {
                (1, word) => format!("1 {word}"),
                (count, "piece of advice") => format!("{count} pieces of advice"),
                (count, word) => format!("{count} {word}s"),
            })
            .collect::<Vec<_>>()
            .join(", ");
    html! {
        section.preview-findings aria-label="Findings" data-testid="findings" {
            h2 { @if words.is_empty() { "Lint finds nothing to mend" } @else { (words) } }
            ul {
                @for finding in findings {
                    li.(finding.severity.to_string()) {
                        code { (finding.file) ":" (finding.line) ":" (finding.column) }
                        " "
                        span.preview-word { (finding.severity) }
                        p { (finding.message) }
                        @if let Some(hint) = &finding.hint { p.hint { (hint) } }
                    }
                }
            }
        }
    }
}

fn terminals(layout: TerminalLayout) -> Markup {
    if layout == TerminalLayout::None {
        return html! {};
    }
    html! {
        section.preview-terminals aria-label="Terminals" {
            p { "In a session the terminals stand here. Commands and checks do not run in a preview." }
        }
    }
}
