//! Filters the HTML of pages before it reaches the browser.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use ammonia::Builder;

use super::links::{Target, resolve};

/// Marks the places of actions as ours. A page's own HTML cannot know it, and so cannot contain such places.
pub(crate) static NONCE: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one("lectern")));

/// The facts about a page that rewriting its addresses needs.
pub(crate) struct Place {
    /// The page's folder below the content folder.
    pub folder: String,
    /// The address under which the files beside the pages are served, without a trailing slash.
    pub base_url: String,
    pub pages: Arc<BTreeSet<String>>,
}

/// Removes everything from HTML that could run, load or imitate something, and rewrites its addresses.
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

/// Rewrites the address of a Markdown link. Returns `None` if it is not certainly harmless.
pub(crate) fn safe_link(url: &str, place: &Place) -> Option<String> {
    is_harmless(url, place).then(|| link(url, place).map(Cow::into_owned)).flatten()
}

/// Rewrites the address of a Markdown image. Returns `None` if it is not certainly harmless.
pub(crate) fn safe_image(url: &str, place: &Place) -> Option<String> {
    is_harmless(url, place).then(|| image(url, place).map(Cow::into_owned)).flatten()
}

fn is_harmless(url: &str, place: &Place) -> bool {
    match resolve(&place.folder, url) {
        Target::External => leads_to_the_web(url),
        _ => !url.contains(|letter: char| letter.is_control()),
    }
}

/// Returns whether an address begins with a harmless scheme or with a host.
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

/// Removes what may follow the page's name in a link to a page.
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
