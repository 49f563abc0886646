//! The clickable blocks of a page, drawn in their places. In a preview nothing runs.

use lectern_api::actions::{Action, ActionBlock, ActionError};
use lectern_api::page::RenderedPage;
use maud::{Markup, html};

/// The HTML before and after a block's number at the block's place.
const PLACE: (&str, &str) = ("<div data-action=\"", "\"></div>");

/// Returns a page's HTML with the blocks in their places and with links between pages that work in the preview.
pub fn draw(page: &RenderedPage) -> String {
    let mut drawn = String::with_capacity(page.html.len() * 2);
    let mut rest = page.html.as_str();
    while let Some((before, after)) = rest.split_once(PLACE.0) {
        drawn.push_str(before);
        let Some((id, behind)) = after.split_once(PLACE.1) else {
            rest = after;
            break;
        };
        if let Some(block) =
            id.parse().ok().and_then(|id: u32| page.actions.iter().find(|block| block.id == id))
        {
            drawn.push_str(&draw_block(block).into_string());
        }
        rest = behind;
    }
    drawn.push_str(rest);
    drawn.replace("href=\"#page=", "href=\"/pages/")
}

fn draw_block(block: &ActionBlock) -> Markup {
    match block.action() {
        None => block.error().map_or_else(|| html! {}, |error| draw_error(block, error)),
        // the section's own heading shows them
        Some(Action::SectionBegin { .. } | Action::SectionEnd { .. }) => html! {},
        Some(action) => draw_action(block, action),
    }
}

fn draw_error(block: &ActionBlock, error: &ActionError) -> Markup {
    html! {
        div.action.broken role="note" data-testid={ "action-" (block.id) } data-action-kind=(block.name) {
            strong { (error.message) " (line " (error.line) ")" }
            p { (error.reason) }
            @if !block.body.is_empty() { pre { (block.body) } }
        }
    }
}

fn draw_action(block: &ActionBlock, action: &Action) -> Markup {
    let notes = notes(block);
    html! {
        div.action.(action.family().as_str()).disabled[block.options.hidden]
            data-testid={ "action-" (block.id) } data-action-kind=(block.name) {
            div.action-run title="Nothing runs in a preview" {
                span.action-row {
                    span.action-icon aria-hidden="true" {}
                    span.action-text {
                        span.action-label { (block.label) }
                        @if !block.body.is_empty() { code.action-body { (block.body) } }
                    }
                }
            }
            @if !block.body.is_empty() {
                button.action-copy type="button" data-copy=(block.body) aria-label="Copy" title="Copy" {}
            }
            @if !notes.is_empty() {
                div.action-foot { span { (notes.join(" · ")) } }
            }
        }
    }
}

/// Returns the options that the block's look does not show, in words.
fn notes(block: &ActionBlock) -> Vec<String> {
    let options = &block.options;
    let mut notes = vec![];
    if options.hidden {
        notes.push("learners do not see this block".to_owned());
    }
    if options.autostart {
        notes.push("runs when the page opens".to_owned());
    }
    if options.cascade {
        notes.push("then the next block runs".to_owned());
    }
    if options.once {
        notes.push("runs once".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> RenderedPage {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("page.md"), text).unwrap();
        std::fs::write(dir.path().join("other.md"), "# Other\n").unwrap();
        let lab = lectern_content::Lab::load(dir.path()).unwrap();
        lab.render_page(
            "page",
            &lectern_content::Variables::new(),
            &lectern_content::RenderOptions::default(),
        )
        .unwrap()
    }

    #[test]
    fn blocks_stand_in_their_places_and_are_escaped() {
        let text = "# A\n\nbefore\n\n```execute\necho '<script>'\n```\n\nafter [o](other.md)\n\n```terminal:execute\ncommand: [\n```\n";
        let drawn = draw(&page(text));
        let at = |what: &str| drawn.find(what).unwrap_or_else(|| panic!("{what} in {drawn}"));
        assert!(at("before") < at("echo '&lt;script&gt;'"));
        assert!(at("action terminal") < at("after"));
        assert!(at("after") < at("action broken"));
        assert!(drawn.contains("href=\"/pages/other\""), "{drawn}");
        assert!(!drawn.contains("<script>") && !drawn.contains("data-action=\""), "{drawn}");
    }

    #[test]
    fn a_page_cannot_make_a_place_of_its_own() {
        let drawn = draw(&page("# A\n\n```execute\nls\n```\n\n<div data-action=\"0\"></div>\n"));
        assert_eq!(drawn.matches("data-testid=\"action-0\"").count(), 1, "{drawn}");
    }
}
