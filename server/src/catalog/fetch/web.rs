//! The web client for archives, which restricts redirects.
//!
//! The operator chooses a source. A redirect may lead only from `https` to `https`, and only from a public host to public
//! addresses, whatever names resolve to. Otherwise the archive's server could make this server send requests to its
//! neighbours.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, Proxy};
use url::{Host, Url};

/// Maximum number of redirects.
const MOST_REDIRECTS: usize = 5;

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it leads on too often")]
    TooMany,
    #[error("it leads from https to {0}, which is not encrypted")]
    Downgrade(Url),
    #[error("it leads to {0}, which is an inner address; name it as the source if you mean it")]
    Inner(String),
}

/// Returns a client for one source, which goes through `proxy` if there is one.
pub(super) async fn client(source: &Url, proxy: Option<&str>) -> Result<Client, reqwest::Error> {
    match proxy {
        // it judges every address, of the source as of redirects
        Some(proxy) => Guard::new(true).onto(Client::builder()).proxy(Proxy::all(proxy)?).build(),
        None => Guard::new(is_inner_host(source).await).onto(Client::builder()).build(),
    }
}

/// Decides which redirects of a source are followed.
#[derive(Clone)]
struct Guard {
    /// Whether the source itself is in a private network. Then redirects may lead to private addresses too.
    is_inner: bool,
    /// The hosts of redirects. Only their addresses are checked when names are resolved, not a proxy's.
    redirected: Arc<Mutex<HashSet<String>>>,
}

impl Guard {
    fn new(is_inner: bool) -> Self {
        Self { is_inner, redirected: Arc::default() }
    }

    fn onto(self, builder: ClientBuilder) -> ClientBuilder {
        let judge = self.clone();
        builder
            .user_agent(concat!("lectern/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(Duration::from_secs(60))
            .redirect(Policy::custom(move |attempt| judge.follow(attempt)))
            .dns_resolver(Arc::new(self))
    }

    fn follow(&self, attempt: Attempt<'_>) -> reqwest::redirect::Action {
        match self.judge(attempt.previous(), attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    }

    fn judge(&self, previous: &[Url], next: &Url) -> Result<(), Refused> {
        if previous.len() > MOST_REDIRECTS {
            return Err(Refused::TooMany);
        }
        if next.scheme() != "https" && previous.iter().any(|url| url.scheme() == "https") {
            return Err(Refused::Downgrade(next.clone()));
        }
        if self.is_inner {
            return Ok(());
        }
        match next.host() {
            Some(Host::Domain(name)) => {
                let mut redirected = self.redirected.lock().unwrap_or_else(PoisonError::into_inner);
                redirected.insert(name.to_ascii_lowercase());
                Ok(())
            }
            Some(Host::Ipv4(address)) if !is_inner(address.into()) => Ok(()),
            Some(Host::Ipv6(address)) if !is_inner(address.into()) => Ok(()),
            host => Err(Refused::Inner(host.map(|host| host.to_string()).unwrap_or_default())),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let is_redirected =
                guard.redirected.lock().unwrap_or_else(PoisonError::into_inner).contains(&host);
            if is_redirected && found.iter().any(|address| is_inner(address.ip())) {
                return Err(Refused::Inner(host).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn is_inner_host(source: &Url) -> bool {
    match source.host() {
        Some(Host::Ipv4(address)) => is_inner(address.into()),
        Some(Host::Ipv6(address)) => is_inner(address.into()),
        // behind a proxy a name may not resolve here, and then it is not private
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, 0))
            .await
            .is_ok_and(|mut found| found.any(|address| is_inner(address.ip()))),
        None => false,
    }
}

/// Returns whether an address is not a public one.
pub(super) fn is_inner(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_multicast()
                || first == 0
                // shared among a provider's customers
                || (first == 100 && second & 0xc0 == 64)
                || first >= 240
        }
        IpAddr::V6(address) => {
            let segments = address.segments();
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                // prefixes that map to IPv4
                || segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
                || segments[0] == 0x2002
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn inner_addresses_are_known_in_every_spelling() {
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(is_inner(inner.parse().unwrap()), "{inner}");
        }
        for public in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1"] {
            assert!(!is_inner(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_redirect_neither_leaves_https_nor_leads_inside() {
        let public = Guard::new(false);
        let from = [url("https://labs.example.org/a.tar")];
        assert!(public.judge(&from, &url("https://cdn.example.net/a.tar")).is_ok());
        for to in [
            "http://cdn.example.net/a.tar",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/x",
        ] {
            assert!(public.judge(&from, &url(to)).is_err(), "{to}");
        }
        let inner = Guard::new(true);
        assert!(inner.judge(&[url("http://10.0.0.1/a.tar")], &url("http://10.0.0.2/a.tar")).is_ok());
        assert!(inner.judge(&[url("https://10.0.0.1/a.tar")], &url("http://10.0.0.2/a.tar")).is_err());
        let often = vec![url("https://labs.example.org/a.tar"); MOST_REDIRECTS + 1];
        assert!(public.judge(&often, &url("https://labs.example.org/b.tar")).is_err());
    }

    /// A server that redirects every request.
    async fn sending_on(to: impl Fn(u16) -> String) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = to(port);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let length = socket.read(&mut request).await.unwrap_or(0);
                let answer = match request[..length].starts_with(b"GET /secret") {
                    true => {
                        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret".to_owned()
                    }
                    false => format!(
                        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    ),
                };
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_public_server_cannot_send_us_to_our_neighbours_under_any_name() {
        crate::tls::install();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let port = sending_on(|port| format!("http://{host}:{port}/secret")).await;
            // a name that looks public
            let asked = |is_inner| {
                let here = SocketAddr::from(([127, 0, 0, 1], port));
                let client = Guard::new(is_inner).onto(Client::builder().no_proxy());
                client.resolve("labs.example.org", here).build().unwrap()
            };
            let source = format!("http://labs.example.org:{port}/labs.tar");
            assert!(asked(false).get(&source).send().await.is_err(), "{host}");
            // the same, if the operator names a private host as the source
            if host != "[::ffff:127.0.0.1]" {
                let answer = asked(true).get(&source).send().await.unwrap();
                assert_eq!(answer.text().await.unwrap(), "secret", "{host}");
            }
        }
    }

    #[tokio::test]
    async fn a_source_is_inner_if_its_address_is() {
        assert!(is_inner_host(&url("http://127.0.0.1/x")).await);
        assert!(is_inner_host(&url("http://localhost/x")).await);
        assert!(!is_inner_host(&url("http://8.8.8.8/x")).await);
    }
}
