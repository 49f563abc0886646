//! Cookies on an application's origin: this server's own never reach the application, and the application's keep to it.
//!
//! Browsers share cookies among all ports of a host. Where applications differ by port, each one's cookies therefore get a
//! prefix on their way to the browser, which is taken off on the way back.

use sha2::{Digest as _, Sha256};

use crate::config::previews::PreviewSite;

/// How the names of this server's own cookies begin, with and without the prefix that binds them to the host.
const OWN: [&str; 2] = ["lectern", "__Host-lectern"];
/// The name of the cookie for an application's origin.
const NAME: &str = "lectern-preview";

/// How cookies are treated on an application's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieRules {
    /// The name of this server's cookie.
    pub name: String,
    /// Its attributes.
    pub attributes: &'static str,
    /// What the names of the application's cookies get in front.
    prefix: Option<String>,
    /// The widest domain that the application may set cookies for, besides its own host: that of its namespace.
    widest: Option<String>,
}

impl CookieRules {
    /// Returns the rules for an application; `port` is that of the request if applications differ by port.
    pub(crate) fn of(site: &PreviewSite, app_host: &str, port: Option<u16>) -> Self {
        // within a frame of Lectern's page a preview is another site's, unless only the ports differ
        const FRAMED: &str = "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned";
        const SAME_SITE: &str = "; Path=/; HttpOnly; SameSite=Lax";
        match (site, port) {
            (PreviewSite::Domain { domain, scheme, .. }, _) => {
                let is_https = *scheme == "https";
                // browsers take the loopback names for as good as HTTPS
                let is_trusted = is_https || domain == "localhost" || domain.ends_with(".localhost");
                let label = app_host.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
                let namespace = label.and_then(|label| label.rsplit('.').next());
                Self {
                    name: if is_https { format!("__Host-{NAME}") } else { NAME.to_owned() },
                    attributes: if is_trusted { FRAMED } else { SAME_SITE },
                    prefix: None,
                    widest: namespace.map(|label| format!("{label}.{domain}")),
                }
            }
            (_, port) => {
                let tag = hex::encode(&Sha256::digest(app_host)[..5]);
                Self {
                    name: port.map_or_else(|| NAME.to_owned(), |port| format!("{NAME}-{port}")),
                    attributes: SAME_SITE,
                    prefix: Some(format!("app-{tag}-")),
                    widest: None,
                }
            }
        }
    }

    /// Returns the value of `Set-Cookie` for this server's cookie.
    pub(crate) fn own_cookie(&self, value: &str) -> String {
        format!("{}={value}{}", self.name, self.attributes)
    }

