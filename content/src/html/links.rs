//! Resolves the addresses of links and images.

/// The target of a link or image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Outside of the lab: an address with a scheme or a host.
    External,
    /// A place on the same page.
    Fragment(String),
    /// A file or page of the lab: its path below the content folder, and the part from `#` or `?` on.
    Inside { path: String, rest: String },
    /// Outside of the content folder, where nothing is served.
    Outside,
}

/// Resolves an address on a page in a folder below the content folder.
pub(crate) fn resolve(folder: &str, url: &str) -> Target {
    let url = url.trim();
    if let Some(fragment) = url.strip_prefix('#') {
        return Target::Fragment(fragment.to_owned());
    }
    let scheme = url.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    if url.is_empty() || url.starts_with("//") || url.starts_with("\\") || scheme {
        return Target::External;
    }
    let at = url.find(['?', '#']).unwrap_or(url.len());
    let (path, rest) = url.split_at(at);
    let (start, path) = match path.strip_prefix('/') {
        // the original platform serves the content folder there
        Some(absolute) => ("", absolute.strip_prefix("workshop/content/").unwrap_or(absolute)),
        None => (folder, path),
    };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Target::Outside;
                }
            }
            part if part.contains('\\') => return Target::Outside,
            part => parts.push(part),
        }
    }
    Target::Inside { path: parts.join("/"), rest: rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(folder: &str, url: &str) -> String {
        match resolve(folder, url) {
            Target::Inside { path, rest } => format!("{path}|{rest}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_relative_address_is_joined_to_the_pages_folder() {
        assert_eq!(inside("exercises", "a.png?x=1"), "exercises/a.png|?x=1");
        assert_eq!(inside("exercises", "../images/a.png"), "images/a.png|");
        assert_eq!(inside("exercises", "/images/a.png"), "images/a.png|");
        assert_eq!(inside("exercises", "/workshop/content/images/a.png"), "images/a.png|");
        assert_eq!(inside("", "../../etc/passwd"), "Outside");
    }

    #[test]
    fn an_address_with_a_scheme_or_host_is_external() {
        for url in ["https://x", "//x/y", "mailto:a@b", "javascript:alert(1)", "data:text/html,x", ""] {
            assert_eq!(resolve("", url), Target::External, "{url}");
        }
    }
}
