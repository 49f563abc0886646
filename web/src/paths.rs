//! Addresses within the app: building them, and keeping a way back that cannot lead elsewhere.

use lectern_api::ids::{ClassId, SessionId, UserId};

/// Where people go who have nothing else in mind.
pub const HOME: &str = "/labs";

/// Writes one part of a path so that a URL may hold it.
#[must_use]
pub fn encode_part(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Reads what [`encode_part`] wrote; a text that is not so written comes back as it is.
#[must_use]
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Writes a page's name, which may hold `/`, as part of a path.
#[must_use]
pub fn encode_page(name: &str) -> String {
    name.split('/').map(encode_part).collect::<Vec<_>>().join("/")
}

/// The address of a session.
#[must_use]
pub fn session(id: SessionId) -> String {
    format!("/sessions/{id}")
}

/// The address of a page of a session.
#[must_use]
pub fn page(id: SessionId, name: &str) -> String {
    format!("/sessions/{id}/pages/{}", encode_page(name))
}

/// The address of a class.
#[must_use]
pub fn class(id: ClassId) -> String {
    format!("/classes/{id}")
}

/// The address of a person, for administrators.
#[must_use]
pub fn person(id: UserId) -> String {
    format!("/people/{id}")
}

/// The sign-in page, with the way back to `path`.
#[must_use]
pub fn sign_in_from(path: &str) -> String {
    match way_back(path) {
        Some(path) if path != "/" => format!("/sign-in?next={}", encode_part(&path)),
        _ => "/sign-in".to_owned(),
    }
}

/// Accepts a path to return to after signing in: only one of this app, and none that leads to signing in again.
#[must_use]
pub fn way_back(path: &str) -> Option<String> {
    let inside = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control);
    let again = ["/sign-in", "/join"].iter().any(|start| path.starts_with(start));
    (inside && !again).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leaves_this_site() {
        for bad in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "labs", "/\tx", "javascript:x"]
        {
            assert_eq!(way_back(bad), None, "{bad:?}");
        }
        assert_eq!(way_back("/sessions/1/pages/a%20b?x=1").as_deref(), Some("/sessions/1/pages/a%20b?x=1"));
    }

    #[test]
    fn the_way_back_never_leads_to_signing_in_again() {
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