    /// Finds this server's cookie in a `Cookie` header.
    pub(crate) fn find_own<'a>(&self, header: &'a str) -> Option<&'a str> {
        pairs(header).find(|(name, _)| *name == self.name).map(|(_, value)| value)
    }

    /// Returns what an application gets of a `Cookie` header; `None` if nothing.
    pub(super) fn for_app(&self, header: &str) -> Option<String> {
        let kept: Vec<String> = header
            .split(';')
            .map(str::trim)
            .filter_map(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                match &self.prefix {
                    Some(prefix) => pair.strip_prefix(prefix.as_str()).map(str::to_owned),
                    None => (!pair.is_empty() && !is_own(name)).then(|| pair.to_owned()),
                }
            })
            .collect();
        (!kept.is_empty()).then(|| kept.join("; "))
    }

    /// Returns what the browser gets of an application's `Set-Cookie`; `None` if nothing.
    pub(super) fn for_browser(&self, header: &str) -> Option<String> {
        let mut parts = header.split(';').map(str::trim);
        let pair = parts.next()?;
        let name = pair.split('=').next().unwrap_or_default().trim();
        if self.prefix.is_none() && is_own(name) {
            return None;
        }
        let mut cookie = format!("{}{pair}", self.prefix.as_deref().unwrap_or_default());
        for attribute in parts.filter(|attribute| self.may_stay(attribute)) {
            cookie.push_str("; ");
            cookie.push_str(attribute);
        }
        Some(cookie)
    }

    /// Returns whether an attribute is passed on: a domain only if it is no wider than the session's own.
    fn may_stay(&self, attribute: &str) -> bool {
        let Some((name, value)) = attribute.split_once('=') else { return !attribute.is_empty() };
        if !name.trim().eq_ignore_ascii_case("domain") {
            return true;
        }
        let domain = value.trim().trim_start_matches('.').to_ascii_lowercase();
        self.widest.as_deref().is_some_and(|widest| {
            domain.strip_suffix(widest).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim().split_once('='))
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_domain(scheme: &'static str, domain: &str) -> CookieRules {
        let site = PreviewSite::Domain { domain: domain.to_owned(), scheme, port: 443 };
        CookieRules::of(&site, &format!("web-lab-x.{domain}"), None)
    }

    #[test]
    fn our_own_cookies_reach_no_application_and_none_sets_them() {
        let rules = on_domain("https", "labs.example.org");
        let sent =
            "lectern=a; __Host-lectern=b; __Host-lectern-preview=c; lectern-device=d; sid=1; lecternish=2; x";
        assert_eq!(rules.for_app(sent).unwrap(), "sid=1; lecternish=2; x");
        assert_eq!(rules.find_own(sent), Some("c"));
        assert_eq!(rules.for_app("lectern=a"), None);
        assert_eq!(rules.for_browser("__Host-lectern-preview=evil; Path=/"), None);
        assert_eq!(rules.for_browser("lectern=evil"), None);
        assert_eq!(rules.for_browser("sid=1; Path=/; HttpOnly").unwrap(), "sid=1; Path=/; HttpOnly");
    }

    #[test]
    fn a_domain_wider_than_the_session_is_left_out() {
        let rules = on_domain("https", "labs.example.org");
        for wide in [
            "labs.example.org",
            ".example.org",
            "other-lab-y.labs.example.org",
            "xweb-lab-x.labs.example.org",
        ] {
            assert_eq!(
                rules.for_browser(&format!("a=b; Domain={wide}; Secure")).unwrap(),
                "a=b; Secure",
                "{wide}"
            );
        }
        let own = "a=b; domain=.web-lab-x.labs.example.org";
        assert_eq!(rules.for_browser(own).unwrap(), own);
    }

    #[test]
    fn in_a_frame_the_cookie_needs_what_browsers_trust() {
        assert!(
            on_domain("https", "labs.example.org")
                .own_cookie("v")
                .starts_with("__Host-lectern-preview=v; Path=/;")
        );
        for (rules, is_framed) in [
            (on_domain("https", "labs.example.org"), true),
            (on_domain("http", "localhost"), true),
            (on_domain("http", "labs.example.org"), false),
        ] {
            assert_eq!(rules.attributes.contains("Partitioned"), is_framed);
            assert_eq!(rules.attributes.contains("Secure"), is_framed);
        }
    }

    #[test]
    fn applications_on_ports_of_one_host_see_only_their_own_cookies() {
        let site = PreviewSite::Ports(18100..=18199);
        let (one, other) = (
            CookieRules::of(&site, "a-lab-x.preview.invalid", Some(18100)),
            CookieRules::of(&site, "b-lab-x.preview.invalid", Some(18101)),
        );
        let set = one.for_browser("sid=1; Domain=192.0.2.7; Path=/").unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/");
        let sent = format!("lectern=secret; {pair}; {}", other.for_browser("sid=2").unwrap());
        assert_eq!(one.for_app(&sent).unwrap(), "sid=1");
        assert_eq!(other.for_app(&sent).unwrap(), "sid=2");
        // one that calls its cookie like ours sets no cookie of ours
        assert!(!one.for_browser("lectern=evil").unwrap().starts_with("lectern"));
        assert_eq!(
            (one.name.as_str(), other.name.as_str()),
            ("lectern-preview-18100", "lectern-preview-18101")
        );
    }
}
