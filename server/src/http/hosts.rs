//! The names under which this server may be reached.
//!
//! A site on the web can point its own name at this server (DNS rebinding), and a browser then takes both for one
//! origin. So a request that names a foreign host is refused. IP addresses cannot be rebound and are accepted.

use url::{Host, Url};

/// The server's own names.
#[derive(Clone, Debug)]
pub struct Hosts {
    public: Option<String>,
    /// Further names, in lower case.
    names: Vec<String>,
}

impl Hosts {
    /// Collects the names of this server: that of its public address if the operator set one, otherwise the machine's
    /// own; and those that the operator allows in addition.
    #[must_use]
    pub fn new(public_url: Option<&Url>, allowed: &[String]) -> Self {
        let public = public_url.and_then(Url::host_str).map(str::to_lowercase);
        let mut names: Vec<String> = allowed.iter().map(|name| name.trim().to_lowercase()).collect();
        if public.is_none()
            && let Some(own) = own_name()
        {
            names.push(format!("{own}.local"));
            names.push(own);
        }
        Self { public, names }
    }

    /// Returns whether a `Host` header names this server.
    #[must_use]
    pub fn is_own(&self, host: &str) -> bool {
        let Ok(url) = Url::parse(&format!("http://{host}")) else { return false };
        // the header must hold nothing but a name and a port
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            return false;
        }
        match url.host() {
            None => false,
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.public.as_deref() == Some(name)
                    || self.names.iter().any(|own| own == name)
            }
            Some(Host::Ipv4(ip)) => self.is_own_address(ip.is_loopback(), &ip.to_string()),
            Some(Host::Ipv6(ip)) => self.is_own_address(ip.is_loopback(), &format!("[{ip}]")),
        }
    }

    fn is_own_address(&self, is_loopback: bool, address: &str) -> bool {
        match &self.public {
            None => true,
            Some(public) => is_loopback || public == address || self.names.iter().any(|own| own == address),
        }
    }
}

fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_lowercase();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_public_address_only_the_machines_own_names_and_addresses_count() {
        let hosts = Hosts::new(None, &["Labs.Example".to_owned()]);
        let own = own_name().unwrap();
        for host in
            ["localhost:8080", "127.0.0.1", "[::1]:8080", "10.0.0.7:8080", "labs.example", own.as_str()]
        {
            assert!(hosts.is_own(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "labs.example.evil.example",
            "localhost.evil.example",
            "a/b",
        ] {
            assert!(!hosts.is_own(host), "{host}");
        }
    }

    #[test]
    fn with_a_public_address_its_name_and_this_machine_count() {
        let public = Url::parse("https://lab.example/").unwrap();
        let hosts = Hosts::new(Some(&public), &["10.0.0.7".to_owned()]);
        for host in ["lab.example", "LAB.example:443", "127.0.0.1:8080", "localhost", "10.0.0.7"] {
            assert!(hosts.is_own(host), "{host}");
        }
        for host in ["evil.example", "10.0.0.8", "x.lab.example", "lab.example@evil.example"] {
            assert!(!hosts.is_own(host), "{host}");
        }
    }
}
