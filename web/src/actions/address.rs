//! Which web addresses may be opened, and which cannot work. Pure.

use lectern_api::ids::SessionId;

use crate::paths::encode_part;

/// Whether an address is one of the web or of this site, and not, for example, `javascript:`.
#[must_use]
pub fn is_web_address(url: &str) -> bool {
    let lower = url.trim_start().to_ascii_lowercase();
    lower.starts_with("https://")
        || lower.starts_with("http://")
        || (lower.starts_with('/') && !lower.starts_with("//"))
}

/// The domain that labs are given as long as nothing can be reached under their own.
const NO_PREVIEWS: &str = "no-preview.invalid";

/// Whether an address has a host that cannot exist: without one of its parts, as a variable without a value leaves it,
/// or below the domain that stands for no web previews.
#[must_use]
pub fn leads_nowhere(url: &str) -> bool {
    let Some((_, rest)) = url.trim().split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.starts_with('[') {
        return false;
    }
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let below = host.strip_suffix(NO_PREVIEWS);
    host.split('.').any(str::is_empty) || below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns the address under which a tab of the browser opens another one. An application of the session, whose host holds
/// the session's namespace, is reached by way of Lectern, which lets its learner in.
#[must_use]
pub fn through_lectern(url: &str, session: SessionId, namespace: &str) -> String {
    if !url.contains(namespace) || url.starts_with('/') {
        return url.to_owned();
    }
    format!("/api/v1/sessions/{session}/preview?url={}", encode_part(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_that_can_be_reached_leads_nowhere() {
        for url in [
            "http://blog-ns.",
            "https://blog-ns./path",
            "http://blog..example.com",
            "http://",
            "https://:8080/x",
            "https://blog-ns.no-preview.invalid/",
            "http://No-Preview.invalid:8080?x",
        ] {
            assert!(leads_nowhere(url), "{url}");
        }
        for url in [
            "https://example.com/a..b",
            "http://localhost:8080",
            "http://[::1]/",
            "/files/x",
            "https://someone@example.org",
            "https://my-no-preview.invalid/",
        ] {
            assert!(!leads_nowhere(url) && is_web_address(url), "{url}");
        }
    }

    #[test]
    fn only_applications_of_the_session_are_opened_by_way_of_lectern() {
        let session = SessionId::new();
        let opened = |url: &str| through_lectern(url, session, "lab-x-abc");
        assert_eq!(opened("https://example.org/?q=1"), "https://example.org/?q=1");
        assert_eq!(
            opened("http://web-lab-x-abc.localhost:8080/a?b"),
            format!(
                "/api/v1/sessions/{session}/preview?url=http%3A%2F%2Fweb-lab-x-abc.localhost%3A8080%2Fa%3Fb"
            )
        );
    }
}
