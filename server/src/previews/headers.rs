//! The headers that pass between browser and application: all but those of one hop, of this server, and those that would
//! reach beyond the application's origin.

use std::net::IpAddr;

use http::header::{
    self, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use url::Url;

use super::cookies::CookieRules;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
const ALT_SVC: HeaderName = HeaderName::from_static("alt-svc");

/// Headers that concern one connection only.
const HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a request is known by, besides its headers.
#[derive(Clone, Debug)]
pub(super) struct Origin<'a> {
    /// The address of the browser.
    pub client: IpAddr,
    /// The scheme that the browser uses.
    pub scheme: &'static str,
    pub cookies: &'a CookieRules,
}

/// Removes what concerns one connection only: the known headers, and those that `Connection` names.
fn strip_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP) {
        headers.remove(name);
    }
}

/// Returns whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Turns the headers of a browser's request into those that the application gets. `Host`, `Origin` and `Referer` stay as the
/// browser sent them.
pub(super) fn for_app(mut headers: HeaderMap, origin: &Origin<'_>) -> HeaderMap {
    let upgrades = is_upgrade(&headers);
    strip_hop(&mut headers);
    if upgrades {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    // answered on this side already
    headers.remove(header::EXPECT);
    headers.remove(header::FORWARDED);
    let cookies: Vec<String> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| origin.cookies.for_app(value))
        .collect();
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_str(&cookies.join("; "))
        && !cookies.is_empty()
    {
        headers.insert(COOKIE, value);
    }
    let client = HeaderValue::from_str(&origin.client.to_string()).ok();
    let host = headers.get(HOST).cloned();
    let port = host.as_ref().and_then(|host| host.to_str().ok()).and_then(|host| {
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
        HeaderValue::from_str(port.unwrap_or(if origin.scheme == "https" { "443" } else { "80" })).ok()
    });
    for (name, value) in [
        (FORWARDED_FOR, client.clone()),
        (REAL_IP, client),
        (FORWARDED_PROTO, Some(HeaderValue::from_static(origin.scheme))),
        (FORWARDED_HOST, host),
        (FORWARDED_PORT, port),
    ] {
        match value {
            Some(value) => drop(headers.insert(name, value)),
            None => drop(headers.remove(name)),
        }
    }
    headers
}

/// Turns the headers of an application's answer into those that the browser gets. `relocate` corrects the address of a
/// redirection, if it needs to.
pub(super) fn for_browser(
    mut headers: HeaderMap,
    cookies: &CookieRules,
    relocate: impl FnOnce(&str) -> Option<String>,
) -> HeaderMap {
    strip_hop(&mut headers);
    // these reach the whole site, of which Lectern may be a part, or another port
    headers.remove(CLEAR_SITE_DATA);
    headers.remove(ALT_SVC);
    let set: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| cookies.for_browser(value))
        .filter_map(|value| HeaderValue::from_str(&value).ok())
        .collect();
    headers.remove(SET_COOKIE);
    for value in set {
        headers.append(SET_COOKIE, value);
    }
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).and_then(relocate);
    if let Some(value) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(LOCATION, value);
    }
    headers
}

/// Returns the address to which a redirection shall lead instead, where it names the application's own host with another
/// scheme or port than browsers use, or its name below a domain that does not resolve. `origin` is what the browser uses.
pub(super) fn relocated(location: &str, app_host: &str, origin: &str) -> Option<String> {
    let url = Url::parse(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let own = Url::parse(origin).ok()?;
    let is_own = url.host_str() == own.host_str() && (url.port().is_none() || url.port() == own.port());
    if url.origin() == own.origin() || !(is_own || url.host_str() == Some(app_host)) {
        return None;
    }
    let rest = &url[url::Position::BeforePath..];
    Some(format!("{}{rest}", origin.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::previews::PreviewSite;

    fn rules() -> CookieRules {
        let site = PreviewSite::Domain { domain: "localhost".into(), scheme: "http", port: 8080 };
        CookieRules::of(&site, "web-lab-x.localhost", None)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn an_application_sees_the_browsers_request_and_nothing_of_lectern() {
        let sent = headers(&[
            ("host", "web-lab-x.localhost:8080"),
            ("origin", "http://web-lab-x.localhost:8080"),
            ("referer", "http://web-lab-x.localhost:8080/a"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-proto", "gopher"),
            ("cookie", "lectern=secret; sid=1"),
            ("authorization", "Bearer x"),
        ]);
        let origin = Origin { client: "192.0.2.1".parse().unwrap(), scheme: "http", cookies: &rules() };
        let got = for_app(sent, &origin);
        let wanted = headers(&[
            ("host", "web-lab-x.localhost:8080"),
            ("origin", "http://web-lab-x.localhost:8080"),
            ("referer", "http://web-lab-x.localhost:8080/a"),
            ("cookie", "sid=1"),
            ("authorization", "Bearer x"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-real-ip", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "web-lab-x.localhost:8080"),
            ("x-forwarded-port", "8080"),
        ]);
        assert_eq!(got, wanted);
    }

    #[test]
    fn a_websocket_stays_one_and_no_other_upgrade_is_passed_on() {
        let origin = Origin { client: "192.0.2.1".parse().unwrap(), scheme: "http", cookies: &rules() };
        let socket =
            for_app(headers(&[("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")]), &origin);
        assert_eq!(
            (&socket["upgrade"], &socket["connection"]),
            (&"websocket".parse().unwrap(), &"Upgrade".parse().unwrap())
        );
        let other =
            for_app(headers(&[("upgrade", "h2c"), ("connection", "Upgrade, HTTP2-Settings")]), &origin);
        assert!(!other.contains_key(UPGRADE) && !other.contains_key(CONNECTION));
    }

    #[test]
    fn an_answer_keeps_to_its_origin() {
        let answer = headers(&[
            ("set-cookie", "a=1; Domain=localhost"),
            ("set-cookie", "b=2"),
            ("clear-site-data", "\"cookies\""),
            ("connection", "close"),
            ("location", "/next"),
            ("access-control-allow-origin", "http://api-lab-x.localhost:8080"),
        ]);
        let got = for_browser(answer, &rules(), |_| None);
        let wanted = headers(&[
            ("location", "/next"),
            ("access-control-allow-origin", "http://api-lab-x.localhost:8080"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        assert_eq!(got, wanted);
    }

    #[test]
    fn a_redirection_that_lost_the_port_or_scheme_gets_it_back() {
        let moved =
            |location: &str| relocated(location, "web-lab-x.preview.invalid", "http://192.0.2.7:18100");
        for own in
            ["http://192.0.2.7/a?b=c", "https://192.0.2.7/a?b=c", "http://web-lab-x.preview.invalid/a?b=c"]
        {
            assert_eq!(moved(own).unwrap(), "http://192.0.2.7:18100/a?b=c", "{own}");
        }
        for other in ["/a", "a", "http://192.0.2.7:18100/a", "http://192.0.2.7:8080/", "https://example.com/"]
        {
            assert_eq!(moved(other), None, "{other}");
        }
    }
}
