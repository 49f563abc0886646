//! The address that a request comes from, for limits and the audit log.
//!
//! Behind a proxy every connection comes from the proxy, which names the client in `X-Forwarded-For`. Anybody can send
//! that header, so it is trusted only from proxies that the operator named, and read from its end, which the nearest
//! proxy wrote.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::http::header::HeaderMap;

use crate::config::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Returns the address that a request comes from: the last one on its way that is not a trusted proxy's.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok()).collect();
    for hop in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
        if !is_trusted(address) {
            break;
        }
        // a trusted proxy may pass on text that is no address
        let Some(before) = read_address(hop) else { break };
        address = before;
    }
    address
}

fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Returns what limits count by: the address, or for IPv6 its /64 network, all of which one machine may own.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(HeaderName::from_static(FORWARDED_FOR), HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn what_anybody_writes_into_the_header_is_believed_of_trusted_proxies_only() {
        assert_eq!(address("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(address("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn the_header_is_read_from_its_end() {
        // the first two were sent by the client, who has the third address
        let forged = ["1.1.1.1, 2.2.2.2", "198.51.100.1,10.0.0.7"];
        assert_eq!(address("10.0.0.1", &forged, &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, junk"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["10.0.0.2, 10.0.0.3"], &["10.0.0.0/8"]), "10.0.0.2");
    }

    #[test]
    fn addresses_are_read_in_all_forms_that_proxies_write() {
        for (text, read) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(address("::ffff:10.0.0.1", &[text], &["10.0.0.1"]), read, "{text}");
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:198.51.100.1"), "198.51.100.1");
        assert_eq!(network("198.51.100.1"), "198.51.100.1");
    }
}
