//! Sections: pairs of `section:begin` and `section:end`, which nest.

use lectern_api::actions::{Action, ActionBlock, ActionError, BlockContent};

use crate::html::{NONCE, escape};

/// The sections that are open at a place of the page, outermost first.
#[derive(Default)]
pub(super) struct Sections {
    open: Vec<Open>,
}

/// The HTML that ends one section.
const END: &str = "</details>\n";

struct Open {
    id: u32,
    name: Option<String>,
}

impl Sections {
    /// Returns the ids of the open sections, outermost first.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.open.iter().map(|section| section.id).collect()
    }

    /// Closes every section that is still open, and returns the HTML for it.
    pub(super) fn close(self) -> Option<String> {
        (!self.open.is_empty()).then(|| END.repeat(self.open.len()))
    }

    /// Returns the HTML for a block, and opens or closes sections. A `section:end` that ends nothing becomes a broken
    /// block.
    pub(super) fn place(&mut self, block: &mut ActionBlock) -> String {
        let own = format!("<div data-action=\"{}{}\"></div>\n", *NONCE, block.id);
        match block.action() {
            Some(Action::SectionBegin { name, open }) => {
                let html = begin(block, name.as_deref().unwrap_or_default(), *open);
                self.open.push(Open { id: block.id, name: name.clone() });
                html
            }
            Some(Action::SectionEnd { name, .. }) => {
                let found = match name {
                    Some(_) => self.open.iter().rposition(|section| section.name == *name),
                    None => self.open.len().checked_sub(1),
                };
                let Some(at) = found else {
                    let named = name.as_deref().map_or_else(String::new, |name| format!(" named {name:?}"));
                    block.content = BlockContent::Broken {
                        error: ActionError {
                            message: "This ends no section".to_owned(),
                            line: block.line,
                            reason: format!(
                                "no section{named} is open here; write a `section:begin` before it"
                            ),
                        },
                    };
                    return own;
                };
                // sections within it that are still open end with it
                let closed = self.open.len() - at;
                self.open.truncate(at);
                own + &END.repeat(closed)
            }
            _ => own,
        }
    }
}

fn begin(block: &ActionBlock, name: &str, open: bool) -> String {
    let class = if block.options.hidden { "lab-section lab-section-hidden" } else { "lab-section" };
    let open = if open { " open=\"\"" } else { "" };
    let description = match &block.options.description {
        Some(text) => format!("<p class=\"lab-section-description\">{}</p>\n", escape(text)),
        None => String::new(),
    };
    let nonce = NONCE.as_str();
    format!(
        "<details data-section-begin=\"{nonce}{}\" data-section=\"{nonce}{}\" class=\"{class}\"{open}>\
         <summary>{}</summary>\n{description}",
        block.id,
        escape(name),
        escape(&block.label),
    )
}
