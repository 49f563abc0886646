//! Where browsers reach the web applications of sessions: each on an origin of its own, so that none shares one with
//! Lectern or with another learner's.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use clap::Args;
use lectern_api::sessions::{NO_PREVIEW_DOMAIN, PORTS_PREVIEW_DOMAIN};
use url::{Host, Url};

use super::domain;
use crate::cluster::NAMESPACE_PREFIX;

/// The domain whose names are always this machine's, in browsers.
const LOOPBACK: &str = "localhost";

/// The flags about web applications.
#[derive(Args, Clone, Debug, Default)]
pub struct PreviewFlags {
    /// Domain below which browsers reach the web applications of sessions, `NAME-SESSION.DOMAIN`; all names below it
    /// must lead to Lectern. By default `localhost`, if Lectern listens on this machine's loopback address only.
    #[arg(long, env = "LECTERN_PREVIEW_DOMAIN", value_name = "DOMAIN", value_parser = domain, conflicts_with = "preview_ports")]
    pub preview_domain: Option<String>,
    /// Ports of this machine under which browsers reach the web applications of sessions instead, one for each that is in
    /// use, such as 18100-18199: for a network without a wildcard domain.
    #[arg(long, env = "LECTERN_PREVIEW_PORTS", value_name = "FIRST-LAST", value_parser = ports)]
    pub preview_ports: Option<RangeInclusive<u16>>,
}

/// Parses a range of ports.
fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    const MOST: u16 = 1000;
    let wrong = || format!("{text:?} is no range of ports; write it like 18100-18199");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u16 = first.trim().parse().map_err(|_| wrong())?;
    let last: u16 = last.trim().parse().map_err(|_| wrong())?;
    match first {
        0 => Err(wrong()),
        _ if first > last => Err(wrong()),
        _ if last - first >= MOST => Err(format!("{text:?} has more than {MOST} ports")),
        _ => Ok(first..=last),
    }
}

/// Why the flags about web applications cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewsError {
    #[error(
        "--preview-ports cannot be used with a --public-url of HTTPS, because browsers refuse pages of plain HTTP within it; \
         use --preview-domain with a wildcard certificate"
    )]
    PortsBehindHttps,
}

/// Where browsers reach the web applications of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PreviewSite {
    /// Nowhere.
    #[default]
    Off,
    /// Under names of a domain.
    Domain {
        domain: String,
        /// `http` or `https`.
        scheme: &'static str,
        port: u16,
    },
    /// Under ports of the host that browsers reach Lectern at.
    Ports(RangeInclusive<u16>),
}

impl PreviewFlags {
    /// Chooses where web applications are reached, for a server that listens on this address.
    ///
    /// # Errors
    /// [`PreviewsError`].
    pub fn choose(&self, listen: SocketAddr, public_url: Option<&Url>) -> Result<PreviewSite, PreviewsError> {
        let is_https = public_url.is_some_and(|url| url.scheme() == "https");
        if let Some(ports) = &self.preview_ports {
            return if is_https {
                Err(PreviewsError::PortsBehindHttps)
            } else {
                Ok(PreviewSite::Ports(ports.clone()))
            };
        }
        let is_local = match public_url.map(Url::host) {
            None => listen.ip().is_loopback(),
            Some(Some(Host::Domain(name))) => name == LOOPBACK || name.ends_with(".localhost"),
            Some(Some(Host::Ipv4(ip))) => ip.is_loopback(),
            Some(Some(Host::Ipv6(ip))) => ip.is_loopback(),
            Some(None) => false,
        };
        let domain = match &self.preview_domain {
            Some(domain) => domain.clone(),
            None if is_local => LOOPBACK.to_owned(),
            None => return Ok(PreviewSite::Off),
        };
        Ok(PreviewSite::Domain {
            domain,
            scheme: if is_https { "https" } else { "http" },
            port: public_url.and_then(Url::port_or_known_default).unwrap_or(listen.port()),
        })
    }
}

