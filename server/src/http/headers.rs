//! The security headers of every answer.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::ServiceConfig;
use crate::config::previews::PreviewSite;

/// Allows scripts from this server only, compiled WASM, and the styles that xterm writes into the page; forbids framing by
/// others. What a lab's tabs show is framed: web applications, and sites of HTTPS.
fn content_security_policy(external_pictures: bool, site: &PreviewSite) -> String {
    let pictures = if external_pictures { " https:" } else { "" };
    let frames = frames(site);
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:{pictures}; connect-src 'self'; \
         frame-src 'self' https:{frames}; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'self'; object-src 'none'"
    )
}

/// Returns the sources of frames besides those of HTTPS, which labs name themselves: the origins of web applications.
fn frames(site: &PreviewSite) -> String {
    match site {
        PreviewSite::Domain { domain, scheme: "http", .. } => {
            format!(" http://*.{domain}{}", site.port_suffix())
        }
        // a policy can name no range of ports, nor a host that only the browser knows
        PreviewSite::Ports(_) => " http:".to_owned(),
        PreviewSite::Off | PreviewSite::Domain { .. } => String::new(),
    }
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
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
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
        let policy = content_security_policy(config.external_pictures, &config.previews);
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
