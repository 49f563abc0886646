//! Addresses of web applications, as labs and browsers write them.

use lectern_api::ids::SessionId;
use url::Url;

use crate::cluster::NAMESPACE_PREFIX;

/// A web application: one host of one session. It is an origin of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct App {
    pub session: SessionId,
    /// Its host name below the domain of previews, in lower case and without a port.
    pub host: String,
}

/// An address that somebody wants to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub host: String,
    /// Path and query.
    pub path: String,
    pub fragment: Option<String>,
}

impl Asked {
    /// Reads an address. One at a port for applications means the application that has the port.
    #[must_use]
    pub fn parse(text: &str, app_at: impl FnOnce(u16) -> Option<App>) -> Option<Self> {
        let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let named = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
        let host = url.port().and_then(app_at).map_or(named, |app| app.host);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            host,
            path: format!("{}{query}", url.path()),
            fragment: url.fragment().map(str::to_owned),
        })
    }
}

/// Finds the namespace that a host name holds, by its form alone; `None` if it holds none.
#[must_use]
pub fn namespace_in(host: &str) -> Option<&str> {
    const RANDOM: usize = 10;
    let is_random =
        |part: &str| part.len() == RANDOM && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    host.split('.').find_map(|label| {
        let start = match label.starts_with(NAMESPACE_PREFIX) {
            true => 0,
            false => label.find(&format!("-{NAMESPACE_PREFIX}"))? + 1,
        };
        let own = &label[start..];
        // the last one: a word of the lab's own name may have the same form
        let end = own
            .match_indices('-')
            .map(|(at, _)| at + 1)
            .rfind(|at| is_random(own[*at..].split('-').next().unwrap_or_default()))?;
        Some(&own[..end + RANDOM])
    })
}

/// Returns a `Host` header without its port.
#[must_use]
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host.trim_end_matches(':'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_its_parts() {
        let asked = Asked::parse(" http://Web-lab-x.localhost:8080/a%20b?c=d#e ", |_| None).unwrap();
        assert_eq!(asked.host, "web-lab-x.localhost");
        assert_eq!((asked.path.as_str(), asked.fragment.as_deref()), ("/a%20b?c=d", Some("e")));
        for wrong in ["", "/path", "javascript:alert(1)", "ftp://web-lab-x.localhost/", "http://"] {
            assert_eq!(Asked::parse(wrong, |_| None), None, "{wrong}");
        }
        let app = App { session: SessionId::new(), host: "web-lab-x.preview.invalid".into() };
        let by_port = Asked::parse("http://192.0.2.7:18100/", |port| (port == 18100).then(|| app.clone()));
        assert_eq!(by_port.unwrap().host, app.host);
    }

    #[test]
    fn the_namespace_is_found_before_and_behind_a_name() {
        let namespace = "lab-kubernetes-basics-abcdefg234";
        for host in ["web-N.localhost", "N-web.localhost", "N.labs.example.org", "a.web-N.localhost"] {
            assert_eq!(namespace_in(&host.replace('N', namespace)), Some(namespace), "{host}");
        }
        for host in ["localhost", "lab-x.localhost", "xlab-a-abcdefg234.localhost", "192.0.2.7"] {
            assert_eq!(namespace_in(host), None, "{host}");
        }
    }

    #[test]
    fn a_port_is_no_part_of_a_name() {
        for (host, name) in
            [("a:80", "a"), ("a", "a"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]"), ("a:", "a")]
        {
            assert_eq!(without_port(host), name);
        }
    }
}
