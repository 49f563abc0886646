//! Network policies: who may reach a learner's pods and the workbenches, and what these may reach.
//!
//! Everything else is blocked. No traffic comes in from other namespaces. Outgoing traffic may reach the session's own
//! namespaces, the API server and, depending on the session's egress, DNS and the public internet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use ipnet::IpNet;

use super::super::{Egress, NamespaceSpec, NetworkFacts, SessionSpec};
use super::labels;

/// The label of every namespace with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// IPv4 ranges outside the public internet: private, shared (CGNAT), loopback, link-local with the clouds' metadata
/// service, protocol assignments, documentation, benchmarks, multicast, reserved.
pub(in crate::cluster) const NOT_PUBLIC_V4: [&str; 14] = [
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
/// The IPv6 range of the public internet: global unicast.
pub(in crate::cluster) const PUBLIC_V6: &str = "2000::/3";
/// Parts of [`PUBLIC_V6`] that are not public, or lead back to IPv4.
pub(in crate::cluster) const NOT_PUBLIC_V6: [&str; 3] = ["2001::/32", "2001:db8::/32", "2002::/16"];

/// The name of the policy in each of a learner's namespaces.
pub const LEARNER: &str = "lectern";

/// Builds the policy of one of a learner's namespaces.
#[must_use]
pub fn learner(
    spec: &SessionSpec,
    space: &NamespaceSpec,
    instance: &str,
    network: &NetworkFacts,
) -> NetworkPolicy {
    // the namespaces of a session may reach one another
    let own = || match spec.secondary.is_empty() {
        true => own_namespace(),
        false => own_session(spec),
    };
    let own_workbench = NetworkPolicyPeer {
        namespace_selector: Some(labels::selecting([(NAMESPACE_NAME, instance)])),
        pod_selector: Some(labels::session_selector(spec.names.session)),
        ..NetworkPolicyPeer::default()
    };
    let publisher = network.ingress_namespace.as_deref().map(|namespace| NetworkPolicyPeer {
        namespace_selector: Some(labels::selecting([(NAMESPACE_NAME, namespace)])),
        ..NetworkPolicyPeer::default()
    });
    let mut egress = vec![egress_to(vec![own()], None)];
    egress.extend(shared_egress(spec.egress, network));
    NetworkPolicy {
        metadata: ObjectMeta {
            labels: Some(labels::with_egress(spec, instance)),
            ..labels::in_namespace(spec, &space.name, instance, LEARNER)
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(both()),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some([own(), own_workbench].into_iter().chain(publisher).collect()),
                ports: None,
            }]),
            egress: Some(egress),
        }),
    }
}

/// Updates the policy of a learner's namespace for new addresses of the cluster. Returns `None` if nothing changes.
#[must_use]
pub fn refreshed(policy: &NetworkPolicy, network: &NetworkFacts) -> Option<NetworkPolicy> {
    let meta = &policy.metadata;
    let label = meta.labels.as_ref().and_then(|labels| labels.get(labels::EGRESS));
    let reach = Egress::ALL.into_iter().find(|one| label.is_some_and(|label| label == one.as_str()));
    let mut spec = policy.spec.clone()?;
    // the first rule is for the session's own pods and stays
    let own = spec.egress.iter().flatten().next()?.clone();
    spec.egress =
        Some(std::iter::once(own).chain(shared_egress(reach.unwrap_or(Egress::Internet), network)).collect());
    (policy.spec.as_ref() != Some(&spec)).then(|| NetworkPolicy {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            labels: meta.labels.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
    })
}

/// Builds the policy of all workbenches with this egress. No traffic comes in, because terminals use the kubelet's
/// exec.
#[must_use]
pub fn workbenches(reach: Egress, instance: &str, network: &NetworkFacts) -> NetworkPolicy {
    let (name, operator, values) = match reach {
        Egress::None => ("workbenches-none", "In", vec![Egress::None]),
        Egress::Dns => ("workbenches-dns", "In", vec![Egress::Dns]),
        // also matches workbenches of earlier releases, which have no such label
        Egress::Internet => ("workbenches", "NotIn", vec![Egress::None, Egress::Dns]),
    };
    let pod_selector = LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: labels::EGRESS.to_owned(),
            operator: operator.to_owned(),
            values: Some(values.into_iter().map(|one| one.as_str().to_owned()).collect()),
        }]),
        ..LabelSelector::default()
    };
    shared_policy(
        instance,
        name,
        NetworkPolicySpec {
            pod_selector: Some(pod_selector),
            policy_types: Some(both()),
            ingress: None,
            egress: Some(shared_egress(reach, network)),
        },
    )
}

/// Builds the policy that blocks traffic into the namespace of the workbenches, before the first workbench exists.
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

/// Builds the policy that lets one workbench reach the pods of its own session, and of no other.
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

/// Returns the rules for the API server and, depending on the egress, DNS and the internet.
fn shared_egress(reach: Egress, network: &NetworkFacts) -> Vec<NetworkPolicyEgressRule> {
    let mut rules = Vec::new();
    if reach >= Egress::Dns {
        rules.push(dns(network));
    }
    if !network.api_addresses.is_empty() {
        let ports = network.api_ports.iter().map(|number| port("TCP", *number)).collect();
        rules.push(egress_to(network.api_addresses.iter().map(address).collect(), Some(ports)));
    }
    if reach >= Egress::Internet {
        rules.push(egress_to(internet(&network.denied), None));
    }
    rules
}

fn dns(network: &NetworkFacts) -> NetworkPolicyEgressRule {
    let dns_pods = NetworkPolicyPeer {
        namespace_selector: Some(labels::selecting([(NAMESPACE_NAME, "kube-system")])),
        pod_selector: Some(labels::selecting([("k8s-app", "kube-dns")])),
        ..NetworkPolicyPeer::default()
    };
    // on some clusters DNS runs on the nodes, where only its addresses identify it
    let dns = std::iter::once(dns_pods).chain(network.dns_addresses.iter().map(address)).collect();
    let dns_ports =
        network.dns_ports.iter().flat_map(|number| [port("UDP", *number), port("TCP", *number)]).collect();
    egress_to(dns, Some(dns_ports))
}

fn internet(denied: &BTreeSet<IpNet>) -> Vec<NetworkPolicyPeer> {
    let (denied_v6, denied_v4): (Vec<&IpNet>, Vec<&IpNet>) =
        denied.iter().partition(|range| matches!(range, IpNet::V6(_)));
    let except = |fixed: &[&str], denied: Vec<&IpNet>| {
        Some(
            fixed
                .iter()
                .map(|range| (*range).to_owned())
                .chain(denied.iter().map(ToString::to_string))
                .collect(),
        )
    };
    vec![
        block("0.0.0.0/0".to_owned(), except(&NOT_PUBLIC_V4, denied_v4)),
        block(PUBLIC_V6.to_owned(), except(&NOT_PUBLIC_V6, denied_v6)),
    ]
}

fn own_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}

/// Selects all pods in the session's namespaces.
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
