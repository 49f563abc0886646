//! The addresses on a page: where they lead, and what the browser is given in their place.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::links::{Target, resolve};
use crate::lab::Assets;

/// The facts about a page that rewriting its addresses needs.
#[derive(Clone)]
pub(crate) struct Place {
    /// The page's folder below the content folder.
    pub folder: String,
    /// The folder that the page's address looks like in the Hugo style, where the page `a` is served as `a/`. `None` in
    /// the classic layout.
    pub own_folder: Option<String>,
    /// The address under which the files beside the pages are served, without a trailing slash.
    pub base_url: String,
    pub pages: Arc<BTreeSet<String>>,
    /// The lab's static files. `None` if nothing is known of them: then all are said to be there.
    pub assets: Option<Assets>,
}

/// What an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Outside of the lab: an address with a scheme or a host.
    External,
    /// A place on the same page.
    Fragment(String),
    /// A page of the lab.
    Page(String),
    /// A static file: its path below the base URL, and the part from `#` or `?` on.
    File { path: String, rest: String },
    /// Nothing that is there, with the path at which it was expected.
    Nothing { path: String, rest: String },
    /// Outside of the content folder, where nothing is served.
    Outside,
}

impl Place {
    /// Finds what an address leads to. A relative one counts from the page's file, as in an editor, and failing that from
    /// the page's address.
    pub(crate) fn destination(&self, url: &str) -> Destination {
        let url = url.trim();
        let based = (!self.base_url.is_empty()).then(|| url.strip_prefix(&self.base_url)).flatten();
        // `{{< baseurl >}}` stands for the content folder
        let url = based.filter(|rest| rest.starts_with('/')).unwrap_or(url);
        let mut expected = None;
        for folder in [Some(&self.folder), self.own_folder.as_ref()].into_iter().flatten() {
            let (path, rest) = match resolve(folder, url) {
                Target::External => return Destination::External,
                Target::Fragment(name) => return Destination::Fragment(name),
                Target::Outside => continue,
                Target::Inside { path, rest } => (path, rest),
            };
            if let Some(page) = self.page(&path) {
                return Destination::Page(page);
            }
            if self.has_file(&path) {
                return Destination::File { path, rest };
            }
            expected.get_or_insert((path, rest));
        }
        match expected {
            Some((path, rest)) => Destination::Nothing { path, rest },
            None => Destination::Outside,
        }
    }

    /// Finds the page that a path names. The Hugo style writes addresses in lower case.
    fn page(&self, path: &str) -> Option<String> {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let name = page_name(&path);
        if self.pages.contains(name) {
            return Some(name.to_owned());
        }
        self.own_folder.as_ref()?;
        self.pages.iter().find(|page| page.to_lowercase() == name.to_lowercase()).cloned()
    }

    fn has_file(&self, path: &str) -> bool {
        let Some(assets) = &self.assets else { return true };
        let path = percent_decode_str(path).decode_utf8_lossy();
        assets.has(&path)
    }

    /// Returns the address under which a static file is served.
    fn served(&self, path: &str, rest: &str) -> String {
        format!("{}/{}{rest}", self.base_url, path.replace(' ', "%20"))
    }
}

/// Removes what may follow the page's name in a link to a page.
fn page_name(path: &str) -> &str {
    let extensions = [".md", ".html", ".adoc"];
    let path = extensions.iter().find_map(|extension| path.strip_suffix(extension)).unwrap_or(path);
    path.strip_suffix("/index").unwrap_or(path)
}

/// Rewrites the address of a Markdown link. Returns `None` if it is not certainly harmless, or leads nowhere.
pub(crate) fn safe_link(url: &str, place: &Place) -> Option<String> {
    is_harmless(url).then(|| link(url, place).map(Cow::into_owned)).flatten()
}

/// Rewrites the address of a Markdown image. Returns `None` if it is not certainly harmless.
pub(crate) fn safe_image(url: &str, place: &Place) -> Option<String> {
    is_harmless(url).then(|| image(url, place).map(Cow::into_owned)).flatten()
}