impl PreviewSite {
    /// Returns whether there are web previews.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::Off
    }

    /// Returns the domain of the addresses that labs are given. With ports no browser can resolve it, and whoever follows
    /// such an address asks for a grant, which says the real one.
    #[must_use]
    pub fn domain(&self) -> &str {
        match self {
            Self::Off => NO_PREVIEW_DOMAIN,
            Self::Domain { domain, .. } => domain,
            Self::Ports(_) => PORTS_PREVIEW_DOMAIN,
        }
    }

    /// Returns the scheme of the addresses that labs are given.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if let Self::Domain { scheme, .. } = self { scheme } else { "http" }
    }

    /// Returns the port of the addresses that labs are given.
    #[must_use]
    pub fn port(&self) -> u16 {
        if let Self::Domain { port, .. } = self { *port } else { 80 }
    }

    /// Returns the port with a colon before it; nothing if it is the scheme's own.
    #[must_use]
    pub fn port_suffix(&self) -> String {
        match (self.scheme(), self.port()) {
            ("http", 80) | ("https", 443) => String::new(),
            (_, port) => format!(":{port}"),
        }
    }

    /// Returns the name in front of the domain, in lower case; `None` if the host is not below the domain.
    fn label(&self, host: &str) -> Option<String> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let before = host.strip_suffix(self.domain())?.strip_suffix('.')?;
        before.rsplit('.').next().filter(|label| !label.is_empty()).map(str::to_owned)
    }

    /// Returns whether the main port is asked for a web application under this host name, which is given without a port.
    #[must_use]
    pub fn is_preview_host(&self, host: &str) -> bool {
        matches!(self, Self::Domain { .. })
            && self.label(host).is_some_and(|label| {
                label.starts_with(NAMESPACE_PREFIX) || label.contains(&format!("-{NAMESPACE_PREFIX}"))
            })
    }

    /// Returns whether a host name belongs to one of these namespaces: `NAMESPACE.DOMAIN`, `NAME-NAMESPACE.DOMAIN`,
    /// `NAMESPACE-NAME.DOMAIN`, or one below these.
    #[must_use]
    pub fn belongs<'a>(&self, host: &str, namespaces: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(label) = self.label(host) else { return false };
        self.is_on()
            && namespaces.into_iter().any(|namespace| {
                let before = label.strip_suffix(namespace);
                let behind = label.strip_prefix(namespace);
                before.is_some_and(|name| name.is_empty() || name.ends_with('-'))
                    || behind.is_some_and(|name| name.starts_with('-'))
            })
    }

    /// Says at start where web applications are reached.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Off => "Web applications of sessions cannot be opened in the browser. Name a domain whose names all lead here \
                          with --preview-domain labs.example.org, or ports with --preview-ports 18100-18199."
                .to_owned(),
            Self::Domain { domain, scheme, .. } => {
                format!("Web applications of sessions are at {scheme}://NAME-SESSION.{domain}{}", self.port_suffix())
            }
            Self::Ports(ports) => {
                format!("Web applications of sessions are at the ports {} to {} of this machine.", ports.start(), ports.end())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "lab-web-abcdefghij";

    fn chosen(
        flags: &PreviewFlags,
        listen: &str,
        public: Option<&str>,
    ) -> Result<PreviewSite, PreviewsError> {
        flags.choose(listen.parse().unwrap(), public.map(|url| url.parse().unwrap()).as_ref())
    }

    fn on_domain(domain: &str, scheme: &'static str, port: u16) -> PreviewSite {
        PreviewSite::Domain { domain: domain.to_owned(), scheme, port }
    }

    #[test]
    fn a_server_for_this_machine_alone_needs_no_flag_and_any_other_does() {
        let none = PreviewFlags::default();
        assert_eq!(chosen(&none, "127.0.0.1:8080", None), Ok(on_domain("localhost", "http", 8080)));
        assert_eq!(
            chosen(&none, "127.0.0.1:8080", Some("http://localhost:9000")),
            Ok(on_domain("localhost", "http", 9000))
        );
        for (listen, public) in
            [("0.0.0.0:8080", None), ("127.0.0.1:8080", Some("https://lectern.example.org"))]
        {
            assert_eq!(chosen(&none, listen, public), Ok(PreviewSite::Off));
        }
    }

    #[test]
    fn a_domain_has_the_scheme_and_port_of_the_public_address() {
        let flags = PreviewFlags { preview_domain: Some("labs.example.org".into()), preview_ports: None };
        let site = chosen(&flags, "127.0.0.1:8080", Some("https://lectern.example.org")).unwrap();
        assert_eq!(site, on_domain("labs.example.org", "https", 443));
        assert_eq!(site.port_suffix(), "");
        let site = chosen(&flags, "0.0.0.0:8080", None).unwrap();
        assert_eq!((site.scheme(), site.port_suffix()), ("http", ":8080".to_owned()));
    }

    #[test]
    fn ports_are_a_range_and_not_for_https() {
        assert_eq!(ports("18100-18199"), Ok(18100..=18199));
        for wrong in ["18100", "2-1", "0-5", "1-70000", "a-b", "1-5000"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
        let flags = PreviewFlags { preview_domain: None, preview_ports: Some(18100..=18101) };
        assert_eq!(chosen(&flags, "0.0.0.0:80", None), Ok(PreviewSite::Ports(18100..=18101)));
        assert_eq!(chosen(&flags, "0.0.0.0:80", Some("https://x.org")), Err(PreviewsError::PortsBehindHttps));
    }

    #[test]
    fn a_host_belongs_to_the_session_whose_namespace_it_names() {
        let site = on_domain("labs.example.org", "https", 443);
        for own in ["web-N", "N-web", "N", "a.N", "api.v2.web-N", "WEB-n"] {
            let host = format!("{}.labs.example.org", own.replace(['N', 'n'], NAMESPACE));
            assert!(site.belongs(&host, [NAMESPACE]) && site.is_preview_host(&host), "{host}");
            assert!(!site.belongs(&host, ["lab-web-zzzzzzzzzz"]), "{host}");
        }
        for foreign in [
            "webN.labs.example.org",
            "Nweb.labs.example.org",
            "web-N.example.org",
            "labs.example.org",
            "N.web.labs.example.org",
        ] {
            assert!(!site.belongs(&foreign.replace('N', NAMESPACE), [NAMESPACE]), "{foreign}");
        }
        assert!(!site.is_preview_host("lectern.labs.example.org"));
        assert!(!PreviewSite::Off.belongs(&format!("web-{NAMESPACE}.no-preview.invalid"), [NAMESPACE]));
    }
}
