//! The objects of the network policy probe: a namespace, a pod that listens, a pod that connects to it, and a policy
//! against that.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, Namespace, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{labels, quantities};

/// The label of a probe's namespaces; its value is the installation.
pub const PROBE: &str = "lectern.dev/probe";
/// The name of the pod that listens.
pub const LISTENER: &str = "listener";
/// The name of the pod that connects.
pub const CALLER: &str = "caller";
/// The listener's port.
pub const PORT: u16 = 8080;

/// The listener's program: in Perl, because every Debian has it and bash cannot listen.
const LISTEN: &str = "use IO::Socket::INET; $SIG{TERM} = sub { exit }; \
    my $s = IO::Socket::INET->new(Listen => 8, LocalPort => 8080, ReuseAddr => 1) or die $!; \
    while (1) { my $c = $s->accept; close $c if $c }";

/// Builds the probe's namespace.
#[must_use]
pub fn namespace(name: &str, instance: &str) -> Namespace {
    let mut labels = labels::of_instance(instance);
    labels.insert(PROBE.to_owned(), instance.to_owned());
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}

/// Builds the service account of the probe's pods, because the namespace's default one is created too late.
#[must_use]
pub fn account(namespace: &str) -> ServiceAccount {
    ServiceAccount { metadata: metadata(namespace, "probe"), ..ServiceAccount::default() }
}

/// Builds the pod that listens, or the one that connects.
#[must_use]
pub fn pod(namespace: &str, name: &str, image: &str) -> Pod {
    let command: &[&str] = if name == LISTENER { &["perl", "-e", LISTEN] } else { &["sleep", "120"] };
    Pod {
        metadata: metadata(namespace, name),
        spec: Some(PodSpec {
            service_account_name: Some("probe".to_owned()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(0),
            active_deadline_seconds: Some(180),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(1001),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            containers: vec![Container {
                name: name.to_owned(),
                image: Some(image.to_owned()),
                image_pull_policy: Some("IfNotPresent".to_owned()),
                command: Some(command.iter().map(|part| (*part).to_owned()).collect()),
                resources: Some(ResourceRequirements {
                    requests: Some(quantities([("cpu", "10m"), ("memory", "16Mi")])),
                    limits: Some(quantities([("memory", "64Mi")])),
                    ..ResourceRequirements::default()
                }),
                security_context: Some(SecurityContext {
                    allow_privilege_escalation: Some(false),
                    capabilities: Some(Capabilities {
                        drop: Some(vec!["ALL".to_owned()]),
                        ..Capabilities::default()
                    }),
                    ..SecurityContext::default()
                }),
                ..Container::default()
            }],
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

/// Builds the policy that blocks all traffic to the listener.
#[must_use]
pub fn refusal(namespace: &str) -> NetworkPolicy {
    NetworkPolicy {
        metadata: metadata(namespace, "refuse"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::selecting([("app", LISTENER)])),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(BTreeMap::from([("app".to_owned(), name.to_owned())])),
        ..ObjectMeta::default()
    }
}
