//! What of a page's HTML may reach the browser.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use ammonia::Builder;

use super::links::{Target, resolve};

/// Marks the places for actions as ours: a page's own HTML cannot know it, so it cannot make such places.
pub(crate) static NONCE: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one("lectern")));

/// What rewriting addresses needs to know of the page.
pub(crate) struct Place {
    /// The page's folder below the content folder.
    pub folder: String,
    /// Where the files beside the pages are served, without a slash at its end.
    pub base_url: String,
    /// The names of the lab's pages.
    pub pages: Arc<BTreeSet<String>>,
}

/// Takes out of HTML whatever could run, load or pretend, and points its addresses to where they are served.
pub(crate) fn sanitise(html: &str, place: Place) -> String {
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
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .attribute_filter(move |element, attribute, value| filter(element, attribute, value, &place));
    builder.clean(html).to_string()
}

fn filter<'v>(element: &str, attribute: &str, value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match attribute {
        "data-action" | "data-section-begin" | "data-section" => {
            let ours = value.strip_prefix(NONCE.as_str())?;
            Some(ours.into())
        }
        "id" => {
            ["page-", "fn-", "fnref-"].iter().any(|prefix| value.starts_with(prefix)).then_some(value.into())
        }
        "class" => classes(value),
        "target" => (value == "_blank").then_some(value.into()),
        "href" if element == "a" => link(value, place),
        "src" if element == "img" => image(value, place),
        _ => Some(value.into()),
    }
}

/// Classes that a page may have: the dialect's, and those that rendering makes. Whatever else the app has a class for,
/// a page cannot pretend to be.
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
/// How such classes begin that stand for languages of code, and for its colours.
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

/// Returns where a link of Markdown leads, or nothing where it is not sure to be harmless.
pub(crate) fn safe_link(url: &str, place: &Place) -> Option<String> {
    is_harmless(url, place).then(|| link(url, place).map(Cow::into_owned)).flatten()
}

/// Returns where an image of Markdown is served, or nothing where it is not sure to be harmless.
pub(crate) fn safe_image(url: &str, place: &Place) -> Option<String> {
    is_harmless(url, place).then(|| image(url, place).map(Cow::into_owned)).flatten()
}

fn is_harmless(url: &str, place: &Place) -> bool {
    match resolve(&place.folder, url) {
        Target::External => leads_to_the_web(url),
        _ => !url.contains(|letter: char| letter.is_control()),
    }
}

/// Says whether an address begins as one of the web's does: with a scheme that runs nothing, or with a host.
fn leads_to_the_web(url: &str) -> bool {
    let start: String = url.chars().take(8).collect::<String>().to_ascii_lowercase();
    ["http://", "https://", "mailto:", "//"].iter().any(|known| start.starts_with(known))
}

fn link<'v>(value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match resolve(&place.folder, value) {
        Target::External => leads_to_the_web(value).then_some(value.into()),
        Target::Fragment(name) if name.starts_with("fn") => Some(value.into()),
        Target::Fragment(name) => Some(format!("#page-{name}").into()),
        Target::Outside => None,
        Target::Inside { path, rest } => {
            let name = page_name(&path);
            if place.pages.contains(name) {
                Some(format!("#page={name}").into())
            } else {
                Some(served(value, place, &path, &rest).into())
            }
        }
    }
}

fn image<'v>(value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match resolve(&place.folder, value) {
        Target::External => leads_to_the_web(value).then_some(value.into()),
        Target::Inside { path, rest } => Some(served(value, place, &path, &rest).into()),
        Target::Fragment(_) | Target::Outside => None,
    }
}

/// Takes off what a link to a page may have behind the page's name.
pub(crate) fn page_name(path: &str) -> &str {
    let path = path.strip_suffix(".md").or_else(|| path.strip_suffix(".html")).unwrap_or(path);
    path.strip_suffix("/index").unwrap_or(path)
}

fn served(value: &str, place: &Place, path: &str, rest: &str) -> String {
    let path = path.replace(' ', "%20");
    // `{{< baseurl >}}` made it so already
    let is_served = !place.base_url.is_empty()
        && value.trim().strip_prefix(&place.base_url).is_some_and(|rest| rest.starts_with('/'));
    if is_served { format!("/{path}{rest}") } else { format!("{}/{path}{rest}", place.base_url) }
}
