//! Escapes text, and filters the HTML of pages.

mod links;
mod place;
mod sanitise;
pub(crate) mod tags;

pub(crate) use place::{Destination, Place, safe_image, safe_link};
pub(crate) use sanitise::{NONCE, sanitise};

/// Writes text, escaped for an element or a quoted attribute.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(entity);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// Returns text, escaped for an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text);
    out
}
