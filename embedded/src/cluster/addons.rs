//! The name server, the policy enforcer, the node's volumes, and the objects that every embedded cluster has.

use std::fs;
use std::path::PathBuf;

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::firewall::NETWORK_POLICY_TABLE;
use crate::host::mounts::{self, MountNamespace};
use crate::host::probe::Probe;
use crate::options::{NODE_NAME, STORAGE_CLASS};
use crate::process::supervise::PartSpec;

/// The provisioner of our storage class.
const PROVISIONER: &str = "lectern.dev/node-volumes";

/// Returns the name server as a part, on the bridge's address.
pub(super) fn coredns(context: &Context) -> Result<PartSpec, Error> {
    let ready = context.ports.of("coredns-ready");
    let config = context.layout.config("Corefile");
    let forward = if upstreams().is_empty() {
        String::new()
    } else {
        format!("    forward . {}\n", resolv_conf(context).display())
    };
    files::settle(
        &config,
        &format!(
            ".:53 {{
    bind {address}
    errors
    health 127.0.0.1:{health}
    ready 127.0.0.1:{ready}
    template IN ANY {pods} {services} {{
        rcode NXDOMAIN
    }}
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
        ttl 5
    }}
{forward}    cache 5
    loadbalance
}}
",
            address = context.options.bridge_address(),
            // nobody can look up which service or pod has an address
            pods = context.options.pods,
            services = context.options.services,
            health = context.ports.of("coredns-health"),
            kubeconfig = context.layout.kubeconfig("coredns").display(),
        ),
    )?;
    Ok(context.part("coredns", Probe::http(ready, "/ready")).arg("-conf").arg(config))
}

/// Returns the enforcer of network policies as a part. Pods wait for it before they start, and it lets each of them send
/// through the bridge from its own addresses only.
pub(super) fn network_policy(context: &Context) -> PartSpec {
    let health = context.ports.of("network-policy-health");
    context
        .part("network-policy", Probe::http(health, "/healthz"))
        .arg("--kubeconfig")
        .arg(context.layout.kubeconfig("network-policy"))
        .args(["--node-name", NODE_NAME, "--table", NETWORK_POLICY_TABLE])
        .arg("--healthz-bind-address")
        .arg(format!("127.0.0.1:{health}"))
        .arg("--gate")
        .arg(context.layout.network_policy_gate())
        .args(["--bridge", &context.options.bridge])
}

/// Returns the provisioner of volumes as a part. Volumes are file systems of a fixed size in files of the data folder. It
/// first mounts the existing ones, and is healthy from then on; kubelet starts after it.
pub(super) fn volumes(context: &Context, namespace: &MountNamespace) -> PartSpec {
    let health = context.ports.of("volumes-health");
    PartSpec::new("volumes", "nsenter", Probe::http(health, "/healthz"))
        .args(namespace.enter_args())
        .arg(&context.options.program)
        .arg("volumes")
        .arg("--kubeconfig")
        .arg(context.layout.kubeconfig("volumes"))
        .args(["--node-name", NODE_NAME, "--provisioner", PROVISIONER, "--mounts-dir", mounts::VOLUMES])
        .arg("--images-dir")
        .arg(context.layout.node("volumes"))
        .arg("--healthz-bind-address")
        .arg(format!("127.0.0.1:{health}"))
}

/// Returns the file with the machine's name servers, which pods with `dnsPolicy: Default` get too.
pub(super) fn resolv_conf(context: &Context) -> PathBuf {
    context.layout.config("resolv.conf")
}

pub(super) fn write_resolv_conf(context: &Context) -> Result<(), Error> {
    let lines: String = upstreams().iter().map(|server| format!("nameserver {server}\n")).collect();
    files::settle(&resolv_conf(context), &lines)
}

