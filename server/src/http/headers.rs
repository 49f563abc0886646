//! The security headers of every answer.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::ServiceConfig;

/// Allows scripts from this server only, compiled WASM, and the styles that xterm writes into the page; forbids
/// framing.
fn content_security_policy(external_pictures: bool) -> String {
    let pictures = if external_pictures { " https:" } else { "" };
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:{pictures}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'self'; object-src 'none'"
    )
}

const STRICT_TRANSPORT: HeaderName = header::STRICT_TRANSPORT_SECURITY;

/// On every answer.
const ALWAYS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), bluetooth=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
         magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
];

/// The headers, built once.
pub struct Headers {
    /// The content security policy of the app's own pages.
    pub content_security_policy: HeaderValue,
    is_https: bool,
}

impl Headers {
    #[must_use]
    pub fn new(config: &ServiceConfig) -> Self {
        let policy = content_security_policy(config.external_pictures);
        Self {
            content_security_policy: HeaderValue::from_str(&policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
            is_https: config.is_https(),
        }
    }

    /// Adds the headers of every answer. Headers that the handler has set stay.
    pub fn add(&self, path: &str, headers: &mut HeaderMap) {
        for (name, value) in ALWAYS {
            let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
            add_if_absent(headers, name, value);
        }
        if self.is_https {
            let a_year = HeaderValue::from_static("max-age=31536000");
            add_if_absent(headers, STRICT_TRANSPORT, a_year);
        }
        if path.starts_with("/api/") {
            add_if_absent(headers, header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

fn add_if_absent(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    if !headers.contains_key(&name) {
        headers.insert(name, value);
    }
}
