//! The addresses of the cluster's DNS and API server, for network policies.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client};

use super::ClusterError;

mod ranges;

pub use ranges::parse_denied;
pub(super) use ranges::{NodeRanges, service_ranges};

/// Selects the endpoint slices of the two services.
pub(super) const ENDPOINTS_SELECTOR: &str = "kubernetes.io/service-name in (kubernetes, kube-dns)";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// One of the two services that every learner must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Essential {
    ApiServer,
    Dns,
}

impl Essential {
    /// A learner may call a service of their own `kube-dns`, so the namespace counts, too.
    fn of(namespace: Option<&str>, service: Option<&str>) -> Option<Self> {
        match (namespace, service) {
            (Some("default"), Some("kubernetes")) => Some(Self::ApiServer),
            (Some("kube-system"), Some("kube-dns")) => Some(Self::Dns),
            _ => None,
        }
    }
}

/// Addresses and ports of one essential service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceEndpoints {
    service: Essential,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
}

impl ServiceEndpoints {
    pub(super) fn of_slice(slice: &EndpointSlice) -> Option<Self> {
        let meta = &slice.metadata;
        let name = meta.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
        let service = Essential::of(meta.namespace.as_deref(), name.map(String::as_str))?;
        let addresses = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        let ports = slice.ports.iter().flatten().filter_map(|port| port.port);
        Some(Self {
            service,
            addresses: parsed(addresses),
            ports: ports.filter_map(|port| port.try_into().ok()).collect(),
        })
    }

    fn of_service(service: &Service) -> Option<Self> {
        let essential =
            Essential::of(service.metadata.namespace.as_deref(), service.metadata.name.as_deref())?;
        let spec = service.spec.as_ref()?;
        let ports = spec.ports.iter().flatten().filter_map(|port| port.port.try_into().ok());
        Some(Self {
            service: essential,
            addresses: parsed(spec.cluster_ips.iter().flatten()),
            ports: ports.collect(),
        })
    }
}

fn parsed<'a>(addresses: impl Iterator<Item = &'a String>) -> Vec<IpAddr> {
    addresses.filter_map(|address| address.parse().ok()).collect()
}

/// Reads the cluster IPs of the two services. Some networks apply policies before the translation to an endpoint,
/// others after it, so policies name both.
pub(super) async fn service_addresses(client: &Client) -> Result<Vec<ServiceEndpoints>, ClusterError> {
    let read = async |namespace: &str, name: &str| {
        let services: Api<Service> = Api::namespaced(client.clone(), namespace);
        let action = format!("read the service {namespace}/{name}");
        services.get_opt(name).await.map_err(|error| ClusterError::of(error, &action))
    };
    let (api_server, dns) = tokio::try_join!(read("default", "kubernetes"), read("kube-system", "kube-dns"))?;
    Ok(api_server.iter().chain(&dns).filter_map(ServiceEndpoints::of_service).collect())
}

/// The addresses that network policies name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Addresses of the API server: its service's and its endpoints'.
    pub api_addresses: BTreeSet<IpAddr>,
    pub api_ports: BTreeSet<u16>,
    pub dns_addresses: BTreeSet<IpAddr>,
    /// Ports of the DNS servers; always includes 53.
    pub dns_ports: BTreeSet<u16>,
    /// Public ranges that learners must not reach: the operator's, and those of nodes, pods and services.
    pub denied: BTreeSet<IpNet>,
    /// The namespace of the ingress controller that publishes learners' pods; `None` if there is none.
    pub ingress_namespace: Option<String>,
}

impl NetworkFacts {
    pub(super) fn new<'a>(
        endpoints: impl Iterator<Item = &'a ServiceEndpoints>,
        denied: impl Iterator<Item = IpNet>,
    ) -> Self {
        let mut facts = Self { denied: ranges::public_parts(denied), ..Self::default() };
        facts.dns_ports.insert(53);
        for one in endpoints {
            match one.service {
                Essential::ApiServer => {
                    facts.api_addresses.extend(&one.addresses);
                    facts.api_ports.extend(&one.ports);
                }
                Essential::Dns => {
                    facts.dns_addresses.extend(&one.addresses);
                    // kube-dns also serves metrics, on a port that learners need not reach
                    facts.dns_ports.extend(one.ports.iter().filter(|port| **port != 9153));
                }
            }
        }
        facts
    }
}

/// Returns the API server's URL inside the cluster.
pub(super) fn api_server_url(services: &[ServiceEndpoints]) -> Option<String> {
    let api_server = services.iter().find(|one| one.service == Essential::ApiServer)?;
    let (address, port) = (api_server.addresses.first()?, api_server.ports.first()?);
    Some(format!("https://{}", std::net::SocketAddr::new(*address, *port)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(namespace: &str, service: &str, address: &str, port: u16) -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": {"name": "s", "namespace": namespace, "labels": {SERVICE_NAME: service}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
            "ports": [{"port": port}],
        }))
        .unwrap()
    }

    #[test]
    fn only_the_clusters_own_services_count() {
        assert!(ServiceEndpoints::of_slice(&slice("lab-x", "kube-dns", "10.0.0.1", 53)).is_none());
        let found = [
            slice("default", "kubernetes", "10.5.0.1", 6443),
            slice("kube-system", "kube-dns", "10.5.0.2", 5353),
        ]
        .iter()
        .filter_map(ServiceEndpoints::of_slice)
        .collect::<Vec<_>>();
        let facts = NetworkFacts::new(found.iter(), std::iter::empty());
        assert_eq!(facts.api_ports, BTreeSet::from([6443]));
        assert_eq!(facts.dns_ports, BTreeSet::from([53, 5353]));
        assert_eq!(facts.dns_addresses, BTreeSet::from(["10.5.0.2".parse().unwrap()]));
    }
}
