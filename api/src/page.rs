//! A page of a lab as the browser receives it: sanitised HTML with numbered places for typed actions.

use serde::{Deserialize, Serialize};

use crate::actions::ActionBlock;

/// One rendered page.
///
/// `html` is sanitised. Where an action belongs it holds `<div data-action="N"></div>`, N being
/// [`ActionBlock::id`]; the browser mounts the action's button there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenderedPage {
    /// The page's name: its path below the content folder, without the extension, such as `exercises/01-start`.
    pub name: String,
    /// The title to show above the page.
    pub title: String,
    /// Sanitised HTML.
    pub html: String,
    /// The page's actions in reading order.
    pub actions: Vec<ActionBlock>,
    /// What the author wants of the button that leads on from the page.
    #[serde(default)]
    pub exit: PageExit,
}

/// The button that leads on from a page, as far as the author names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageExit {
    /// The text on it, in place of the usual one.
    pub sign: Option<String>,
    /// The address that it opens in place of the next page: `#page=…` for a page of the lab, otherwise an address of
    /// the web or of a file of the lab.
    pub link: Option<String>,
}

/// One line of a lab's table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    /// The page's name, as in [`RenderedPage::name`].
    pub name: String,
    /// The page's title.
    pub title: String,
}
