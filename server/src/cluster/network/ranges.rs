//! Public address ranges that learners must not reach: those of the cluster itself, and those that the operator names.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::cluster::ClusterError;
use crate::cluster::manifests::network_policy::{NOT_PUBLIC_V4, NOT_PUBLIC_V6, PUBLIC_V6};

/// The addresses of one node and of the pods on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct NodeRanges(pub(in crate::cluster) Vec<IpNet>);

impl NodeRanges {
    pub(in crate::cluster) fn of_node(node: &Node) -> Option<Self> {
        let status = node.status.as_ref();
        let addresses = status.and_then(|status| status.addresses.as_ref()).into_iter().flatten();
        let own = addresses
            .filter(|one| matches!(one.type_.as_str(), "InternalIP" | "ExternalIP"))
            .filter_map(|one| one.address.parse::<IpAddr>().ok())
            .map(IpNet::from);
        let spec = node.spec.as_ref();
        let pods = spec.and_then(|spec| spec.pod_cidrs.as_ref()).into_iter().flatten();
        Some(Self(own.chain(pods.filter_map(|range| range.parse().ok())).collect()))
    }
}

/// Returns the address ranges of services; none before Kubernetes 1.33, which cannot list them.
pub(in crate::cluster) async fn service_ranges(client: &Client) -> Result<Vec<IpNet>, ClusterError> {
    match Api::<ServiceCIDR>::all(client.clone()).list(&ListParams::default()).await {
        Ok(found) => {
            let ranges = found.items.into_iter().filter_map(|range| range.spec?.cidrs).flatten();
            Ok(ranges.filter_map(|range| range.parse().ok()).collect())
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
            tracing::info!(
                "the cluster does not list the address ranges of its services; if they are public, name them with \
                 --deny-egress"
            );
            Ok(Vec::new())
        }
        Err(error) => Err(ClusterError::of(error, "list the ranges of services")),
    }
}

/// Parses a range that an operator names. A single address is a range of one.
///
/// # Errors
/// Returns the message for the operator.
pub fn parse_denied(text: &str) -> Result<IpNet, String> {
    let range: IpNet = match text.trim().parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.trim().parse().map_err(|_| {
            format!("{text:?} is not an address range; write it like 203.0.113.0/24 or 2001:db8::/48")
        })?,
    };
    let covers_all = match range {
        IpNet::V4(range) => range.prefix_len() == 0,
        IpNet::V6(range) => fixed(&[PUBLIC_V6]).any(|public| IpNet::V6(range).contains(&public)),
    };
    if covers_all {
        return Err(format!(
            "{text} is every public address; to block the whole internet, set `egress: dns` in the portal file"
        ));
    }
    Ok(range.trunc())
}

/// Returns the public ranges that are not contained in another one. A network policy needs no other exceptions.
pub(super) fn public_parts(ranges: impl Iterator<Item = IpNet>) -> BTreeSet<IpNet> {
    let is_public = |range: &IpNet| match range {
        IpNet::V4(_) => !fixed(&NOT_PUBLIC_V4).any(|private| private.contains(range)),
        IpNet::V6(_) => {
            fixed(&[PUBLIC_V6]).any(|public| public.contains(range) && public != *range)
                && !fixed(&NOT_PUBLIC_V6).any(|private| private.contains(range))
        }
    };
    let public: BTreeSet<IpNet> = ranges.map(|range| range.trunc()).filter(is_public).collect();
    let is_inside = |range: &IpNet| public.iter().any(|other| other != range && other.contains(range));
    public.iter().filter(|range| !is_inside(range)).copied().collect()
}

fn fixed(ranges: &'static [&'static str]) -> impl Iterator<Item = IpNet> {
    // the test below checks that all constants can be parsed
    ranges.iter().filter_map(|range| range.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ranges(texts: &[&str]) -> BTreeSet<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_range_of_ours_can_be_read() {
        let known = NOT_PUBLIC_V4.iter().chain(&NOT_PUBLIC_V6).chain([&PUBLIC_V6]);
        assert!(known.into_iter().all(|range| range.parse::<IpNet>().is_ok()));
    }

    #[test]
    fn a_nodes_addresses_and_its_pods_are_denied() {
        let node = serde_json::from_value(json!({
            "spec": {"podCIDRs": ["10.244.0.0/24", "2600:1::/64"]},
            "status": {"addresses": [
                {"type": "InternalIP", "address": "10.0.0.4"},
                {"type": "ExternalIP", "address": "203.0.112.9"},
                {"type": "InternalIP", "address": "2600:2::7"},
                {"type": "Hostname", "address": "8.8.8.8"},
            ]},
        }))
        .unwrap();
        let NodeRanges(found) = NodeRanges::of_node(&node).unwrap();
        let expected = ranges(&["203.0.112.9/32", "2600:1::/64", "2600:2::7/128"]);
        assert_eq!(public_parts(found.into_iter()), expected);
    }

    #[test]
    fn only_what_is_public_and_not_said_twice_is_an_exception() {
        let given = [
            "10.0.0.0/8",
            "198.51.100.7/32",
            "8.8.8.0/24",
            "8.8.8.8/32",
            "8.8.8.1/24",
            "fd00::/8",
            "2002::1/128",
        ];
        assert_eq!(public_parts(given.iter().map(|text| text.parse().unwrap())), ranges(&["8.8.8.0/24"]));
    }

    #[test]
    fn a_range_is_read_or_refused_with_the_reason() {
        for (text, range) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("2600::1/32", "2600::/32"),
        ] {
            assert_eq!(parse_denied(text).unwrap().to_string(), range);
        }
        for (text, reason) in [
            ("example.org", "not an address range"),
            ("10.0.0.0/33", "not an address range"),
            ("0.0.0.0/0", "every public address"),
            ("::/0", "every public address"),
            ("2000::/3", "every public address"),
        ] {
            let message = parse_denied(text).unwrap_err();
            assert!(message.contains(reason) && message.contains(text), "{message}");
        }
    }
}
