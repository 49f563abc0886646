//! Network policies: who may reach a learner's pods and the workbenches, and what these may reach.
//!
//! Everything is refused that is not named: nothing comes in from other namespaces, and out go only DNS, the API
//! server, the session's own namespace and the public internet.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::{NamespaceSpec, NetworkFacts, SessionSpec};
use super::labels;

/// The label that every namespace carries with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// What is not the public internet, IPv4: private, shared (CGNAT), loopback, link-local with the clouds' metadata
/// service, protocol assignments, documentation, benchmarks, multicast, reserved.
const NOT_PUBLIC_V4: [&str; 14] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
/// The same for IPv6: everything outside global unicast, and what within it leads back to IPv4.
const PUBLIC_V6: &str = "2000::/3";
const NOT_PUBLIC_V6: [&str; 3] = ["2001::/32", "2001:db8::/32", "2002::/16"];

/// The policy of one of a learner's namespaces.
#[must_use]
pub fn learner(
    spec: &SessionSpec,
    space: &NamespaceSpec,
    instance: &str,
    network: &NetworkFacts,
) -> NetworkPolicy {
    // a session's namespaces reach one another
    let own = || match spec.secondary.is_empty() {
        true => own_namespace(),
        false => own_session(spec),
    };
    let own_workbench = NetworkPolicyPeer {
        namespace_selector: Some(labels::selecting([(NAMESPACE_NAME, instance)])),
        pod_selector: Some(labels::session_selector(spec.names.session)),
        ..NetworkPolicyPeer::default()
    };
    let mut egress = vec![egress_to(vec![own()], None)];
    egress.extend(shared_egress(network));
    NetworkPolicy {
        metadata: labels::in_namespace(spec, &space.name, instance, "lectern"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(both()),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![own(), own_workbench]),
                ports: None,
            }]),
            egress: Some(egress),
        }),
    }
}

/// The policy of all workbenches: nothing comes in, for terminals come through the kubelet; out go DNS, the API
/// server and the internet.
#[must_use]
pub fn workbenches(instance: &str, network: &NetworkFacts) -> NetworkPolicy {
    shared_policy(
        instance,
        "workbenches",
        NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(both()),
            ingress: None,
            egress: Some(shared_egress(network)),
        },
    )
}

/// Shuts the namespace of the workbenches before the first of them is there.
#[must_use]
pub fn default_deny_ingress(instance: &str) -> NetworkPolicy {
    shared_policy(
        instance,
        "default-deny-ingress",
        NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..NetworkPolicySpec::default()
        },
    )
}

/// Lets one workbench reach the pods of its own session, and of no other.
#[must_use]
pub fn workbench(spec: &SessionSpec, instance: &str) -> NetworkPolicy {
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(spec.names.workbench.clone()),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::of_session(spec, instance)),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::session_selector(spec.names.session)),
            policy_types: Some(vec!["Egress".to_owned()]),
            ingress: None,
            egress: Some(vec![egress_to(vec![own_session(spec)], None)]),
        }),
    }
}

fn shared_policy(instance: &str, name: &str, spec: NetworkPolicySpec) -> NetworkPolicy {
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::of_instance(instance)),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
    }
}

/// DNS, the API server and the internet.
fn shared_egress(network: &NetworkFacts) -> Vec<NetworkPolicyEgressRule> {
    let dns_pods = NetworkPolicyPeer {
        namespace_selector: Some(labels::selecting([(NAMESPACE_NAME, "kube-system")])),
        pod_selector: Some(labels::selecting([("k8s-app", "kube-dns")])),
        ..NetworkPolicyPeer::default()
    };
    // on some clusters DNS runs on the nodes: there only its addresses tell it
    let dns = std::iter::once(dns_pods).chain(network.dns_addresses.iter().map(address)).collect();
    let dns_ports =
        network.dns_ports.iter().flat_map(|number| [port("UDP", *number), port("TCP", *number)]).collect();
    let mut rules = vec![egress_to(dns, Some(dns_ports))];
    if !network.api_addresses.is_empty() {
        let ports = network.api_ports.iter().map(|number| port("TCP", *number)).collect();
        rules.push(egress_to(network.api_addresses.iter().map(address).collect(), Some(ports)));
    }
    rules.push(egress_to(internet(&network.denied_cidrs), None));
    rules
}

fn internet(denied: &[String]) -> Vec<NetworkPolicyPeer> {
    let (denied_v6, denied_v4): (Vec<&String>, Vec<&String>) =
        denied.iter().partition(|cidr| cidr.contains(':'));
    let except = |fixed: &[&str], denied: Vec<&String>| {
        Some(fixed.iter().map(|cidr| (*cidr).to_owned()).chain(denied.into_iter().cloned()).collect())
    };
    vec![
        block("0.0.0.0/0".to_owned(), except(&NOT_PUBLIC_V4, denied_v4)),
        block(PUBLIC_V6.to_owned(), except(&NOT_PUBLIC_V6, denied_v6)),
    ]
}

fn own_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}

/// All pods in the session's namespaces.
fn own_session(spec: &SessionSpec) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(labels::session_selector(spec.names.session)),
        ..NetworkPolicyPeer::default()
    }
}

fn egress_to(to: Vec<NetworkPolicyPeer>, ports: Option<Vec<NetworkPolicyPort>>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: Some(to), ports }
}

fn address(address: &IpAddr) -> NetworkPolicyPeer {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    block(format!("{address}/{bits}"), None)
}

fn block(cidr: String, except: Option<Vec<String>>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr, except }), ..NetworkPolicyPeer::default() }
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(number.into())),
        end_port: None,
    }
}

fn both() -> Vec<String> {
    vec!["Ingress".to_owned(), "Egress".to_owned()]
}