fn upstreams() -> Vec<String> {
    name_servers(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn name_servers(resolv_conf: &str) -> Vec<String> {
    resolv_conf
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver"))
        .map(|server| server.trim().to_owned())
        .collect()
}

/// Returns the manifests of our objects: rights, shares of the API server, the storage class, the name server's service.
pub(super) fn manifests(context: &Context) -> String {
    format!(
        "{RIGHTS}---
{shares}---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: {STORAGE_CLASS}
  annotations: {{ storageclass.kubernetes.io/is-default-class: \"true\" }}
provisioner: {PROVISIONER}
reclaimPolicy: Delete
volumeBindingMode: Immediate
---
apiVersion: v1
kind: Service
metadata:
  name: kube-dns
  namespace: kube-system
  labels: {{ k8s-app: kube-dns, kubernetes.io/name: CoreDNS }}
spec:
  clusterIP: {service}
  ports:
  - {{ name: dns, port: 53, protocol: UDP }}
  - {{ name: dns-tcp, port: 53, protocol: TCP }}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kube-dns-node
  namespace: kube-system
  labels:
    kubernetes.io/service-name: kube-dns
    endpointslice.kubernetes.io/managed-by: lectern
addressType: IPv4
endpoints:
- addresses: [{address}]
  conditions: {{ ready: true }}
  nodeName: {NODE_NAME}
ports:
- {{ name: dns, port: 53, protocol: UDP }}
- {{ name: dns-tcp, port: 53, protocol: TCP }}
",
        shares = SHARES.replace("LEARNERS_SHARES", &learners_shares().to_string()),
        service = context.options.dns_service_address(),
        address = context.options.bridge_address(),
    )
}

/// Returns the learners' share of the API server's capacity, of some 290 in all. One share means two requests at a time,
/// so that at most two requests of learners keep each two cores busy. With twenty at a time, one learner's large requests
/// made others wait half a second for an echo, which passes through the API server too.
fn learners_shares() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

const RIGHTS: &str = r#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "kubeadm:cluster-admins" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects:
- { apiGroup: rbac.authorization.k8s.io, kind: Group, name: "kubeadm:cluster-admins" }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "lectern:server" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects:
- { apiGroup: rbac.authorization.k8s.io, kind: User, name: "lectern:server" }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: "lectern:coredns" }
rules:
- { apiGroups: [""], resources: [services, namespaces], verbs: [list, watch] }
- { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "lectern:coredns" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "lectern:coredns" }
subjects:
- { apiGroup: rbac.authorization.k8s.io, kind: User, name: "lectern:coredns" }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: "lectern:network-policy" }
rules:
- { apiGroups: [""], resources: [nodes, pods, namespaces], verbs: [get, list, watch] }
- { apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, watch] }
- { apiGroups: [""], resources: [events], verbs: [create] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "lectern:network-policy" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "lectern:network-policy" }
subjects:
- { apiGroup: rbac.authorization.k8s.io, kind: User, name: "lectern:network-policy" }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: "lectern:volumes" }
rules:
- { apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, watch, create, patch, delete] }
- { apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, list, watch] }
- { apiGroups: [""], resources: [pods], verbs: [list, delete] }
- { apiGroups: [""], resources: [events], verbs: [create, patch] }
- { apiGroups: [storage.k8s.io], resources: [storageclasses], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "lectern:volumes" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "lectern:volumes" }
subjects:
- { apiGroup: rbac.authorization.k8s.io, kind: User, name: "lectern:volumes" }
"#;

/// How the API server divides its capacity. The accounts of pods and learners are service accounts; all of them together
/// must not keep the platform waiting. Kubernetes itself gives the controllers' accounts a share of their own.
const SHARES: &str = r#"apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: { name: lectern-platform }
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: 60
    lendablePercent: 50
    limitResponse: { type: Queue, queuing: { queues: 16, handSize: 4, queueLengthLimit: 200 } }
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: { name: lectern-platform }
spec:
  priorityLevelConfiguration: { name: lectern-platform }
  matchingPrecedence: 850
  distinguisherMethod: { type: ByUser }
  rules:
  - subjects:
    - { kind: Group, group: { name: "kubeadm:cluster-admins" } }
    - { kind: User, user: { name: "lectern:server" } }
    - { kind: User, user: { name: "lectern:coredns" } }
    - { kind: User, user: { name: "lectern:network-policy" } }
    - { kind: User, user: { name: "lectern:volumes" } }
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }]
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }]
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: { name: lectern-learners }
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: LEARNERS_SHARES
    lendablePercent: 0
    borrowingLimitPercent: 0
    limitResponse: { type: Queue, queuing: { queues: 64, handSize: 6, queueLengthLimit: 50 } }
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: { name: lectern-learners }
spec:
  priorityLevelConfiguration: { name: lectern-learners }
  matchingPrecedence: 8000
  distinguisherMethod: { type: ByUser }
  rules:
  - subjects: [{ kind: Group, group: { name: "system:serviceaccounts" } }]
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }]
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_servers_are_taken_from_the_machine() {
        let text =
            "# comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver\t2001:db8::1\noptions edns0\n";
        assert_eq!(name_servers(text), ["192.0.2.1", "2001:db8::1"]);
    }
}
