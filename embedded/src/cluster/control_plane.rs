//! etcd, the API server, the controller manager and the scheduler.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use super::Context;
use crate::error::Error;
use crate::files;
use crate::probe::Probe;
use crate::supervise::{PartSpec, cluster_part};

fn flag(name: &str, value: impl AsRef<Path>) -> String {
    format!("--{name}={}", value.as_ref().display())
}

pub(super) fn etcd(context: &Context) -> Result<PartSpec, Error> {
    let data = context.layout.etcd();
    files::create_private_dir(&data)?;
    let pki = context.layout.pki().join("etcd");
    let client = format!("https://127.0.0.1:{}", context.ports.of("etcd-client"));
    let peer = format!("https://127.0.0.1:{}", context.ports.of("etcd-peer"));
    let health = context.ports.of("etcd-health");
    Ok(context
        .part("etcd", Probe::http(health, "/readyz"))
        .args([
            "--name=lectern",
            "--client-cert-auth=true",
            "--peer-client-cert-auth=true",
            "--log-level=warn",
        ])
        .arg(flag("data-dir", data))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=lectern={peer}"))
        .arg(format!("--listen-metrics-urls=http://127.0.0.1:{health}"))
        .arg(flag("trusted-ca-file", pki.join("ca.crt")))
        .arg(flag("cert-file", pki.join("server.crt")))
        .arg(flag("key-file", pki.join("server.key")))
        .arg(flag("peer-trusted-ca-file", pki.join("ca.crt")))
        .arg(flag("peer-cert-file", pki.join("peer.crt")))
        .arg(flag("peer-key-file", pki.join("peer.key"))))
}

/// The API server, bound to the bridge's address alone: the machine reaches it there, pods do, and the firewall keeps
/// everybody else away.
pub(super) fn kube_apiserver(context: &Context) -> PartSpec {
    let pki = context.layout.pki();
    let address = context.options.bridge_address();
    let port = context.ports.of("kube-apiserver");
    let mut spec = context
        .part("kube-apiserver", Probe::tcp(address, port))
        .args([
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--enable-bootstrap-token-auth=false",
            "--kubelet-preferred-address-types=InternalIP",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--profiling=false",
        ])
        .arg(format!("--bind-address={address}"))
        .arg(format!("--advertise-address={address}"))
        .arg(format!("--secure-port={port}"))
        .arg(format!("--service-cluster-ip-range={}", context.options.services))
        .arg(format!("--etcd-servers=https://127.0.0.1:{}", context.ports.of("etcd-client")));
    for (name, file) in [
        ("client-ca-file", "ca.crt"),
        ("tls-cert-file", "apiserver.crt"),
        ("tls-private-key-file", "apiserver.key"),
        ("etcd-cafile", "etcd/ca.crt"),
        ("etcd-certfile", "apiserver-etcd-client.crt"),
        ("etcd-keyfile", "apiserver-etcd-client.key"),
        ("kubelet-certificate-authority", "ca.crt"),
        ("kubelet-client-certificate", "apiserver-kubelet-client.crt"),
        ("kubelet-client-key", "apiserver-kubelet-client.key"),
        ("proxy-client-cert-file", "front-proxy-client.crt"),
        ("proxy-client-key-file", "front-proxy-client.key"),
        ("requestheader-client-ca-file", "front-proxy-ca.crt"),
        ("service-account-key-file", "sa.pub"),
        ("service-account-signing-key-file", "sa.key"),
    ] {
        spec = spec.arg(flag(name, pki.join(file)));
    }
    spec.stop_limit = Duration::from_secs(4);
    spec
}

pub(super) fn kube_controller_manager(context: &Context) -> PartSpec {
    let pki = context.layout.pki();
    let port = context.ports.of("kube-controller-manager");
    let kubeconfig = context.layout.kubeconfig("controller-manager");
    let mut spec = context
        .part("kube-controller-manager", Probe::tcp(Ipv4Addr::LOCALHOST, port))
        .args([
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            "--use-service-account-credentials=true",
            "--controllers=*",
            // a class that starts together claims thirty volumes at once, and 20 requests a second bind them too slowly
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--profiling=false",
        ])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--service-cluster-ip-range={}", context.options.services));
    for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
        spec = spec.arg(flag(name, &kubeconfig));
    }
    for (name, file) in [
        ("client-ca-file", "ca.crt"),
        ("root-ca-file", "ca.crt"),
        ("cluster-signing-cert-file", "ca.crt"),
        ("cluster-signing-key-file", "ca.key"),
        ("requestheader-client-ca-file", "front-proxy-ca.crt"),
        ("service-account-private-key-file", "sa.key"),
    ] {
        spec = spec.arg(flag(name, pki.join(file)));
    }
    spec
}

pub(super) fn kube_scheduler(context: &Context) -> PartSpec {
    let port = context.ports.of("kube-scheduler");
    let kubeconfig = context.layout.kubeconfig("scheduler");
    let mut spec = context
        .part("kube-scheduler", Probe::tcp(Ipv4Addr::LOCALHOST, port))
        .args(["--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false"])
        .arg(format!("--secure-port={port}"));
    for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
        spec = spec.arg(flag(name, &kubeconfig));
    }
    spec
}

impl Context {
    /// A part of the multi-call program.
    pub(super) fn part(&self, name: &'static str, probe: Probe) -> PartSpec {
        cluster_part(&self.options.program, name, probe)
    }
}
