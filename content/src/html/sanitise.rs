//! Filters the HTML of pages before it reaches the browser.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use ammonia::Builder;

use super::place::{Place, image, link};

/// Marks the places of actions as ours. A page's own HTML cannot know it, and so cannot contain such places.
pub(crate) static NONCE: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one("lectern")));

/// Removes everything from HTML that could run, load or imitate something, and rewrites its addresses.
pub(crate) fn sanitise(html: &str, place: Place) -> String {
    builder()
        .attribute_filter(move |element, attribute, value| filter(element, attribute, value, &place))
        .clean(html)
        .to_string()
}

/// The elements that pass.
pub(crate) static ALLOWED_TAGS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| builder().clone_tags());

fn builder() -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .add_tags(["input", "section", "summary", "details", "figure", "figcaption", "aside", "mark", "u"])
        .add_generic_attributes(["class", "id", "dir", "data-action", "data-section", "data-section-begin"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("input", ["checked", "disabled"])
        .add_tag_attributes("a", ["target"])
        .add_tag_attributes("ol", ["start"])
        .add_tag_attribute_values("input", "type", ["checkbox"])
        .set_tag_attribute_value("input", "disabled", "")
        .url_schemes(HashSet::from(["http", "https", "mailto"]));
    builder
}

fn filter<'v>(element: &str, attribute: &str, value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match attribute {
        "data-action" | "data-section-begin" | "data-section" => {
            let ours = value.strip_prefix(NONCE.as_str())?;
            Some(ours.into())
        }
        "id" => {
            let is_ours = ["page-", "fn-", "fnref-"].iter().any(|prefix| value.starts_with(prefix));
            // a page's own: links to it get the same prefix
            if is_ours { Some(value.into()) } else { Some(format!("page-{value}").into()) }
        }
        "class" => classes(value),
        "target" => (value == "_blank").then_some(value.into()),
        "href" if element == "a" => link(value, place),
        "src" if element == "img" => image(value, place),
        _ => Some(value.into()),
    }
}

/// Classes that a page may use: the dialect's and those of the renderer. With the app's other classes a page could
/// imitate parts of the app.
const CLASSES: &[&str] = &[
    "admonition",
    "admonition-title",
    "caution",
    "contains-task-list",
    "copyable",
    "danger",
    "figure",
    "footnote-backref",
    "footnote-ref",
    "footnotes",
    "important",
    "info",
    "lab-section",
    "lab-section-description",
    "lab-section-hidden",
    "note",
    "task-list-item",
    "task-list-item-checkbox",
    "tip",
    "warning",
];
/// Prefixes of the classes for the languages and the highlighting of code.
const CLASS_PREFIXES: &[&str] = &["hl-", "language-"];

fn classes(value: &str) -> Option<Cow<'_, str>> {
    let is_known = |class: &&str| {
        CLASSES.contains(class) || CLASS_PREFIXES.iter().any(|prefix| class.starts_with(prefix))
    };
    if value.split(' ').all(|class| is_known(&class)) {
        return Some(value.into());
    }
    let kept: Vec<&str> = value.split_ascii_whitespace().filter(is_known).collect();
    (!kept.is_empty()).then(|| kept.join(" ").into())
}
