//! Paths within the app, and the page to return to after signing in.

use lectern_api::ids::{ClassId, SessionId, UserId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The page to show if no other was asked for.
pub const HOME: &str = "/labs";

/// The characters to encode in a part of a path: all but the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one part of a path.
#[must_use]
pub fn encode_part(part: &str) -> String {
    utf8_percent_encode(part, RESERVED).to_string()
}

/// Percent-decodes a text; returns it unchanged if the result is not UTF-8.
#[must_use]
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

/// Percent-encodes a page's name, which may contain `/`.
#[must_use]
pub fn encode_page(name: &str) -> String {
    name.split('/').map(encode_part).collect::<Vec<_>>().join("/")
}

#[must_use]
pub fn session(id: SessionId) -> String {
    format!("/sessions/{id}")
}

#[must_use]
pub fn page(id: SessionId, name: &str) -> String {
    format!("/sessions/{id}/pages/{}", encode_page(name))
}

#[must_use]
pub fn class(id: ClassId) -> String {
    format!("/classes/{id}")
}

#[must_use]
pub fn person(id: UserId) -> String {
    format!("/people/{id}")
}

/// Returns the path of the sign-in page, which leads back to `path` afterwards.
#[must_use]
pub fn sign_in_from(path: &str) -> String {
    match return_path(path) {
        Some(path) if path != "/" => format!("/sign-in?next={}", encode_part(&path)),
        _ => "/sign-in".to_owned(),
    }
}

/// Returns a path to go to after signing in; `None` if it leads out of this app, or to signing in again.
#[must_use]
pub fn return_path(path: &str) -> Option<String> {
    let is_inside = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control);
    let signs_in = ["/sign-in", "/join"].iter().any(|start| path.starts_with(start));
    (is_inside && !signs_in).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_path_never_leaves_this_site() {
        for bad in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "labs", "/\tx", "javascript:x"]
        {
            assert_eq!(return_path(bad), None, "{bad:?}");
        }
        assert_eq!(
            return_path("/sessions/1/pages/a%20b?x=1").as_deref(),
            Some("/sessions/1/pages/a%20b?x=1")
        );
    }

    #[test]
    fn the_return_path_never_leads_to_signing_in_again() {
        assert_eq!(sign_in_from("/sign-in?next=%2Flabs"), "/sign-in");
        assert_eq!(sign_in_from("/labs"), "/sign-in?next=%2Flabs");
    }

    #[test]
    fn a_page_name_of_any_letters_reads_back_from_its_address() {
        for name in ["a/b c", "ü/%41", "x&y=z?#"] {
            assert_eq!(decode(&encode_page(name)), name);
        }
        assert_eq!(decode("100%"), "100%");
    }
}