fn is_harmless(url: &str) -> bool {
    !url.contains(|letter: char| letter.is_control())
}

/// Returns whether an address begins with a harmless scheme or with a host.
fn leads_to_the_web(url: &str) -> bool {
    let start: String = url.chars().take(8).collect::<String>().to_ascii_lowercase();
    ["http://", "https://", "mailto:", "//"].iter().any(|known| start.starts_with(known))
}

/// Rewrites the address of a link. Returns `None` if it leads nowhere.
pub(super) fn link<'v>(value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match place.destination(value) {
        Destination::External => leads_to_the_web(value).then_some(value.into()),
        Destination::Fragment(name) if name.starts_with("fn") => Some(value.into()),
        Destination::Fragment(name) => Some(format!("#page-{name}").into()),
        Destination::Page(name) => Some(format!("#page={name}").into()),
        Destination::File { path, rest } => Some(place.served(&path, &rest).into()),
        Destination::Nothing { .. } | Destination::Outside => None,
    }
}

/// Rewrites the address of an image. Returns `None` if it cannot be one.
pub(super) fn image<'v>(value: &'v str, place: &Place) -> Option<Cow<'v, str>> {
    match place.destination(value) {
        Destination::External => leads_to_the_web(value).then_some(value.into()),
        Destination::File { path, rest } | Destination::Nothing { path, rest } => {
            Some(place.served(&path, &rest).into())
        }
        Destination::Fragment(_) | Destination::Page(_) | Destination::Outside => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &str, own_folder: Option<&str>) -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for file in ["workshop/content/a.png", "workshop/content/20-save/b c.png", "workshop/static/s/d.png"]
        {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        let place = Place {
            folder: folder.to_owned(),
            own_folder: own_folder.map(str::to_owned),
            base_url: "/files".to_owned(),
            pages: Arc::new(["10-Form", "20-save", "more/30-last"].map(str::to_owned).into()),
            assets: Some(Assets::new(root, "workshop/content")),
        };
        (dir, place)
    }

    #[test]
    fn an_address_leads_where_the_original_platform_serves_it() {
        let (_dir, flat) = place("", Some("20-save"));
        let (_dir2, bundle) = place("20-save", Some("20-save"));
        for place in [&flat, &bundle] {
            for url in ["/workshop/content/a.png", "/files/a.png", "../a.png", "/a.png"] {
                assert_eq!(image(url, place).as_deref(), Some("/files/a.png"), "{url}");
            }
            for url in
                ["../10-form/", "/workshop/content/10-form", "../10-Form", "/files/10-form", "/10-form"]
            {
                assert_eq!(link(url, place).as_deref(), Some("#page=10-Form"), "{url}");
            }
            assert_eq!(image("b%20c.png", place).as_deref(), Some("/files/20-save/b%20c.png"));
            assert_eq!(image("/s/d.png", place).as_deref(), Some("/files/s/d.png"));
            assert_eq!(link("../more/30-last/", place).as_deref(), Some("#page=more/30-last"));
        }
    }

    #[test]
    fn a_link_to_nothing_has_no_address_and_a_missing_image_keeps_its_own() {
        let (_dir, place) = place("", Some("20-save"));
        assert_eq!(link("nothing.pdf", &place), None);
        assert_eq!(link("../../../etc/passwd", &place), None);
        assert_eq!(image("nothing.png", &place).as_deref(), Some("/files/nothing.png"));
    }

    #[test]
    fn a_classic_page_does_not_look_like_a_folder() {
        let (_dir, place) = place("more", None);
        assert_eq!(link("../10-form", &place), None);
        assert_eq!(link("../10-Form", &place).as_deref(), Some("#page=10-Form"));
        assert_eq!(link("30-last.adoc", &place).as_deref(), Some("#page=more/30-last"));
    }
}
